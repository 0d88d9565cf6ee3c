//! Files that are not whole: half written, half reserved, or full of zeros.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, elf};
use wash_plugin_loader::{Inspected, PluginLoader, Rejection, RejectionCause, Scan, admit};

use crate::common::{Directory, Elf, Note, cc};

type Header = elf::FileHeader64<Endianness>;

fn inspect(path: &Path) -> Result<Inspected, Rejection> {
    Scan::file(path).unwrap().candidates.remove(0).inspect()
}

#[track_caller]
fn assert_damaged(bytes: Vec<u8>, part: &str) {
    let rejection = Inspected::from_bytes("x.so", bytes).unwrap_err();
    let RejectionCause::Damaged { problem } = rejection.cause() else {
        panic!("another cause: {rejection}");
    };
    assert!(problem.contains(part), "{problem:?} does not say {part:?}");
    assert_eq!(
        rejection.hint(),
        "copy the file again: it may be incomplete"
    );
}

/// The plugin in C, and its bytes.
fn library() -> (Directory, Vec<u8>) {
    let directory = Directory::new();
    let path = cc::build(&directory, "whole", cc::PLUGIN, &[]);
    let bytes = fs::read(path).unwrap();
    (directory, bytes)
}

/// Where in the file a section is.
fn section(bytes: &[u8], name: &str) -> std::ops::Range<usize> {
    let header = Header::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, bytes).unwrap();
    let (_, section) = sections
        .section_by_name(endian, name.as_bytes())
        .unwrap_or_else(|| panic!("it has no {name}"));
    let (start, len) = section.file_range(endian).unwrap();
    start as usize..(start + len) as usize
}

/// Where in the file the value of a dynamic entry is.
fn dynamic(bytes: &[u8], tag: elf::DynamicTag) -> usize {
    let header = Header::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, bytes).unwrap();
    let segment = segments
        .iter()
        .find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC)
        .unwrap();
    let entries = segment.dynamic(endian, bytes).unwrap().unwrap();
    let index = entries
        .iter()
        .position(|entry| entry.tag(endian) == tag)
        .unwrap();
    segment.p_offset(endian) as usize + index * 16 + 8
}

#[test]
fn what_a_compiler_makes_is_ready() {
    let (_directory, bytes) = library();
    let plugin = Inspected::from_bytes("x.so", bytes).unwrap();
    assert_eq!(plugin.id(), "whole");
    assert_eq!(plugin.linkage().static_tls, None);
    assert!(admit(vec![plugin], &[]).rejections.is_empty());
}

#[test]
fn a_tail_of_zeros_is_refused_however_long() {
    let (_directory, whole) = library();
    // The last entry of the section table ends with zeros anyway.
    for keep in (0..whole.len() - 64).step_by(61) {
        let mut bytes = whole.clone();
        bytes[keep..].fill(0);
        if let Ok(plugin) = Inspected::from_bytes("x.so", bytes) {
            panic!("{} is accepted with {keep} bytes", plugin.id());
        }
    }
}

/// Where the section table is whole, too: it may have been written first.
#[test]
fn zeros_in_place_of_what_the_linker_reads_are_refused() {
    let (_directory, whole) = library();
    for (name, part) in [
        (".dynamic", "dynamic segment is zeros"),
        (".dynsym", "table of symbols is zeros"),
        (".dynstr", "table of names is zeros"),
        (".gnu.hash", "table of hashes is zeros"),
        (".rela.dyn", "table of relocations is zeros"),
        (".text", "it is loaded is zeros"),
        (".init", "it is loaded is zeros"),
        (".eh_frame_hdr", "table for unwinding is zeros"),
        (".shstrtab", "table of section names is zeros"),
    ] {
        let mut bytes = whole.clone();
        let range = section(&bytes, name);
        bytes[range].fill(0);
        assert_damaged(bytes, part);
    }
    // Of some tables, a page at the end.
    let mut bytes = whole.clone();
    let range = section(&bytes, ".rela.dyn");
    bytes[range.end - 24..range.end].fill(0);
    let _ = Inspected::from_bytes("x.so", bytes);
}

#[test]
fn a_page_of_code_that_was_not_written_is_refused() {
    let directory = Directory::new();
    // Enough of it for some pages.
    let mut code = cc::PLUGIN.to_owned();
    for i in 0..400 {
        code.push_str(&format!(
            "int wash_test_{i}(int x) {{ return x * {i} + wash_test_name(x)[0]; }}\n"
        ));
    }
    let path = cc::build(&directory, "large", &code, &[]);
    let whole = fs::read(path).unwrap();
    let code = section(&whole, ".text");
    let page = code.start.next_multiple_of(4096);
    assert!(page + 4096 <= code.end, "the code is too short");
    let mut bytes = whole;
    bytes[page..page + 4096].fill(0);
    assert_damaged(bytes, "4 KiB of its code are zeros");
}

#[test]
fn what_leads_out_of_the_file_is_refused() {
    let (_directory, whole) = library();
    for (tag, part) in [
        (elf::DT_STRTAB, "table of names lies outside"),
        (elf::DT_SYMTAB, "table of symbols lies outside"),
        (elf::DT_GNU_HASH, "table of hashes lies outside"),
        (elf::DT_RELA, "table of relocations lies outside"),
        (elf::DT_VERNEED, "table of versions lies outside"),
        (elf::DT_VERSYM, "table of versions lies outside"),
        (elf::DT_INIT, "is not in its code"),
        (elf::DT_FINI, "is not in its code"),
        (elf::DT_INIT_ARRAY, "list of functions to run lies outside"),
        (elf::DT_FINI_ARRAY, "list of functions to run lies outside"),
    ] {
        let mut bytes = whole.clone();
        let at = dynamic(&bytes, tag);
        bytes[at..at + 8].copy_from_slice(&0x7fff_0000_u64.to_le_bytes());
        assert_damaged(bytes, part);
    }
    for (tag, part) in [
        (elf::DT_STRSZ, "table of names lies outside"),
        (elf::DT_RELASZ, "table of relocations lies outside"),
        (elf::DT_INIT_ARRAYSZ, "list of functions to run"),
        (elf::DT_RELACOUNT, "table of relocations has"),
    ] {
        let mut bytes = whole.clone();
        let at = dynamic(&bytes, tag);
        bytes[at..at + 8]
            .copy_from_slice(&0x2_0000_0010_u64.next_multiple_of(24 * 8).to_le_bytes());
        assert_damaged(bytes, part);
    }
}

/// The linker writes to, and calls, whatever a relocation says.
#[test]
fn relocations_that_lead_astray_are_refused() {
    let (_directory, whole) = library();
    let table = section(&whole, ".rela.dyn");
    let first = table.start;
    let change = |at: usize, value: u64| {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    assert_damaged(change(first, 0), "where nothing can be");
    assert_damaged(change(first, 0x7fff_0000), "outside of it");
    // The first ones are functions that run when it is loaded.
    let text = section(&whole, ".rodata");
    assert_damaged(change(first + 16, text.start as u64), "is not in its code");
    // Said to be an address of the library, and not one.
    assert_damaged(change(first + 8, 6), "does not begin as it says");
    let last = table.end - 24;
    assert_damaged(
        change(last + 8, 0x7fff << 32 | 6),
        "a symbol that it does not have",
    );
}

#[test]
fn a_file_that_somebody_writes_is_not_read() {
    let directory = Directory::new();
    let path = directory.plugin("a.so", "a", "a:a");
    assert!(inspect(&path).is_ok());
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    let rejection = inspect(&path).unwrap_err();
    assert!(
        matches!(rejection.cause(), RejectionCause::BeingWritten),
        "{rejection}"
    );
    assert!(rejection.may_pass());
    assert!(
        rejection.hint().contains("fuser -v"),
        "{}",
        rejection.hint()
    );
    drop(writer);
    assert!(inspect(&path).is_ok());
}

/// Each listing shows one content or the other, or that there is none yet.
#[test]
fn no_reading_is_torn() {
    let directory = Directory::new();
    let content = |id: &str| {
        let mut bytes = Elf::plugin(&Note::new(id, "a:a")).bytes();
        // Behind the library, where it does no harm, so that it takes a while.
        bytes.resize(1 << 20, id.as_bytes()[0]);
        bytes
    };
    let contents = [content("a"), content("b")];
    let path = directory.write("x.so", &contents[0]);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0_usize.. {
                if is_done.load(Ordering::Relaxed) {
                    return;
                }
                // Over the old content, as `cp` does.
                let mut file = OpenOptions::new().write(true).open(&path).unwrap();
                for part in contents[i % 2].chunks(1 << 16) {
                    file.write_all(part).unwrap();
                }
                drop(file);
                std::thread::yield_now();
            }
        });
        let mut seen = 0;
        for _ in 0..100 {
            match inspect(&path) {
                Ok(plugin) => {
                    assert!(contents.iter().any(|content| content == plugin.bytes()));
                    seen += 1;
                }
                Err(rejection) => assert!(rejection.may_pass(), "{rejection}"),
            }
        }
        is_done.store(true, Ordering::Relaxed);
        println!("{seen} of 100 readings succeeded");
    });
}

#[test]
fn what_was_reserved_and_not_written_is_refused_unread() {
    let directory = Directory::new();
    let path = directory.plugin("a.so", "a", "a:a");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    // More than would be kept in memory, three times.
    file.set_len(1 << 30).unwrap();
    drop(file);
    for name in ["b.so", "c.so"] {
        let file = fs::File::create(directory.path().join(name)).unwrap();
        file.set_len(1 << 30).unwrap();
    }
    let loader = PluginLoader::builder().directory(directory.path());
    let inspection = loader.build().unwrap().inspect().unwrap();
    assert_eq!(inspection.rejections().len(), 3);
    for rejection in inspection.rejections() {
        assert!(
            matches!(
                rejection.cause(),
                RejectionCause::NotWhole { missing, len } if *missing > *len / 2
            ),
            "{rejection}"
        );
    }
}
