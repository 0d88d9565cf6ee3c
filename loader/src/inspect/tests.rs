//! Mach-O libraries, which can be read on every machine.

use object::FileKind;
use wash_plugin_abi::manifest::{MACHO_SECTION, NOTE_OWNER, NOTE_TYPE};

use super::{super::target::Target, read_kind};
use crate::rejection::RejectionCause;

const ARM64: u32 = 0x0100_000c;

fn arm64() -> Target {
    Target::macho(object::macho::CPU_TYPE_ARM64, 64, true)
}

fn note(description: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [
        NOTE_OWNER.len() as u32 + 1,
        description.len() as u32,
        NOTE_TYPE,
    ] {
        out.extend(word.to_le_bytes());
    }
    out.extend(NOTE_OWNER.as_bytes());
    out.resize(20, 0);
    out.extend(description);
    out
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    out[..text.len()].copy_from_slice(text.as_bytes());
    out
}

/// A library with one segment, one section, and one needed library.
fn library(file_type: u32, note: &[u8]) -> Vec<u8> {
    let needed: [u8; 24] = padded("/usr/lib/libSystem.dylib");
    let dylib_len = 24 + needed.len() as u32 + 8;
    let segment_len = 72 + 80;
    let note_at = 32 + segment_len + dylib_len;
    let mut out = Vec::new();
    for word in [
        0xfeed_facf,
        ARM64,
        0,
        file_type,
        2,
        segment_len + dylib_len,
        0,
        0,
    ] {
        out.extend(word.to_le_bytes());
    }
    let (segment, section) = MACHO_SECTION;
    for word in [0x19, segment_len] {
        out.extend(word.to_le_bytes());
    }
    out.extend(padded::<16>(segment));
    for long in [
        0,
        u64::from(note_at) + note.len() as u64,
        0,
        u64::from(note_at) + note.len() as u64,
    ] {
        out.extend(long.to_le_bytes());
    }
    for word in [3_u32, 3, 1, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(padded::<16>(section));
    out.extend(padded::<16>(segment));
    for long in [u64::from(note_at), note.len() as u64] {
        out.extend(long.to_le_bytes());
    }
    for word in [note_at, 2, 0, 0, 0, 0, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    for word in [0xc, dylib_len, 24, 0, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(needed);
    out.extend([0; 8]);
    assert_eq!(out.len(), note_at as usize);
    out.extend(note);
    out
}

#[test]
fn the_note_is_found_in_its_section() {
    let bytes = library(6, &note(b"hello"));
    let (description, linkage) = read_kind(FileKind::MachO64, &bytes, &arm64()).unwrap();
    assert_eq!(description, b"hello");
    assert_eq!(linkage.needed, ["/usr/lib/libSystem.dylib"]);
}

#[test]
fn other_machines_and_kinds_are_refused() {
    let bytes = library(6, &note(b"hello"));
    let intel = Target::macho(object::macho::CPU_TYPE_X86_64, 64, true);
    assert!(matches!(
        read_kind(FileKind::MachO64, &bytes, &intel),
        Err(RejectionCause::Target { .. })
    ));
    assert!(matches!(
        read_kind(FileKind::MachO64, &library(2, &note(b"")), &arm64()),
        Err(RejectionCause::Kind { .. })
    ));
    assert!(matches!(
        read_kind(FileKind::MachO64, &library(6, b""), &arm64()),
        Err(RejectionCause::NoManifest)
    ));
}

#[test]
fn the_right_part_of_a_universal_file_is_read() {
    let part = library(6, &note(b"hello"));
    let mut bytes = Vec::new();
    for word in [
        0xcafe_babe,
        2,
        0x0100_0007,
        3,
        4096,
        16,
        12,
        ARM64,
        0,
        64,
        part.len() as u32,
        2,
    ] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.resize(64, 0);
    bytes.extend(part);
    let (description, _) = read_kind(FileKind::MachOFat32, &bytes, &arm64()).unwrap();
    assert_eq!(description, b"hello");
    let power = Target::macho(object::macho::CPU_TYPE_POWERPC64, 64, true);
    assert!(matches!(
        read_kind(FileKind::MachOFat32, &bytes, &power),
        Err(RejectionCause::Target { .. })
    ));
}

#[test]
fn no_length_of_it_panics() {
    let bytes = library(6, &note(b"hello"));
    for len in 0..bytes.len() {
        assert!(
            read_kind(FileKind::MachO64, &bytes[..len], &arm64()).is_err(),
            "{len}"
        );
    }
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let _ = read_kind(FileKind::MachO64, &bytes, &arm64());
        }
    }
}
