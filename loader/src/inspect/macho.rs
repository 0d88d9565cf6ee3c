//! Plugin libraries in Mach-O format, also in universal files.

use object::{
    Endianness, macho,
    read::macho::{FatArch, LoadCommandVariant, MachHeader, MachOFatFile, Section, Segment},
};
use wash_plugin_abi::manifest::MACHO_SECTION;

use super::{
    Linkage, Target,
    binary::{broken, check_target, damaged, find_note, push_name},
};
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// A universal file has a handful of them.
const MAX_ARCHITECTURES: usize = 64;

/// The description of the plugin's note, and the linkage.
pub(super) fn read<'a, H>(bytes: &'a [u8], host: &Target) -> Result<(Option<&'a [u8]>, Linkage)>
where
    H: MachHeader<Endian = Endianness>,
{
    let header = H::parse(bytes, 0).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let bits = if header.is_type_64() { 64 } else { 32 };
    check_target(
        Target::macho(header.cputype(endian), bits, header.is_little_endian()),
        host,
    )?;
    match header.filetype(endian) {
        macho::MH_DYLIB | macho::MH_BUNDLE => {}
        macho::MH_EXECUTE => {
            return Err(RejectionCause::Kind {
                found: "an executable".to_owned(),
            });
        }
        macho::MH_OBJECT => {
            return Err(RejectionCause::Kind {
                found: "an object file".to_owned(),
            });
        }
        other => {
            let found = format!("a Mach-O file of type {}", other.0);
            return Err(RejectionCause::Kind { found });
        }
    }
    let mut linkage = Linkage::default();
    let mut note = None;
    let mut commands = header.load_commands(endian, bytes, 0).map_err(broken)?;
    while let Some(command) = commands.next().map_err(broken)? {
        match command.variant().map_err(broken)? {
            LoadCommandVariant::Dylib(dylib) => {
                let name = command.string(endian, dylib.dylib.name).map_err(broken)?;
                push_name(&mut linkage.needed, name)?;
            }
            LoadCommandVariant::Rpath(rpath) => {
                let path = command.string(endian, rpath.path).map_err(broken)?;
                push_name(&mut linkage.search_paths, path)?;
            }
            // What the dynamic linker reads to bind symbols.
            LoadCommandVariant::Symtab(table) => {
                let symbol = if header.is_type_64() { 16 } else { 12 };
                let number = |field: object::U32<Endianness>| u64::from(field.get(endian));
                check_part(bytes, number(table.symoff), number(table.nsyms) * symbol)?;
                check_part(bytes, number(table.stroff), number(table.strsize))?;
            }
            LoadCommandVariant::Dysymtab(table) => {
                let number = |field: object::U32<Endianness>| u64::from(field.get(endian));
                for (at, count, len) in [
                    (table.indirectsymoff, table.nindirectsyms, 4),
                    (table.extreloff, table.nextrel, 8),
                    (table.locreloff, table.nlocrel, 8),
                ] {
                    check_part(bytes, number(at), number(count) * len)?;
                }
            }
            LoadCommandVariant::DyldInfo(info) => {
                let number = |field: object::U32<Endianness>| u64::from(field.get(endian));
                for (at, len) in [
                    (info.rebase_off, info.rebase_size),
                    (info.bind_off, info.bind_size),
                    (info.weak_bind_off, info.weak_bind_size),
                    (info.lazy_bind_off, info.lazy_bind_size),
                    (info.export_off, info.export_size),
                ] {
                    check_part(bytes, number(at), number(len))?;
                }
            }
            // Among others, how to relocate it, and its signature.
            LoadCommandVariant::LinkeditData(part) => {
                let number = |field: object::U32<Endianness>| u64::from(field.get(endian));
                check_part(bytes, number(part.dataoff), number(part.datasize))?;
            }
            _ => {
                if let Some((segment, sections)) =
                    H::Segment::from_command(command).map_err(broken)?
                {
                    segment.data(endian, bytes).map_err(|()| {
                        damaged("a segment lies beyond the end of the file; it is cut off")
                    })?;
                    if note.is_none() {
                        note = note_in_segment::<H>(segment, sections, endian, bytes)?;
                    }
                }
            }
        }
    }
    Ok((note, linkage))
}

/// Checks that a part that the linker reads is in the file, and not just zeros.
fn check_part(bytes: &[u8], at: u64, len: u64) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    let part = usize::try_from(at)
        .ok()
        .zip(usize::try_from(len).ok())
        .and_then(|(at, len)| bytes.get(at..at.checked_add(len)?))
        .ok_or_else(|| {
            damaged("a part that it is linked by lies beyond the end of the file; it is cut off")
        })?;
    // Parts are padded, but none of a page or more says nothing.
    match part.len() >= 4096 && part.iter().all(|byte| *byte == 0) {
        true => Err(damaged(
            "a part that it is linked by is zeros: not all of the file was written",
        )),
        false => Ok(()),
    }
}

fn note_in_segment<'a, H>(
    segment: &H::Segment,
    sections: &[u8],
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<Option<&'a [u8]>>
where
    H: MachHeader<Endian = Endianness>,
{
    let (segment_name, section_name) = MACHO_SECTION;
    for section in segment.sections(endian, sections).map_err(broken)? {
        if section.name() != section_name.as_bytes()
            || section.segment_name() != segment_name.as_bytes()
        {
            continue;
        }
        let start = usize::try_from(section.offset(endian)).ok();
        let len = usize::try_from(section.size(endian).into()).ok();
        let notes = start
            .zip(len)
            .and_then(|(start, len)| bytes.get(start..start.checked_add(len)?))
            .ok_or_else(|| damaged("the plugin manifest lies beyond the end of the file"))?;
        return find_note(notes);
    }
    Ok(None)
}

/// As [`read`], of the part of a universal file that is for `host`.
pub(super) fn read_fat<'a, F>(bytes: &'a [u8], host: &Target) -> Result<(Option<&'a [u8]>, Linkage)>
where
    F: FatArch,
{
    let file = MachOFatFile::<F>::parse(bytes).map_err(broken)?;
    if file.arches().len() > MAX_ARCHITECTURES {
        return Err(damaged(format!(
            "it is for {} architectures",
            file.arches().len()
        )));
    }
    let mut other = None;
    for arch in file.arches() {
        let is_64 = arch.cputype().0 & macho::CPU_ARCH_ABI64 != 0;
        let target = Target::macho(arch.cputype(), if is_64 { 64 } else { 32 }, true);
        if target != *host {
            other = Some(target);
            continue;
        }
        let part = arch.data(bytes).map_err(broken)?;
        return if is_64 {
            read::<macho::MachHeader64<Endianness>>(part, host)
        } else {
            read::<macho::MachHeader32<Endianness>>(part, host)
        };
    }
    let found = other.ok_or_else(|| damaged("it is a universal file with nothing in it"))?;
    Err(RejectionCause::Target {
        found,
        host: host.clone(),
    })
}
