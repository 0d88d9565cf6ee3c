//! `wash-host plugin new`: a crate, and its first guest.

use crate::common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Directory, served};
use wit_parser::Resolve;

/// A file or folder of this repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(directory: &Directory, path: &str) -> String {
    fs::read_to_string(directory.path().join(path)).unwrap()
}

#[test]
fn an_example_is_made_and_not_made_again() {
    let directory = Directory::new();
    let run = directory.run(&["plugin", "new", "my-plugin"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for line in [
        "Created the plugin `my-plugin`, which serves demo:my-plugin/greeting@0.1.0.",
        "  cd my-plugin",
        "  cp target/debug/libmy_plugin.so plugins/",
        " call --plugins plugins guest.wasm greet '\"hello\"'",
    ] {
        assert!(run.out.contains(line), "{line}\n{}", run.out);
    }
    let code = read(&directory, "my-plugin/src/lib.rs");
    assert!(
        code.contains("impl greeting::Guest for MyPlugin {"),
        "{code}"
    );
    let manifest = read(&directory, "my-plugin/Cargo.toml");
    let abi = fs::canonicalize(repository("plugin-abi")).unwrap();
    assert!(
        manifest.contains(&format!("{{ path = \"{}\" }}", abi.display())),
        "{manifest}"
    );

    let before = fs::metadata(directory.path().join("my-plugin/src/lib.rs")).unwrap();
    let run = directory.run(&["plugin", "new", "my-plugin", "--interface", "wasi:logging"]);
    assert_eq!((run.code, run.out.as_str()), (74, ""));
    assert!(
        run.err.contains("`my-plugin` is there already"),
        "{}",
        run.err
    );
    let after = fs::metadata(directory.path().join("my-plugin/src/lib.rs")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn what_cannot_be_made_is_told() {
    let directory = Directory::new();
    directory.write("types.wit", "package a:b; interface t { type id = u32; }");
    directory.write("wrong.wit", "package a:b; interface i { f: fun(); }");
    directory.write(
        "bare.wit",
        "package a:b; interface i { f: func(); } world w { export i; export g: func(); }",
    );
    for (args, code, expected) in [
        (&["My_Plugin"][..], 2, "help: call it `my-plugin`, say"),
        (
            &["p", "--interface", "wasi:nothing"],
            2,
            "`wasi:nothing` is not known; there are `wasi:logging/logging`",
        ),
        (
            &["p", "--wit", "nowhere.wit"],
            66,
            "the WIT nowhere.wit does not exist",
        ),
        (
            &["p", "--wit", "types.wit"],
            65,
            "there is no interface with a function in it",
        ),
        (&["p", "--wit", "wrong.wit"], 65, "wrong.wit:1:"),
        (
            &["p", "--wit", "bare.wit"],
            65,
            "exports the function `g` by itself",
        ),
        (&["p", "--wit", "bare.wit", "--world", "v"], 65, "--world"),
        (
            &["p", "--abi", "plugins"],
            66,
            "there is no crate in plugins",
        ),
    ] {
        let args: Vec<&str> = ["plugin", "new"].iter().chain(args).copied().collect();
        let run = directory.run(&args);
        assert_eq!(
            (run.code, run.out.as_str()),
            (code, ""),
            "{args:?} {}",
            run.err
        );
        assert!(run.err.contains(expected), "{args:?}\n{}", run.err);
        assert!(run.err.contains("help: "), "{}", run.err);
        assert!(!directory.path().join("p").exists());
    }
}

/// The stubs of this world are compiled with the other plugins of the tests.
#[test]
fn stubs_are_those_that_are_compiled() {
    let directory = Directory::new();
    let wit = repository("tests/wit/stubs");
    let run = directory.run(&["plugin", "new", "stubs", "--wit", wit.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.err);
    let made = read(&directory, "stubs/src/lib.rs");
    let compiled = repository("tests/plugins/stubs/src/lib.rs");
    // BLESS=1 writes what is made now.
    if std::env::var_os("BLESS").is_some() {
        let wit = r#"wash_plugin_abi::bindgen!({ path: "../../wit/stubs" });"#;
        fs::write(&compiled, made.replace("wash_plugin_abi::bindgen!();", wit)).unwrap();
    }
    let compiled = fs::read_to_string(compiled).unwrap();
    let compiled = compiled.replace(
        r#"wash_plugin_abi::bindgen!({ path: "../../wit/stubs" });"#,
        "wash_plugin_abi::bindgen!();",
    );
    assert_eq!(made, compiled);
}

/// A plugin that is built already, and a guest for what it says that it serves.
fn with_guest(library: &str) -> Directory {
    let directory = Directory::new();
    let library = served::built(library, "plugins");
    fs::copy(library, directory.path().join("plugins/plugin.so")).unwrap();
    let run = directory.run(&["plugin", "inspect", "--wit=plugin", "plugins/plugin.so"]);
    assert_eq!(run.code, 0, "{}", run.err);
    directory.write("plugin.wit", run.out);
    let run = directory.run(&[
        "plugin",
        "new",
        "p",
        "--wit",
        "plugin.wit",
        "--world",
        "plugin",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    directory
}

fn call(directory: &Directory, args: &[&str]) -> common::Run {
    let before = [
        "--log",
        "off",
        "call",
        "--plugins",
        "plugins",
        "p/guest.wasm",
    ];
    let args: Vec<&str> = before.iter().chain(args).copied().collect();
    directory.run(&args)
}

#[test]
fn the_guest_passes_on_what_it_is_called_with() {
    let directory = with_guest("plugins-test/libvalues_plugin.so");
    for (function, args, result) in [
        ("echo-list-list-u8", &["[[1, 2], []]"][..], "[[1, 2], []]"),
        // Its parameters go through memory.
        (
            "echo-seventeen",
            &[
                "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "true", "'a'", "11", "12",
                "13.5", "14.5", "15",
            ],
            "(1, 2, 3, 4, 5, 6, 7, 8, 9.0, 10.0, true, 'a', 11, 12, 13.5, 14.5, 15)",
        ),
    ] {
        let name = format!("echo#{function}");
        let args: Vec<&str> = [name.as_str()].iter().chain(args).copied().collect();
        let run = call(&directory, &args);
        let (out, err) = (run.out.trim_end(), run.err.as_str());
        assert_eq!((run.code, out, err), (0, result, ""), "{function}");
    }
    let run = call(&directory, &["echo#echo-result-both", "err(7)"]);
    assert_eq!((run.code, run.out.as_str()), (1, "err(7)\n"), "{}", run.err);
}

#[test]
fn a_panic_is_told_in_the_plugins_words() {
    let directory = Directory::new();
    let library = served::built("plugins-faulty/libpanics.so", "plugins");
    fs::copy(library, directory.path().join("plugins/plugin.so")).unwrap();
    let run = directory.run(&["plugin", "new", "p", "--interface", "wasi:logging/logging"]);
    assert_eq!(run.code, 0, "{}", run.err);
    directory.write("config.toml", "[plugins.panics]\nentry = \"log\"\n");
    let log = |message: &str| {
        call(
            &directory,
            &["--config", "config.toml", "log", "info", "\"\"", message],
        )
    };
    let run = log("\"quiet\"");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""));
    let run = log("\"panic\"");
    assert_eq!((run.code, run.out.as_str()), (70, ""));
    assert!(
        run.err
            .contains("the component failed in `wasi:logging/logging#log`: ")
            && run.err.contains("panics"),
        "{}",
        run.err
    );
}

#[test]
fn inspect_prints_what_a_component_is_built_against() {
    let directory = Directory::new();
    for plugin in [
        "plugins/libwasi_keyvalue.so",
        "plugins/libwasmcloud_messaging.so",
        "plugins/libcustom_logger.so",
        "plugins/libwasi_blobstore.so",
    ] {
        let path = served::built(plugin, "plugins");
        let run = directory.run(&["plugin", "inspect", "--wit", path.to_str().unwrap()]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{plugin}");
        let mut resolve = Resolve::default();
        let package = resolve.push_str("guest.wit", &run.out).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let world = &resolve.worlds[world];
        assert_eq!(world.name, "guest");
        let names = |items: Vec<&wit_parser::WorldKey>| -> Vec<String> {
            items
                .iter()
                .map(|key| resolve.name_world_key(key))
                .collect()
        };
        let (imports, exports) = (
            names(world.imports.keys().collect()),
            names(world.exports.keys().collect()),
        );
        let (imported, exported) = match plugin {
            "plugins/libwasi_keyvalue.so" => ("wasi:keyvalue/batch@0.2.0-draft", None),
            "plugins/libwasi_blobstore.so" => ("wasi:blobstore/blobstore@0.2.0-draft", None),
            "plugins/libwasmcloud_messaging.so" => (
                "wasmcloud:messaging/consumer@0.2.0",
                Some("wasmcloud:messaging/handler@0.2.0"),
            ),
            _ => ("wasi:logging/logging", None),
        };
        assert!(imports.iter().any(|name| name == imported), "{imports:?}");
        assert_eq!(exports.first().map(String::as_str), exported);
        // The plugin's own world is there as well.
        let own = directory.run(&["plugin", "inspect", "--wit=plugin", path.to_str().unwrap()]);
        assert!(own.out.contains("  export "), "{}", own.out);
    }
}
