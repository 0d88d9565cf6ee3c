//! Scanning, admitting and reporting.

use crate::common;

use common::{Directory, Elf, Note};
use wash_plugin_loader::{LoadError, PluginLoader, PluginsConfig, Scan, ScanError, Stage};

fn loader(directory: &Directory) -> PluginLoader {
    PluginLoader::builder()
        .directory(directory.path())
        .build()
        .unwrap()
}

/// Reasons, with the directory left out.
fn reasons(directory: &Directory, loader: &PluginLoader) -> Vec<String> {
    let prefix = format!("{}/", directory.path().display());
    loader
        .inspect()
        .unwrap()
        .rejections()
        .iter()
        .map(|rejection| rejection.to_string().replace(&prefix, ""))
        .collect()
}

#[test]
fn candidates_are_files_with_a_librarys_name() {
    let directory = Directory::new();
    for name in [
        "b.so",
        "a.so",
        ".hidden.so",
        "c.so.1",
        "d.so.tmp",
        "e.so.part",
        "README.md",
    ] {
        directory.write(name, "");
    }
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    std::fs::write(directory.path().join("sub/z.so"), "").unwrap();
    let scan = Scan::directory(directory.path()).unwrap();
    let names: Vec<_> = scan
        .candidates
        .iter()
        .filter_map(|found| found.path().file_name())
        .collect();
    assert_eq!(names, ["a.so", "b.so"]);
    assert!(scan.rejections.is_empty());
}

#[test]
fn what_only_has_a_librarys_name_is_rejected() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path().join("x.so")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("y.so")).unwrap();
    assert_eq!(
        reasons(&directory, &loader(&directory)),
        [
            "x.so: rejected: it is a directory, not a file",
            "y.so: rejected: it is a symbolic link to nothing, not a file",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_rejected() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let path = directory.plugin("a.so", "a", "a:a");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user reads every file");
        return;
    }
    let inspection = loader(&directory).inspect().unwrap();
    let [rejection] = inspection.rejections() else {
        panic!("one rejection")
    };
    assert!(
        rejection.to_string().contains("it cannot be read: "),
        "{rejection}"
    );
}

#[test]
fn missing_directories_and_files_are_errors() {
    let directory = Directory::new();
    let missing = directory.path().join("missing");
    let error = Scan::directory(&missing).unwrap_err();
    assert!(matches!(error, ScanError::NoDirectory { .. }));
    assert_eq!(
        error.to_string(),
        format!("the plugin directory {} does not exist", missing.display())
    );
    assert!(error.hint().contains("mkdir -p"));
    let error = Scan::file(missing.join("x.so")).unwrap_err();
    assert!(matches!(error, ScanError::NoFile { .. }));
    let file = directory.write("x.so", "");
    let error = Scan::directory(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is not a directory", file.display())
    );
}

#[test]
fn an_empty_directory_is_fine() {
    let directory = Directory::new();
    let plugins = loader(&directory).load().unwrap();
    assert!(plugins.plugins().is_empty() && plugins.report().entries.is_empty());
}

#[test]
fn a_file_given_twice_is_one_candidate() {
    let directory = Directory::new();
    let path = directory.plugin("a.so", "a", "a:a");
    let again = directory.path().join(".").join("a.so");
    let loader = PluginLoader::builder()
        .directory(directory.path())
        .file(path)
        .file(again)
        .build()
        .unwrap();
    assert_eq!(loader.inspect().unwrap().admitted().len(), 1);
}

#[test]
fn an_id_belongs_to_one_plugin() {
    let directory = Directory::new();
    directory.plugin("a.so", "logger", "a:a");
    directory.plugin("b.so", "logger", "a:a");
    directory.plugin("c.so", "other", "c:c");
    assert_eq!(
        reasons(&directory, &loader(&directory)),
        [
            "a.so: plugin `logger` is rejected: its id `logger` is also that of b.so",
            "b.so: plugin `logger` is rejected: its id `logger` is also that of a.so",
        ]
    );
    let loader = PluginLoader::builder()
        .directory(directory.path())
        .reserved_ids([("other".to_owned(), "the built-in plugin".to_owned())])
        .build()
        .unwrap();
    assert_eq!(
        reasons(&directory, &loader).last().unwrap(),
        "c.so: plugin `other` is rejected: its id `other` is already that of the built-in plugin"
    );
}

#[test]
fn many_copies_are_told_in_few_words() {
    let directory = Directory::new();
    let copies = 60;
    let bytes = Elf::plugin(&Note::new("logger", "a:a")).bytes();
    for i in 0..copies {
        directory.write(&format!("{i:03}.so"), &bytes);
    }
    for i in 0..copies {
        directory.plugin(&format!("other-{i:03}.so"), &format!("other-{i}"), "b:b");
    }
    let all = reasons(&directory, &loader(&directory));
    assert_eq!(all.len(), 2 * copies);
    assert_eq!(
        all[1],
        "001.so: plugin `logger` is rejected: its id `logger` is also that of 000.so, 002.so, \
         003.so and 56 more"
    );
    assert_eq!(
        all[copies],
        "other-000.so: plugin `other-0` is rejected: it serves `b:b/api@0.1.0`, which is also \
         served by plugin `other-1` (other-001.so), plugin `other-2` (other-002.so), plugin \
         `other-3` (other-003.so) and 56 more"
    );
    // As many as are named, and not as many as there are.
    let report = loader(&directory).inspect().unwrap().report();
    let reasons = report.entries.iter().filter_map(|e| e.reason.as_ref());
    let paths = reasons.map(|reason| reason.matches(".so").count());
    assert!(paths.clone().all(|count| count == 3), "{:?}", paths.max());
}

#[test]
fn an_interface_belongs_to_one_plugin() {
    let directory = Directory::new();
    directory.plugin("a.so", "one", "wasi:logging");
    directory.plugin("b.so", "two", "wasi:logging");
    directory.plugin("c.so", "three", "wasi:logging");
    assert_eq!(
        reasons(&directory, &loader(&directory))[0],
        "a.so: plugin `one` is rejected: it serves `wasi:logging/api@0.1.0`, which is also served \
         by plugin `two` (b.so) and plugin `three` (c.so)"
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let directory = Directory::new();
    directory.write("1.so", "not a library");
    directory.write("2.so", Elf::plugin(&Note::new("two", "a:a").abi(7)).bytes());
    directory.plugin("3.so", "three", "a:a");
    directory.plugin("4.so", "four", "b:b");
    directory.plugin("5.so", "five", "b:b");
    let inspection = loader(&directory).inspect().unwrap();
    let found: Vec<_> = inspection
        .rejections()
        .iter()
        .map(|found| {
            (
                found.path().file_stem().unwrap().to_str().unwrap(),
                found.stage(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("1", Stage::Inspect),
            ("2", Stage::Admit),
            ("2", Stage::Admit),
            ("4", Stage::Admit),
            ("5", Stage::Admit)
        ]
    );
    let admitted: Vec<_> = inspection
        .admitted()
        .iter()
        .map(|plugin| plugin.id())
        .collect();
    assert_eq!(
        admitted,
        ["three"],
        "2.so cannot be loaded, and is not in its way"
    );

    let error = loader(&directory).load().unwrap_err();
    assert!(matches!(&error, LoadError::Rejected { rejections, of: 5 } if rejections.len() == 5));
    let text = error.to_string();
    assert!(text.starts_with("4 of 5 plugins rejected\n"), "{text}");
    for expected in [
        "it needs revision 7 of the plugin ABI, and this host speaks revision 1",
        "help: update the host, or build the plugin against revision 1",
        "it is neither ELF nor Mach-O",
        "which is also served by plugin `three`",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_json_shape_is_stable() {
    let directory = Directory::new();
    directory.plugin("a.so", "a", "a:a");
    directory.write("b.so", "");
    let report = loader(&directory).inspect().unwrap().report();
    let mut json = serde_json::to_value(&report).unwrap();
    let digest = json["plugins"][0]["sha256"].take();
    assert_eq!(digest.as_str().unwrap().len(), 64);
    let path = |name: &str| directory.path().join(name).display().to_string();
    assert_eq!(
        json,
        serde_json::json!({ "plugins": [
            {
                "id": "a", "version": "1.2.3", "state": "ready", "path": path("a.so"),
                "sha256": null, "abi": 1, "exports": ["a:a/api@0.1.0"], "imports": [],
                "reason": null,
            },
            {
                "id": null, "version": null, "state": "rejected", "path": path("b.so"),
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "abi": null, "exports": null, "imports": null,
                "reason": "it is not a shared library: it is empty",
            },
        ]})
    );
}

#[test]
fn a_rejection_is_plain_data() {
    let directory = Directory::new();
    let path = directory.write("a.so", Elf::plugin(&Note::new("a", "a:a").abi(2)).bytes());
    let inspection = loader(&directory).inspect().unwrap();
    let json = serde_json::to_value(inspection.rejections()[0].to_data()).unwrap();
    assert_eq!(json["path"], path.display().to_string());
    assert_eq!(json["id"], "a");
    assert_eq!(json["stage"], "admit");
    assert!(
        json["hint"]
            .as_str()
            .unwrap()
            .starts_with("update the host")
    );
}

#[test]
fn configuration_for_no_plugin_is_an_error() {
    let directory = Directory::new();
    let loader = PluginLoader::builder()
        .directory(directory.path())
        .config(PluginsConfig::parse("[plugins.logger]\n").unwrap())
        .build()
        .unwrap();
    let error = loader.load().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin configuration has a table for `logger`, but there is no plugin"
    );
}

#[test]
fn rejected_plugins_can_be_skipped() {
    let directory = Directory::new();
    directory.write("a.so", "");
    let loader = PluginLoader::builder()
        .directory(directory.path())
        .skip_rejected(true)
        .build()
        .unwrap();
    let plugins = loader.load().unwrap();
    assert!(plugins.plugins().is_empty());
    assert_eq!(plugins.rejections().len(), 1);
    assert!(!plugins.report().is_ready());
}

#[test]
fn an_id_is_reserved_once() {
    let reserved = |owner: &str| ("a".to_owned(), owner.to_owned());
    let error = PluginLoader::builder()
        .reserved_ids([reserved("y"), reserved("x")])
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin id `a` is reserved twice, by x and by y"
    );
}
