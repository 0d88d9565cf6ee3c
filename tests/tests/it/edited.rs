//! Libraries that tools have edited after they were built, and files that were
//! not copied to their end.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::artifacts::{self, faulty, install, plugin};
use e2e::child::{Ended, run};
use wash_plugin_loader::{Inspected, RejectionCause, Stage, admit};

fn wash_host(args: &[&Path]) -> Ended {
    run(Command::new(artifacts::wash_host()).args(args))
}

/// Lists a folder, and runs a component with the plugins in it.
fn list_and_run(plugins: &Path) -> [Ended; 2] {
    let guest = artifacts::guest_path("log-command");
    [
        wash_host(&["plugin".as_ref(), "list".as_ref(), plugins]),
        wash_host(&["run".as_ref(), "--plugins".as_ref(), plugins, &guest]),
    ]
}

/// Where in the file the contents of a segment of notes are, with the place of
/// that number in the program headers, of the segment that has ours.
fn notes(bytes: &[u8]) -> (usize, Range<usize>) {
    let number = |at: usize, len: usize| {
        let mut number = [0; 8];
        number[..len].copy_from_slice(&bytes[at..at + len]);
        usize::try_from(u64::from_le_bytes(number)).unwrap()
    };
    let (headers, count) = (number(32, 8), number(56, 2));
    let mut all = (0..count).map(|index| headers + 56 * index);
    all.find_map(|header| {
        let start = number(header + 8, 8);
        let range = start..start + number(header + 32, 8);
        let is_ours = || {
            bytes[range.clone()]
                .windows(9)
                .any(|part| part == b"PLUGwash\0")
        };
        (number(header, 4) == 4 && is_ours()).then_some((header + 8, range))
    })
    .expect("there is a note")
}

/// What patchelf does to notes: the note is elsewhere in the file, and blanks
/// are in its place.
fn move_notes(bytes: &mut Vec<u8>) {
    let (offset, range) = notes(bytes);
    let end = bytes.len().next_multiple_of(16);
    let moved = bytes[range.clone()].to_vec();
    bytes.resize(end, 0);
    bytes.extend(moved);
    bytes[offset..offset + 8].copy_from_slice(&(end as u64).to_le_bytes());
    bytes[range].fill(b'X');
}

fn inspect(bytes: Vec<u8>) -> Result<Inspected, RejectionCause> {
    Inspected::from_bytes("x.so", bytes).map_err(|rejection| {
        assert_eq!(rejection.stage(), Stage::Inspect);
        assert!(!rejection.hint().is_empty());
        match rejection.cause() {
            RejectionCause::ManifestEdited => RejectionCause::ManifestEdited,
            other => panic!("another cause: {other}"),
        }
    })
}

#[test]
fn a_plugin_whose_note_was_moved_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(plugin("custom-logger")).unwrap();
    move_notes(&mut bytes);
    fs::write(folder.path().join("libmoved.so"), bytes).unwrap();
    let [list, run] = list_and_run(folder.path());
    list.expect(0, &[]);
    run.expect(0, &[]);
    assert!(run.out.contains("log-command: 1 logged"), "{run:#?}");
}

/// As plugins of earlier kits are built: the code has the note's address.
#[test]
fn sad_a_note_that_was_moved_where_the_code_expects_it() {
    let mut bytes = fs::read(faulty("no-channels")).unwrap();
    assert!(inspect(bytes.clone()).is_ok());
    move_notes(&mut bytes);
    let cause = inspect(bytes).unwrap_err();
    assert!(
        cause.to_string().contains("was moved or changed after"),
        "{cause}"
    );
}

#[test]
fn sad_a_note_that_says_another_thing_than_the_code() {
    let mut bytes = fs::read(plugin("custom-logger")).unwrap();
    let (_, range) = notes(&bytes);
    let note = &mut bytes[range];
    let version = note.windows(5).position(|part| part == b"0.1.0").unwrap();
    note[version] = b'7';
    let cause = inspect(bytes).unwrap_err();
    assert!(matches!(cause, RejectionCause::ManifestEdited));
}

#[test]
fn tools_of_packagers_may_be_used() {
    let custom = plugin("custom-logger");
    for command in [
        "strip",
        "strip --strip-all --strip-section-headers",
        "objcopy --strip-debug --remove-section .comment",
        "patchelf --set-soname libcustom.so.1",
        "patchelf --add-needed libm.so.6",
        "patchelf --set-soname a-name-that-is-much-longer-than-the-one-that-was-there.so.1.2.3",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = install(&custom, folder.path(), "libedited");
        let mut words = command.split(' ');
        let tool = words.next().unwrap();
        match Command::new(tool).args(words).arg(&path).output() {
            // Tools that do not know the option, which is a new one.
            Ok(output) if !output.status.success() => {
                println!("skipped: `{command}`: {output:?}");
                continue;
            }
            Ok(_) => {}
            Err(error) => {
                println!("skipped: there is no `{tool}`: {error}");
                continue;
            }
        }
        let [list, run] = list_and_run(folder.path());
        assert_eq!(list.code, 0, "{command}: {list:#?}");
        assert_eq!(run.code, 0, "{command}: {run:#?}");
        assert!(run.out.contains("log-command: 1 logged"), "{run:#?}");
        // Its file is named before its code runs.
        run.expect(0, &["loading plugin", path.to_str().unwrap()]);
    }
}

/// What a copy leaves that a crash cut short, and one that reserved all first.
#[test]
fn sad_a_plugin_with_a_tail_of_zeros() {
    let whole = fs::read(plugin("custom-logger")).unwrap();
    let parts = 40;
    for part in 1..=parts {
        let keep = whole.len() * part / (parts + 1);
        let mut bytes = whole.clone();
        bytes[keep..].fill(0);
        match Inspected::from_bytes("x.so", bytes) {
            Ok(_) => panic!("{keep} of {} bytes are taken for a plugin", whole.len()),
            Err(rejection) => assert!(
                rejection.hint().contains("copy the file again"),
                "{keep}: {rejection}"
            ),
        }
    }
}

#[test]
fn every_plugin_is_ready() {
    let parent = |path: PathBuf| path.parent().unwrap().to_owned();
    for folder in [
        parent(plugin("custom-logger")),
        parent(artifacts::test_plugin("strings-plugin")),
    ] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "so") {
                continue;
            }
            let plugin = Inspected::from_bytes(&path, fs::read(&path).unwrap());
            let plugin = plugin.unwrap_or_else(|rejection| panic!("{rejection}"));
            let linkage = plugin.linkage().clone();
            assert!(
                linkage
                    .versions
                    .iter()
                    .any(|needed| needed.version.starts_with("GLIBC_"))
            );
            assert_eq!(linkage.static_tls, None);
            assert!(admit(vec![plugin], &[]).rejections.is_empty(), "{path:?}");
        }
    }
}
