//! Plugin libraries in ELF format.

use object::{
    Endianness, elf,
    read::{
        StringTable,
        elf::{Dyn, FileHeader, ProgramHeader, SectionHeader},
    },
};
use wash_plugin_abi::manifest::ELF_SECTION;

use super::{
    Linkage, Target,
    binary::{broken, check_target, damaged, find_note, push_name},
};
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// A library has a handful of segments; more than this cost time for nothing.
const MAX_SEGMENTS: usize = 1024;
const MAX_SECTIONS: usize = 1 << 16;

/// The description of the plugin's note, and the linkage.
pub(super) fn read<'a, H>(bytes: &'a [u8], host: &Target) -> Result<(Option<&'a [u8]>, Linkage)>
where
    H: FileHeader<Endian = Endianness>,
{
    let header = H::parse(bytes).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let bits = if header.is_type_64() { 64 } else { 32 };
    check_target(
        Target::elf(header.e_machine(endian), bits, header.is_little_endian()),
        host,
    )?;
    match header.e_type(endian) {
        elf::ET_DYN => {}
        elf::ET_EXEC => {
            return Err(RejectionCause::Kind {
                found: "an executable".to_owned(),
            });
        }
        elf::ET_REL => {
            return Err(RejectionCause::Kind {
                found: "an object file".to_owned(),
            });
        }
        elf::ET_CORE => {
            return Err(RejectionCause::Kind {
                found: "a core dump".to_owned(),
            });
        }
        other => {
            let found = format!("an ELF file of type {}", other.0);
            return Err(RejectionCause::Kind { found });
        }
    }
    let segments = header.program_headers(endian, bytes).map_err(broken)?;
    if segments.is_empty() {
        return Err(damaged("it has no segments"));
    }
    if segments.len() > MAX_SEGMENTS {
        return Err(damaged(format!("it has {} segments", segments.len())));
    }
    for segment in segments {
        // Loading it would fail, or worse: a page beyond the end of the file
        // is a SIGBUS when it is touched.
        segment
            .data(endian, bytes)
            .map_err(|()| damaged("a segment lies beyond the end of the file; it is cut off"))?;
    }
    // Loading it needs no section, but linkers put their table at the very end:
    // without it, this is not the file that somebody built.
    header
        .section_headers(endian, bytes)
        .map_err(|_| damaged("its section table lies beyond the end of the file; it is cut off"))?;
    let linkage = linkage::<H>(segments, endian, bytes)?;
    let note = match note_in_segments::<H>(segments, endian, bytes)? {
        Some(note) => Some(note),
        None => note_in_section(header, endian, bytes)?,
    };
    Ok((note, linkage))
}

/// Looks where a note is found even when the section table was stripped.
fn note_in_segments<'a, H>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<Option<&'a [u8]>>
where
    H: FileHeader<Endian = Endianness>,
{
    for segment in segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_NOTE)
    {
        if let Ok(notes) = segment.data(endian, bytes)
            && let Some(note) = find_note(notes)?
        {
            return Ok(Some(note));
        }
    }
    Ok(None)
}

fn note_in_section<'a, H>(
    header: &H,
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<Option<&'a [u8]>>
where
    H: FileHeader<Endian = Endianness>,
{
    let sections = header.sections(endian, bytes).map_err(broken)?;
    if sections.len() > MAX_SECTIONS {
        return Err(damaged(format!("it has {} sections", sections.len())));
    }
    match sections.section_by_name(endian, ELF_SECTION.as_bytes()) {
        Some((_, section)) => find_note(section.data(endian, bytes).map_err(broken)?),
        None => Ok(None),
    }
}

/// What the dynamic segment says. The loader reads that segment too, and not
/// the section of the same name.
fn linkage<H>(segments: &[H::ProgramHeader], endian: Endianness, bytes: &[u8]) -> Result<Linkage>
where
    H: FileHeader<Endian = Endianness>,
{
    let mut linkage = Linkage::default();
    let mut dynamic = None;
    for segment in segments {
        if let Some(entries) = segment.dynamic(endian, bytes).map_err(broken)? {
            dynamic = Some(entries);
            break;
        }
    }
    let Some(entries) = dynamic else {
        return Ok(linkage);
    };
    let entries = || {
        entries
            .iter()
            .map(|entry| (entry.d_tag(endian), entry.d_val(endian).into()))
            .take_while(|(tag, _)| *tag != elf::DT_NULL)
    };
    let value = |wanted| {
        entries()
            .find(|(tag, _)| *tag == wanted)
            .map(|(_, value)| value)
    };

    let flags: u64 = value(elf::DT_FLAGS_1).unwrap_or(0);
    if flags & DF_1_PIE != 0 {
        return Err(RejectionCause::Kind {
            found: "an executable".to_owned(),
        });
    }
    let strings = match (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) {
        (Some(address), Some(len)) => strings::<H>(segments, endian, bytes, address, len),
        _ => StringTable::default(),
    };
    let outside = || damaged("the name of a library that it needs lies outside its strings");
    for (tag, offset) in entries() {
        let names = match tag {
            elf::DT_NEEDED | elf::DT_FILTER | elf::DT_AUXILIARY => &mut linkage.needed,
            elf::DT_RPATH | elf::DT_RUNPATH => &mut linkage.search_paths,
            _ => continue,
        };
        let offset = u32::try_from(offset).map_err(|_| outside())?;
        let name = strings.get(offset).map_err(|()| outside())?;
        if !matches!(tag, elf::DT_RPATH | elf::DT_RUNPATH) {
            push_name(names, name)?;
        } else if !name.is_empty() {
            for path in name.split(|byte| *byte == b':') {
                // Nothing between two colons is the working directory.
                push_name(names, if path.is_empty() { b"." } else { path })?;
            }
        }
    }
    Ok(linkage)
}

/// Set in position-independent executables, which have a library's type.
const DF_1_PIE: u64 = 0x0800_0000;

/// The string table at an address of the loaded image.
fn strings<'a, H>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    bytes: &'a [u8],
    address: u64,
    len: u64,
) -> StringTable<'a>
where
    H: FileHeader<Endian = Endianness>,
{
    segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .find_map(|segment| {
            segment
                .data_range(endian, bytes, address, len)
                .ok()
                .flatten()
        })
        .map(|strings| StringTable::new(strings, 0, strings.len() as u64))
        .unwrap_or_default()
}
