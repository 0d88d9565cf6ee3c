//! What is read of a library, and what is refused, without running it.

use crate::common;

use common::{Elf, Note, elf, reason};
use wash_plugin_abi::manifest::{ManifestError, NOTE_OWNER, NOTE_TYPE};
use wash_plugin_loader::{Inspected, RejectionCause, Stage};

fn logger() -> Note {
    Note::new("custom-logger", "wasi:logging")
}

#[test]
fn a_plugin_says_what_it_is() {
    let elf = Elf {
        needed: vec!["libc.so.6".to_owned(), "libodd.so".to_owned()],
        runpath: "$ORIGIN/lib:/opt/odd".to_owned(),
        ..Elf::plugin(&logger())
    };
    let plugin = Inspected::from_bytes("plugins/libx.so", elf.bytes()).unwrap();
    assert_eq!(plugin.id(), "custom-logger");
    assert_eq!(plugin.path().to_str(), Some("plugins/libx.so"));
    assert_eq!(
        plugin.world().exports().collect::<Vec<_>>(),
        ["wasi:logging/api@0.1.0"]
    );
    assert_eq!(plugin.linkage().needed, ["libc.so.6", "libodd.so"]);
    assert_eq!(plugin.linkage().search_paths, ["$ORIGIN/lib", "/opt/odd"]);
    assert_eq!(plugin.bytes(), elf.bytes());
    assert_eq!(plugin.sha256().len(), 64);
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let rejection = Inspected::from_bytes("x.so", b"abc".to_vec()).unwrap_err();
    assert_eq!(rejection.stage(), Stage::Inspect);
    // Of an empty file, which every sha256sum can confirm.
    let loader = wash_plugin_loader::PluginLoader::builder();
    let directory = common::Directory::new();
    let path = directory.write("empty.so", b"");
    let report = loader
        .file(path)
        .build()
        .unwrap()
        .inspect()
        .unwrap()
        .report();
    assert_eq!(
        report.entries[0].sha256.as_deref(),
        Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
}

#[test]
fn the_note_is_found_in_the_section_too() {
    let elf = Elf {
        note_section: Some(logger().bytes()),
        ..Elf::empty()
    };
    assert_eq!(
        Inspected::from_bytes("x.so", elf.bytes()).unwrap().id(),
        "custom-logger"
    );
}

#[test]
fn the_note_is_found_among_others() {
    let mut notes = elf::note("GNU", 3, b"an id");
    notes.extend(logger().bytes());
    let elf = Elf {
        notes: Some(notes),
        ..Elf::empty()
    };
    assert_eq!(
        Inspected::from_bytes("x.so", elf.bytes()).unwrap().id(),
        "custom-logger"
    );
}

#[test]
fn what_is_no_library_is_named() {
    for (bytes, expected) in [
        (&b""[..], "it is not a shared library: it is empty"),
        (
            b"hello",
            "it is not a shared library: it is neither ELF nor Mach-O",
        ),
        (
            b"\0asm\x0d\0\x01\0",
            "it is not a shared library: it is WebAssembly",
        ),
        (
            b"MZ\x90\0",
            "it is not a shared library: it is a Windows library or program",
        ),
        (
            b"!<arch>\n",
            "it is not a shared library: it is a static library",
        ),
        (b"#!/bin/sh\n", "it is not a shared library: it is a script"),
    ] {
        assert_eq!(reason(bytes.to_vec()), expected);
    }
    let executable = Elf {
        ty: elf::ET_EXEC,
        ..Elf::plugin(&logger())
    };
    assert_eq!(
        reason(executable.bytes()),
        "it is an executable, not a shared library"
    );
    let pie = Elf {
        flags_1: 0x0800_0000,
        ..Elf::plugin(&logger())
    };
    assert_eq!(
        reason(pie.bytes()),
        "it is an executable, not a shared library"
    );
    assert!(
        reason(
            Elf {
                ty: 4,
                ..Elf::empty()
            }
            .bytes()
        )
        .contains("core dump")
    );
    assert!(
        reason(
            Elf {
                ty: 77,
                ..Elf::empty()
            }
            .bytes()
        )
        .contains("ELF file of type 77")
    );
}

#[test]
fn a_library_of_another_system_is_named() {
    // The header of a 64-bit little-endian Mach-O library.
    let mut macho = 0xfeed_facf_u32.to_le_bytes().to_vec();
    macho.resize(64, 0);
    assert_eq!(
        reason(macho),
        "it is a library in Mach-O format, and this host loads ELF"
    );
}

#[test]
fn a_library_for_another_machine_is_named() {
    let foreign = Elf {
        machine: elf::FOREIGN,
        ..Elf::plugin(&logger())
    };
    let text = reason(foreign.bytes());
    let (here, there) = if elf::HOST == elf::X86_64 {
        ("x86_64", "aarch64")
    } else {
        ("aarch64", "x86_64")
    };
    assert_eq!(
        text,
        format!(
            "it is built for {there} (64-bit, little-endian), and this host runs on {here} \
             (64-bit, little-endian)"
        )
    );
    let big = Elf {
        big_endian: true,
        ..Elf::plugin(&logger())
    };
    assert!(
        reason(big.bytes()).starts_with(&format!("it is built for {here} (64-bit, big-endian)"))
    );
    let small = Elf {
        is_64: false,
        ..Elf::plugin(&logger())
    };
    assert!(reason(small.bytes()).starts_with(&format!("it is built for {here} (32-bit, little")));
    let odd = Elf {
        machine: 0x1234,
        ..Elf::plugin(&logger())
    };
    assert!(reason(odd.bytes()).starts_with("it is built for processor number 4660"));
}

#[test]
fn a_library_without_a_note_is_no_plugin() {
    let rejection = Inspected::from_bytes("plugins/libz.so", Elf::empty().bytes()).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "plugins/libz.so: rejected: it is not a wash plugin: it has no plugin manifest"
    );
    assert!(
        rejection
            .hint()
            .contains("does it call `wash_plugin_abi::export!`?")
    );
    let other = Elf {
        notes: Some(elf::note("GNU", 3, b"an id")),
        ..Elf::empty()
    };
    assert!(reason(other.bytes()).contains("it has no plugin manifest"));
}

#[test]
fn a_malformed_note_is_named() {
    let notes = |notes: Vec<u8>| {
        reason(
            Elf {
                notes: Some(notes),
                ..Elf::empty()
            }
            .bytes(),
        )
    };
    let plugin_note = |description: &[u8]| notes(elf::note(NOTE_OWNER, NOTE_TYPE, description));
    assert_eq!(
        plugin_note(b""),
        "its plugin manifest is not valid: it is cut off at byte 0"
    );
    assert_eq!(
        plugin_note(&[9, 0, 0, 0]),
        "its plugin manifest is not valid: its format is 9, and this host reads format 1"
    );
    assert_eq!(
        plugin_note(&[1, 0, 0, 0]),
        "its plugin manifest is not valid: it has no id"
    );

    let mut cut = logger().bytes();
    cut.truncate(cut.len() - 8);
    assert!(notes(cut).contains("it is cut off"));

    let mut huge = logger().bytes();
    huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let elf = Elf {
        notes: Some(huge),
        ..Elf::empty()
    };
    let rejection = Inspected::from_bytes("x.so", elf.bytes()).unwrap_err();
    assert!(
        matches!(
            rejection.cause(),
            RejectionCause::Manifest(ManifestError::TooLarge { len: 0xffff_ffff })
        ),
        "{rejection}"
    );

    let wrong = Note {
        id: "Not Valid".to_owned(),
        ..logger()
    };
    assert!(notes(wrong.bytes()).contains("its id \"Not Valid\" is not valid"));
}

#[test]
fn wit_that_cannot_be_read_is_named() {
    let note = Note {
        wit: "package a:b; interface {".to_owned(),
        ..logger()
    };
    let rejection = Inspected::from_bytes("x.so", Elf::plugin(&note).bytes()).unwrap_err();
    assert_eq!(rejection.id(), Some("custom-logger"));
    assert!(
        rejection.to_string().starts_with(
            "x.so: plugin `custom-logger` is rejected: its plugin manifest is not valid: "
        ),
        "{rejection}"
    );
}
