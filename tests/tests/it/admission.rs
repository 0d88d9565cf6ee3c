//! What is in a folder and must not be loaded: each problem is told, by the
//! loader and by the program, and none of the code in it runs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::artifacts::{self, faulty, install, plugin, test_plugin};
use e2e::child::{Ended, run};
use e2e::versions;
use wash_plugin_loader::{
    Allow, LoadError, PluginLoader, Rejection, RejectionCause, ScanError, Stage,
};

/// A folder of plugins, and a canary that sings when code in one of them runs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.plugins()).unwrap();
        folder
    }

    fn plugins(&self) -> PathBuf {
        self.0.path().join("plugins")
    }

    fn add(&self, library: &Path, name: &str) -> PathBuf {
        install(library, &self.plugins(), name)
    }

    /// A copy that differs from a library.
    fn patch(&self, library: &Path, name: &str, patch: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = fs::read(library).unwrap();
        patch(&mut bytes);
        self.write(name, &bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Where a file with a library's name would be.
    fn path(&self, name: &str) -> PathBuf {
        self.plugins()
            .join(format!("{name}{}", std::env::consts::DLL_SUFFIX))
    }

    fn canary(&self) -> PathBuf {
        self.0.path().join("canary")
    }

    fn wash_host<const N: usize>(&self, args: [&Path; N]) -> Ended {
        run(Command::new(artifacts::wash_host())
            .args(args)
            .current_dir(self.0.path())
            .env(faulty_canary::VARIABLE, self.canary()))
    }

    fn run(&self) -> Ended {
        let guest = artifacts::guest_path("log-command");
        self.wash_host([
            "run".as_ref(),
            "--plugins".as_ref(),
            &self.plugins(),
            &guest,
        ])
    }

    fn loader(&self) -> PluginLoader {
        PluginLoader::builder()
            .directory(self.plugins())
            .build()
            .unwrap()
    }

    /// The loader's rejections, all of them.
    fn rejections(&self) -> Vec<Rejection> {
        match self.loader().load() {
            Err(LoadError::Rejected { rejections, .. }) => rejections,
            Err(other) => panic!("rejections, and not {other:?}"),
            Ok(plugins) => panic!("rejections, and not {:#?}", plugins.report()),
        }
    }

    /// Checks that the only file is rejected, for a reason that has this text
    /// in it, by the loader and by the program, and that none of it runs.
    fn rejected(&self, file: &Path, stage: Stage, reason: &str) {
        let rejections = self.rejections();
        let [rejection] = rejections.as_slice() else {
            panic!("one rejection, and not {rejections:?}");
        };
        assert_eq!(rejection.path(), file);
        assert_eq!(rejection.stage(), stage);
        assert!(rejection.to_string().contains(reason), "{rejection}");
        assert!(!rejection.hint().is_empty());

        let path = file.to_str().unwrap();
        let hint = rejection.hint();
        self.run().expect(69, &[path, reason, &hint]);
        let list = self.wash_host(["plugin".as_ref(), "list".as_ref(), &self.plugins()]);
        listed(&list, &[path, reason, &hint]);
        assert!(!self.canary().exists(), "code of {path} ran");
    }
}

/// Checks what `plugin list` tells of a rejected plugin, however it is wrapped.
#[track_caller]
fn listed(list: &Ended, parts: &[&str]) {
    assert_eq!(list.code, 69, "{list:#?}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(
            words(&list.out).contains(&words(part)),
            "{part:?} is not in {}",
            list.out
        );
    }
}

#[test]
fn the_canary_sings_where_a_plugin_is_loaded() {
    let folder = Folder::new();
    folder.add(&faulty("duplicate-a"), "libone");
    folder.run().expect(0, &[]);
    assert_eq!(fs::read_to_string(folder.canary()).unwrap(), "duplicate-a");
}

#[test]
fn sad_two_libraries_with_one_id() {
    let folder = Folder::new();
    let a = folder.add(&faulty("duplicate-a"), "liba");
    let b = folder.add(&faulty("duplicate-b"), "libb");
    let rejections = folder.rejections();
    assert_eq!(rejections.len(), 2, "{rejections:?}");
    for (rejection, file, other) in [(&rejections[0], &a, &b), (&rejections[1], &b, &a)] {
        assert_eq!(
            (rejection.path(), rejection.id()),
            (file.as_path(), Some("duplicate"))
        );
        let RejectionCause::DuplicateId { id, others, .. } = rejection.cause() else {
            panic!("another cause: {rejection}");
        };
        assert_eq!(
            (id.as_str(), others.as_slice()),
            ("duplicate", &[other.clone()][..])
        );
    }
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    folder.run().expect(69, &[a, b, "`duplicate`"]);

    // The same two, each given by itself.
    let [one, two] = ["duplicate-a", "duplicate-b"].map(faulty);
    let guest = artifacts::guest_path("log-command");
    let flag = Path::new("--plugin");
    // Whoever owns the tree that is tested.
    let allow = Path::new("--allow-insecure-permissions");
    folder
        .wash_host(["run".as_ref(), allow, flag, &one, flag, &two, &guest])
        .expect(
            69,
            &[one.to_str().unwrap(), two.to_str().unwrap(), "`duplicate`"],
        );
    assert!(!folder.canary().exists());
}

#[test]
fn sad_an_id_that_the_host_has_already() {
    let reserved = [("custom-logger".to_owned(), "the built-in logger".to_owned())];
    let loader = PluginLoader::builder()
        .file(plugin("custom-logger"))
        .allow(Allow::NOTHING.with_insecure_permissions(true))
        .reserved_ids(reserved)
        .build()
        .unwrap();
    let error = loader.load().unwrap_err().to_string();
    assert!(
        error.contains("`custom-logger`") && error.contains("the built-in logger"),
        "{error}"
    );
}

#[test]
fn sad_a_library_that_is_no_plugin() {
    let folder = Folder::new();
    let file = folder.add(&faulty("no-manifest"), "libno");
    folder.rejected(&file, Stage::Inspect, "it is not a wash plugin");
}

#[test]
fn sad_a_file_that_is_no_library() {
    for (bytes, reason) in [
        (&b"just a note to self"[..], "it is not a shared library"),
        (b"", "it is not a shared library"),
        (b"\x7fELF", "its ELF header is not valid"),
    ] {
        let folder = Folder::new();
        let file = folder.write("libnote", bytes);
        folder.rejected(&file, Stage::Inspect, reason);
    }
}

#[test]
fn sad_a_library_that_is_cut_off() {
    let whole = fs::metadata(plugin("custom-logger")).unwrap().len();
    let whole = usize::try_from(whole).unwrap();
    for length in [40, 64, 200, 4096, whole / 4, whole / 2, whole * 9 / 10] {
        let folder = Folder::new();
        let cut = |bytes: &mut Vec<u8>| bytes.truncate(length);
        let file = folder.patch(&plugin("custom-logger"), "libcut", cut);
        folder.rejected(&file, Stage::Inspect, "it is damaged");
    }
}

#[test]
fn sad_a_library_for_another_processor() {
    const MACHINE: usize = 18;
    let folder = Folder::new();
    let other = if cfg!(target_arch = "x86_64") {
        183_u16
    } else {
        62
    };
    let patch = |bytes: &mut Vec<u8>| {
        bytes[MACHINE..MACHINE + 2].copy_from_slice(&other.to_le_bytes());
    };
    let file = folder.patch(&plugin("custom-logger"), "libother", patch);
    folder.rejected(&file, Stage::Inspect, "it is built for ");
}

#[test]
fn sad_a_newer_revision_of_the_abi() {
    let folder = Folder::new();
    let file = folder.add(&faulty("newer-abi"), "libnewer");
    let reason = "it needs revision 2 of the plugin ABI, and this host speaks revision 1";
    folder.rejected(&file, Stage::Admit, reason);
}

#[test]
fn sad_what_is_no_file() {
    let folder = Folder::new();
    let link = folder.path("liblink");
    symlink("nowhere", &link).unwrap();
    folder.rejected(&link, Stage::Scan, "it is a symbolic link to nothing");

    let folder = Folder::new();
    let directory = folder.path("libdir");
    fs::create_dir(&directory).unwrap();
    folder.rejected(&directory, Stage::Scan, "it is a directory");
}

#[test]
fn sad_a_file_that_may_not_be_read() {
    let folder = Folder::new();
    let file = folder.add(&plugin("custom-logger"), "libsecret");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&file).is_err() {
        folder.rejected(&file, Stage::Inspect, "it cannot be read");
        return;
    }
    // Root may read everything, so the program runs as somebody else.
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut list = Command::new(artifacts::wash_host());
    list.args(["plugin", "list"])
        .arg(folder.plugins())
        .uid(NOBODY);
    if let Err(error) = list.output() {
        println!("skipped: nobody may start the program: {error}");
        return;
    }
    let hint = "let the user that runs the host read the file";
    let list = run(&mut list);
    listed(&list, &[file.to_str().unwrap(), "it cannot be read", hint]);
}

/// The user without any rights.
const NOBODY: u32 = 65534;

#[test]
fn sad_no_folder() {
    let folder = Folder::new();
    fs::remove_dir(folder.plugins()).unwrap();
    let error = folder.loader().load().unwrap_err();
    assert!(
        matches!(error, LoadError::Scan(ScanError::NoDirectory { .. })),
        "{error:?}"
    );
    let path = folder.plugins();
    let path = path.to_str().unwrap();
    folder.run().expect(66, &[path, "does not exist", "help"]);
    let list = folder.wash_host(["plugin".as_ref(), "list".as_ref(), path.as_ref()]);
    list.expect(66, &[path, "does not exist", "help"]);
}

#[test]
fn an_empty_folder_is_no_error_and_the_host_logs_itself() {
    let folder = Folder::new();
    assert!(folder.loader().load().unwrap().plugins().is_empty());
    folder
        .run()
        .expect(0, &["wasi_logging: Hello from a WebAssembly component!"]);
    let list = folder.wash_host(["plugin".as_ref(), "list".as_ref(), &folder.plugins()]);
    list.expect(0, &[]);
    assert!(list.out.contains("no plugins"), "{list:#?}");
}

#[test]
fn sad_every_problem_is_told_at_once() {
    let folder = Folder::new();
    let link = folder.path("liblink");
    symlink("nowhere", &link).unwrap();
    let directory = folder.path("libdir");
    fs::create_dir(&directory).unwrap();
    let files = [
        (folder.add(&faulty("duplicate-a"), "liba"), "`duplicate`"),
        (folder.add(&faulty("duplicate-b"), "libb"), "`duplicate`"),
        (
            folder.patch(&plugin("custom-logger"), "libcut", |bytes| {
                bytes.truncate(5000)
            }),
            "it is damaged",
        ),
        (directory, "it is a directory"),
        (link, "it is a symbolic link to nothing"),
        (
            folder.add(&faulty("newer-abi"), "libnewer"),
            "it needs revision 2",
        ),
        (
            folder.add(&faulty("no-manifest"), "libno"),
            "it is not a wash plugin",
        ),
        (
            folder.write("libnote", b"just a note"),
            "it is not a shared library",
        ),
    ];
    // Nothing is wrong with this one.
    folder.add(&test_plugin("strings-plugin"), "libstrings");

    let rejections = folder.rejections();
    let ended = folder.run();
    ended.expect(69, &["8 of 9 plugins rejected"]);
    for (file, reason) in &files {
        let told = |rejection: &&Rejection| {
            rejection.path() == file && rejection.to_string().contains(reason)
        };
        assert!(
            rejections.iter().any(|r| told(&r)),
            "{reason} of {}",
            file.display()
        );
        ended.expect(69, &[file.to_str().unwrap(), reason]);
    }
    assert!(!ended.err.contains("strings-plugin"), "{}", ended.err);
    assert!(!folder.canary().exists());
}

#[test]
fn rejected_plugins_are_left_out_where_the_operator_says_so() {
    let folder = Folder::new();
    folder.add(&plugin("custom-logger"), "libgood");
    folder.add(&faulty("no-manifest"), "libno");
    folder.write("libnote", b"just a note");
    folder.run().expect(69, &[]);
    let guest = artifacts::guest_path("log-command");
    let ended = folder.wash_host([
        "run".as_ref(),
        "--skip-rejected".as_ref(),
        "--plugins".as_ref(),
        &folder.plugins(),
        &guest,
    ]);
    ended.expect(0, &["libno", "libnote"]);
    assert!(ended.out.contains("log-command: 1 logged"), "{ended:#?}");
    assert!(!folder.canary().exists());
}

#[test]
fn sad_a_library_that_is_not_what_its_file_says() {
    let folder = Folder::new();
    let file = folder.add(&faulty("mismatched-manifest"), "libliar");
    let rejections = folder.rejections();
    assert_eq!(rejections.len(), 1, "{rejections:?}");
    assert_eq!(rejections[0].stage(), Stage::Load);
    let ended = folder.run();
    ended.expect(
        69,
        &[
            file.to_str().unwrap(),
            "`mismatched-manifest`",
            "is not the one in its file",
        ],
    );
    // Only its initialisers ran, as it had to be loaded to be found out.
    assert_eq!(
        fs::read_to_string(folder.canary()).unwrap(),
        "mismatched-manifest"
    );
}

#[test]
fn sad_a_library_that_lacks_what_its_interfaces_need() {
    let folder = Folder::new();
    folder.add(&faulty("no-channels"), "libmute");
    let rejections = folder.rejections();
    assert_eq!(rejections.len(), 1, "{rejections:?}");
    assert_eq!(rejections[0].stage(), Stage::Load);
    let told = rejections[0].to_string();
    for part in [
        "`no-channels`",
        "`faulty:channels/bytes@0.1.0#open`",
        "`wash.channel/1`",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }

    // Nor are streams of any use that are neither counted nor released.
    let folder = Folder::new();
    folder.patch(&faulty("no-channels"), "libmute", |bytes| {
        let lacks = versions::replace(bytes, b"lacks: wash.", b"resource/1");
        assert!(lacks > 0, "the library has no mark");
    });
    let rejections = folder.rejections();
    assert_eq!(rejections.len(), 1, "{rejections:?}");
    assert_eq!(rejections[0].stage(), Stage::Load);
    let told = rejections[0].to_string();
    for part in [
        "`faulty:channels/bytes@0.1.0#open`",
        "`wash.resource/1`",
        "counts and releases",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
