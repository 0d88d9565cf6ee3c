//! The container format of a library, and the description in its plugin note.

use object::{Endianness, FileKind};
use wash_plugin_abi::manifest::note_description;

use super::{Linkage, Target, elf, macho};
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// The format that this host loads.
const HOST_FORMAT: &str = if cfg!(target_vendor = "apple") {
    MACHO
} else {
    ELF
};
const ELF: &str = "ELF";
const MACHO: &str = "Mach-O";

/// Notes longer than this are not searched for a manifest.
const MAX_NOTES_LEN: usize = 2 * wash_plugin_abi::manifest::MAX_LEN;
/// A library with more needed libraries, or longer names, is damaged.
const MAX_NAMES: usize = 1024;
const MAX_NAME_LEN: usize = 4096;

/// The manifest in a library for `host`, and what the library makes the
/// dynamic linker do.
pub(super) fn read<'a>(bytes: &'a [u8], host: &Target) -> Result<(&'a [u8], Linkage)> {
    let kind = FileKind::parse(bytes).map_err(|_| not_a_library(bytes))?;
    let format = match kind {
        FileKind::Elf32 | FileKind::Elf64 => ELF,
        FileKind::MachO32 | FileKind::MachO64 | FileKind::MachOFat32 | FileKind::MachOFat64 => {
            MACHO
        }
        _ => {
            return Err(not_a_library(bytes));
        }
    };
    if format != HOST_FORMAT {
        return Err(RejectionCause::Format {
            found: format,
            host: HOST_FORMAT,
        });
    }
    read_kind(kind, bytes, host)
}

/// As [`read`], of whatever format.
fn read_kind<'a>(kind: FileKind, bytes: &'a [u8], host: &Target) -> Result<(&'a [u8], Linkage)> {
    use object::{elf as e, macho as m};
    let (notes, linkage) = match kind {
        FileKind::Elf32 => elf::read::<e::FileHeader32<Endianness>>(bytes, host)?,
        FileKind::Elf64 => elf::read::<e::FileHeader64<Endianness>>(bytes, host)?,
        FileKind::MachO32 => macho::read::<m::MachHeader32<Endianness>>(bytes, host)?,
        FileKind::MachO64 => macho::read::<m::MachHeader64<Endianness>>(bytes, host)?,
        FileKind::MachOFat32 => macho::read_fat::<m::FatArch32>(bytes, host)?,
        FileKind::MachOFat64 => macho::read_fat::<m::FatArch64>(bytes, host)?,
        _ => {
            return Err(not_a_library(bytes));
        }
    };
    Ok((notes.ok_or(RejectionCause::NoManifest)?, linkage))
}

/// Why a file is refused that is no library, as far as its beginning says.
pub(super) fn not_a_library(head: &[u8]) -> RejectionCause {
    RejectionCause::NotALibrary {
        found: describe(head),
    }
}

/// What a file that is no library seems to be.
fn describe(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "it is empty",
        [b'\0', b'a', b's', b'm', ..] => "it is WebAssembly",
        [b'M', b'Z', ..] => "it is a Windows library or program",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "it is a static library",
        [b'#', b'!', ..] => "it is a script",
        [0x7f, b'E', b'L', b'F', ..] => "its ELF header is not valid",
        _ => "it is neither ELF nor Mach-O",
    }
}

/// The description of the plugin's note among `notes`.
pub(super) fn find_note(notes: &[u8]) -> Result<Option<&[u8]>> {
    if notes.len() > MAX_NOTES_LEN {
        return Err(damaged(format!("it has notes of {} bytes", notes.len())));
    }
    note_description(notes).map_err(RejectionCause::Manifest)
}

/// Adds a name to one of the lists of [`Linkage`].
pub(super) fn push_name(names: &mut Vec<String>, name: &[u8]) -> Result<()> {
    if names.len() >= MAX_NAMES {
        return Err(damaged(format!(
            "it names more than {MAX_NAMES} libraries or directories"
        )));
    }
    if name.len() > MAX_NAME_LEN {
        return Err(damaged(format!(
            "it names a library or directory with {} bytes",
            name.len()
        )));
    }
    names.push(String::from_utf8_lossy(name).into_owned());
    Ok(())
}

pub(super) fn damaged(problem: impl Into<String>) -> RejectionCause {
    RejectionCause::Damaged {
        problem: problem.into(),
    }
}

/// For the errors of `object`, which are sentences without an end.
pub(super) fn broken(error: object::read::Error) -> RejectionCause {
    damaged(error.to_string())
}

/// Whether a library is made for this host.
pub(super) fn check_target(found: Target, host: &Target) -> Result<()> {
    if found == *host {
        return Ok(());
    }
    Err(RejectionCause::Target {
        found,
        host: host.clone(),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
