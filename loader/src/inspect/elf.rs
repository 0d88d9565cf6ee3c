//! Plugin libraries in ELF format.

mod image;
mod note;
mod relocations;
mod segments;
mod symbols;
mod versions;

use object::{
    Endianness, FileKind, elf,
    read::elf::{FileHeader, SectionHeader},
};
use wash_plugin_abi::{abi::QUERY_SYMBOL, manifest::ELF_SECTION};

use super::{
    Linkage, Target,
    binary::{broken, check_target, damaged, find_note, push_name},
};
use crate::rejection::RejectionCause;
use image::Image;
use symbols::Symbols;

type Result<T> = std::result::Result<T, RejectionCause>;

const MAX_SECTIONS: usize = 1 << 16;

/// Set in position-independent executables, which have a library's type.
const DF_1_PIE: u64 = 0x0800_0000;

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
    check_type(header.e_type(endian))?;
    let image = Image::parse(header, endian, bytes)?;
    segments::check(&image)?;
    segments::check_sections(header, endian, &image)?;
    check_flags(&image)?;
    let symbols = Symbols::parse(&image)?;
    let mut linkage = linkage(&image, &symbols)?;

    let note = match note_in_segments(&image)? {
        Some(note) => Some(note),
        None => note_in_section(header, endian, bytes)?,
    };
    let seen = relocations::check(&image, &symbols, |pointer| match note {
        Some(note) => note::check(&image, note, pointer),
        None => Ok(()),
    })?;
    if seen.has_static_tls {
        linkage.static_tls = image.segment(elf::PT_TLS).map(|tls| tls.memory_len);
    }
    linkage.is_packed = seen.is_packed;
    linkage.lacks_entry = !has_entry(&image, &symbols);
    Ok((note, linkage))
}

/// The names of the versions of symbols that a library of this machine has,
/// such as `GLIBC_2.34`; `None` if it cannot be read.
pub(super) fn defined_versions(bytes: &[u8]) -> Option<Vec<String>> {
    fn read<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Result<Vec<String>> {
        let header = H::parse(bytes).map_err(broken)?;
        let endian = header.endian().map_err(broken)?;
        let image = Image::parse(header, endian, bytes)?;
        versions::defined(&image, &Symbols::parse(&image)?)
    }
    match FileKind::parse(bytes).ok()? {
        FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(bytes).ok(),
        FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(bytes).ok(),
        _ => None,
    }
}

/// What a file that begins so is made for; `None` if it is no ELF file.
pub(super) fn target(head: &[u8]) -> Option<Target> {
    fn read<H: FileHeader<Endian = Endianness>>(head: &[u8], bits: u8) -> Option<Target> {
        let header = H::parse(head).ok()?;
        let machine = header.e_machine(header.endian().ok()?);
        Some(Target::elf(machine, bits, header.is_little_endian()))
    }
    match FileKind::parse(head).ok()? {
        FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(head, 32),
        FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(head, 64),
        _ => None,
    }
}

fn check_type(found: elf::FileType) -> Result<()> {
    let found = match found {
        elf::ET_DYN => return Ok(()),
        elf::ET_EXEC => "an executable".to_owned(),
        elf::ET_REL => "an object file".to_owned(),
        elf::ET_CORE => "a core dump".to_owned(),
        other => format!("an ELF file of type {}", other.0),
    };
    Err(RejectionCause::Kind { found })
}

/// Checks what the dynamic segment says of the whole library.
fn check_flags(image: &Image<'_>) -> Result<()> {
    if image.segment(elf::PT_DYNAMIC).is_none() {
        return Err(damaged("it has no dynamic segment"));
    }
    if image.dynamic().is_empty() {
        return Err(segments::blank("dynamic segment"));
    }
    let flags = image.value(elf::DT_FLAGS_1).unwrap_or_default();
    if flags & DF_1_PIE != 0 {
        return Err(RejectionCause::Kind {
            found: "an executable".to_owned(),
        });
    }
    if flags & elf::DF_1_NOOPEN.0 != 0 {
        return Err(RejectionCause::NotToBeOpened);
    }
    Ok(())
}

/// Looks where a note is found even when the section table was stripped.
fn note_in_segments<'a>(image: &Image<'a>) -> Result<Option<&'a [u8]>> {
    for segment in image.segments() {
        if segment.kind == elf::PT_NOTE
            && let Some(notes) = image.contents(segment)
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

/// Whether there is a symbol by which a host finds the plugin.
fn has_entry(image: &Image<'_>, symbols: &Symbols<'_>) -> bool {
    [abi_stable::library::ROOT_MODULE_LOADER_NAME, QUERY_SYMBOL]
        .iter()
        .any(|name| symbols.defines(image, name.as_bytes()))
}

/// What the dynamic segment says of other libraries. The dynamic linker reads
/// that segment too, and not the section of the same name.
fn linkage(image: &Image<'_>, symbols: &Symbols<'_>) -> Result<Linkage> {
    let mut linkage = Linkage::default();
    let name = |offset: u64| {
        usize::try_from(offset)
            .ok()
            .and_then(|offset| symbols.strings().get(offset..))
            .and_then(|text| text.split(|byte| *byte == 0).next())
            .ok_or_else(|| damaged("the name of a library that it needs lies outside its strings"))
    };
    for (tag, offset) in image.dynamic() {
        match *tag {
            elf::DT_NEEDED | elf::DT_FILTER | elf::DT_AUXILIARY => {
                push_name(&mut linkage.needed, name(*offset)?)?;
            }
            elf::DT_RPATH | elf::DT_RUNPATH => {
                let paths = name(*offset)?;
                if paths.is_empty() {
                    continue;
                }
                for path in paths.split(|byte| *byte == b':') {
                    // Nothing between two colons is the working directory.
                    let path = if path.is_empty() { b"." } else { path };
                    push_name(&mut linkage.search_paths, path)?;
                }
            }
            _ => {}
        }
    }
    linkage.versions = versions::needed(image, symbols, &linkage.needed)?;
    linkage.page_len = image.loaded().map(|segment| segment.align).min();
    Ok(linkage)
}
