//! Files that others could change, and plugins that bring others' code along.
#![cfg(unix)]

use crate::common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use common::{Directory, Elf, Note};
use wash_plugin_loader::{Allow, PluginLoader, Rejection, RejectionCause, Scan, Stage, admit_with};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Why a file is rejected: all that is said.
fn rejections(path: &Path, allow: Allow) -> Vec<Rejection> {
    let candidate = Scan::file(path).unwrap().candidates.remove(0);
    match candidate.inspect_with(allow) {
        Ok(plugin) => admit_with(vec![plugin], &[], allow).rejections,
        Err(rejection) => vec![rejection],
    }
}

#[track_caller]
fn assert_refused(path: &Path, at: &Path, mode: u32) {
    let all = rejections(path, Allow::NOTHING);
    let [rejection] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(rejection.path(), path);
    assert_eq!(rejection.stage(), Stage::Inspect);
    assert_eq!(
        rejection.cause().to_string(),
        format!(
            "others than its owner can write to {} (its mode is {mode:04o}), and could put other \
             code there",
            at.display()
        )
    );
    let hint = rejection.hint();
    let file = path.canonicalize().unwrap();
    let is_own = path.parent().is_some_and(|own| at.starts_with(own));
    if is_own || at == file || Some(at) == file.parent() {
        let command = format!("`chmod go-w {}`", at.display());
        assert!(hint.starts_with(&command), "{hint}");
    } else {
        assert!(hint.starts_with("move the plugins into"), "{hint}");
        assert!(!hint.contains(at.to_str().unwrap()), "{hint}");
    }
    assert!(hint.ends_with("--allow-insecure-permissions"), "{hint}");
    let lenient = Allow::NOTHING.with_insecure_permissions(true);
    assert!(rejections(path, lenient).is_empty());
}

#[track_caller]
fn assert_accepted(path: &Path) {
    let all = rejections(path, Allow::NOTHING);
    assert!(all.is_empty(), "{all:?}");
}

/// A directory without a link in its path, and a plugin in a folder of it.
fn plugin() -> (Directory, PathBuf, PathBuf) {
    let directory = Directory::new();
    let root = directory.path().canonicalize().unwrap();
    let folder = root.join("plugins");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("x.so");
    fs::write(&path, Elf::plugin(&Note::new("x", "a:b")).bytes()).unwrap();
    (directory, folder, path)
}

/// Whether what this user makes can be written to by a group of its own.
fn has_own_group(path: &Path) -> bool {
    let metadata = fs::metadata(path).unwrap();
    metadata.uid() != 0 && metadata.uid() == metadata.gid()
}

#[test]
fn who_can_write_to_a_file() {
    let (_directory, _, path) = plugin();
    for mode in [0o755, 0o644, 0o400] {
        chmod(&path, mode);
        assert_accepted(&path);
    }
    for mode in [0o646, 0o666, 0o777] {
        chmod(&path, mode);
        assert_refused(&path, &path, mode);
    }
    chmod(&path, 0o664);
    match has_own_group(&path) {
        true => assert_accepted(&path),
        false => assert_refused(&path, &path, 0o664),
    }
}

#[test]
fn who_can_write_to_the_directories_above() {
    let (directory, folder, path) = plugin();
    let root = directory.path().canonicalize().unwrap();
    for at in [&folder, &root] {
        chmod(at, 0o777);
        assert_refused(&path, at, 0o777);
        // As /tmp: who owns what is in it is what counts.
        chmod(at, 0o1777);
        assert_accepted(&path);
        chmod(at, 0o755);
    }
    assert_accepted(&path);
}

#[test]
fn links_are_followed_and_checked() {
    let (directory, folder, path) = plugin();
    let root = directory.path().canonicalize().unwrap();
    let links = root.join("links");
    fs::create_dir(&links).unwrap();
    // To a file by a relative path, and to a directory, over another link.
    symlink("../plugins/x.so", links.join("y.so")).unwrap();
    symlink("plugins", root.join("now")).unwrap();
    symlink(root.join("now"), root.join("current")).unwrap();
    let ways = [links.join("y.so"), root.join("current/x.so")];
    for way in &ways {
        assert_accepted(way);
        chmod(&path, 0o666);
        assert_refused(way, &path, 0o666);
        chmod(&path, 0o644);
        chmod(&folder, 0o777);
        assert_refused(way, &folder, 0o777);
        chmod(&folder, 0o755);
    }
    // Where a link is, it could be replaced.
    chmod(&links, 0o777);
    assert_refused(&ways[0], &links, 0o777);
    assert_accepted(&ways[1]);

    symlink("b.so", links.join("a.so")).unwrap();
    symlink("a.so", links.join("b.so")).unwrap();
    chmod(&links, 0o755);
    let scan = Scan::file(links.join("a.so")).unwrap();
    assert!(matches!(
        scan.rejections[0].cause(),
        RejectionCause::Unreadable { .. }
    ));
}

/// As Kubernetes has it: the files of a volume are in a folder that a link
/// names, and a new one takes its place at once.
#[test]
fn a_volumes_files_are_replaced_all_at_once() {
    let (_directory, folder, path) = plugin();
    let bytes = fs::read(&path).unwrap();
    for version in ["..1", "..2"] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("y.so"), &bytes).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/y.so", folder.join("y.so")).unwrap();
    let volume = folder.clone();
    let swapping = std::thread::spawn(move || {
        for i in 0..200 {
            symlink(["..2", "..1"][i % 2], volume.join("..tmp")).unwrap();
            fs::rename(volume.join("..tmp"), volume.join("..data")).unwrap();
        }
    });
    while !swapping.is_finished() {
        assert_accepted(&folder.join("y.so"));
    }
    swapping.join().unwrap();
    // One in it is the volume's own, and can be told of.
    chmod(&folder.join("..1"), 0o777);
    assert_refused(&folder.join("y.so"), &folder.join("..1"), 0o777);
}

#[test]
fn who_owns_a_file_and_what_leads_to_it() {
    let (directory, folder, path) = plugin();
    if chown(&path, Some(12_345), None).is_err() {
        println!("skipped: only root can give files away");
        return;
    }
    let user = fs::metadata(directory.path()).unwrap().uid();
    let refused = |way: &Path, at: &Path| {
        let all = rejections(way, Allow::NOTHING);
        assert_eq!(
            all[0].cause().to_string(),
            format!(
                "{} belongs to user 12345, who is neither root nor the one that runs the host \
                 ({user}), and could put other code there",
                at.display()
            )
        );
        // A link would have its target given away.
        let command = if at.is_symlink() { "chown -h" } else { "chown" };
        let chown = format!("`{command} {user} {}`", at.display());
        assert!(all[0].hint().contains(&chown), "{}", all[0].hint());
        let lenient = Allow::NOTHING.with_insecure_permissions(true);
        assert!(rejections(way, lenient).is_empty());
    };
    refused(&path, &path);
    chown(&path, Some(user), None).unwrap();
    chown(&folder, Some(12_345), None).unwrap();
    refused(&path, &folder);
    // Whose it is counts in a sticky directory, too.
    chmod(&folder, 0o1777);
    refused(&path, &folder);
    chown(&folder, Some(user), None).unwrap();
    // What is above is not theirs to change.
    let root = folder.parent().unwrap();
    chown(root, Some(12_345), None).unwrap();
    let all = rejections(&path, Allow::NOTHING);
    assert!(all[0].to_string().contains("belongs to user 12345"));
    assert!(all[0].hint().starts_with("move the plugins into"));
    assert!(!all[0].hint().contains("chown"), "{}", all[0].hint());
    chown(root, Some(user), None).unwrap();
    let link = folder.join("y.so");
    symlink("x.so", &link).unwrap();
    assert_accepted(&link);
    lchown(&link, Some(12_345), None).unwrap();
    refused(&link, &link);
}

#[test]
fn what_a_plugin_has_loaded_with_it() {
    let directory = Directory::new();
    let elf = Elf {
        needed: ["libc.so.6", "libodd.so.1", "/opt/libx.so"]
            .map(str::to_owned)
            .into(),
        runpath: "$ORIGIN/lib::/opt".to_owned(),
        ..Elf::plugin(&Note::new("x", "a:b"))
    };
    let path = directory.write("x.so", elf.bytes());
    let all = rejections(&path, Allow::NOTHING);
    let causes: Vec<_> = all.iter().map(|all| all.cause().to_string()).collect();
    assert_eq!(
        causes,
        [
            "it has `libodd.so.1` and `/opt/libx.so` loaded with it, which nobody checks",
            // Nothing between two colons is wherever the host was started.
            "it has libraries looked for in `$ORIGIN/lib`, `.` and `/opt`, where nobody checks them",
        ]
    );
    assert!(all.iter().all(|all| all.stage() == Stage::Admit));
    assert!(all.iter().all(|all| all.id() == Some("x")));
    for rejection in &all {
        assert!(rejection.hint().contains("--allow-foreign-libraries"));
    }
    let lenient = Allow::NOTHING.with_foreign_libraries(true);
    assert!(rejections(&path, lenient).is_empty());

    // The loader is told the same way.
    let loader = |allow| {
        let loader = PluginLoader::builder().directory(directory.path());
        loader.allow(allow).build().unwrap().inspect().unwrap()
    };
    assert_eq!(loader(Allow::NOTHING).rejections().len(), 2);
    assert_eq!(loader(lenient).admitted().len(), 1);
}
