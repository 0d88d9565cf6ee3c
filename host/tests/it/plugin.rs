//! The command line, and `wash-host plugin`.

use crate::common;

use common::{Directory, Elf, Note, logger};

#[test]
fn help_tells_the_exit_codes() {
    let directory = Directory::new();
    for args in [
        &["--help"][..],
        &["run", "--help"],
        &["plugin", "list", "--help"],
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("Exit codes:") && run.out.contains("   69  a plugin is rejected"));
    }
}

#[test]
fn wrong_arguments_are_told() {
    let directory = Directory::new();
    for (args, expected) in [
        (&["run"][..], "COMPONENT|WORKLOAD"),
        (&["frobnicate"], "unrecognized subcommand"),
        (
            &["run", "--env", "NAME", "x.wasm"],
            "it has to be NAME=VALUE",
        ),
        (
            &["--log", "a=b=c", "plugin", "list"],
            "is not a log level or filter",
        ),
        (
            &["plugin", "inspect", "--json", "--wit", "x.so"],
            "cannot be used with",
        ),
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(expected), "{}", run.err);
        assert_eq!(run.out, "");
    }
}

#[test]
fn list_shows_what_plugins_serve() {
    let directory = Directory::new();
    directory.write("plugins/liblogger.so", Elf::plugin(&logger()).bytes());
    let run = directory.run(&["plugin", "list"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = run
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["ID", "VERSION", "STATE", "PATH", "ABI", "EXPORTS"]
    );
    assert_eq!(
        lines[1],
        [
            "custom-logger",
            "1.2.3",
            "ready",
            "./plugins/liblogger.so",
            "1",
            "wasi:logging/api@0.1.0"
        ]
    );
    assert!(
        !run.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
}

#[test]
fn list_tells_every_rejection() {
    let directory = Directory::new();
    directory.write("plugins/a.so", Elf::plugin(&logger()).bytes());
    directory.write("plugins/b.so", "not a library");
    directory.write(
        "plugins/c.so",
        Elf::plugin(&Note::new("new", "n:n").abi(9)).bytes(),
    );
    let run = directory.run(&["plugin", "list", "plugins"]);
    assert_eq!((run.code, run.err.as_str()), (69, ""));
    assert!(
        run.out.ends_with(
            "\n\nplugins/b.so is rejected:\n  it is not a shared library: it is neither ELF nor \
             Mach-O\n  help: remove it from the plugin directory, or put a plugin in its \
             place\n\nplugins/c.so is rejected:\n  it needs revision 9 of the plugin ABI, and this \
             host speaks revision 1\n  help: update the host, or build the plugin against \
             revision 1 of the plugin ABI\n"
        ),
        "{}",
        run.out
    );

    let run = directory.run(&["plugin", "list", "plugins", "--json"]);
    assert_eq!((run.code, run.err.as_str()), (69, ""));
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let states: Vec<_> = json["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["ready", "rejected", "rejected"]);
    assert_eq!(json["plugins"][2]["abi"], 9);
}

#[test]
fn list_of_nothing() {
    let directory = Directory::new();
    let run = directory.run(&["plugin", "list"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "no plugins in ./plugins\n")
    );
    let run = directory.run(&["plugin", "list", "plugins", "--json"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.out, "{\n  \"plugins\": []\n}\n");
    let run = directory.run(&["plugin", "list", "nowhere"]);
    assert_eq!((run.code, run.out.as_str()), (66, ""));
    assert!(
        run.err.starts_with(
            "error: the plugin directory nowhere does not exist\n  help: create it with `mkdir -p \
             nowhere`"
        ),
        "{}",
        run.err
    );
}

#[test]
fn inspect_shows_everything() {
    let directory = Directory::new();
    let note = Note {
        config_schema: r#"{"type":"object","properties":{"prefix":{"type":"string"}}}"#.to_owned(),
        ..logger()
    };
    let elf = Elf {
        runpath: "$ORIGIN".to_owned(),
        ..Elf::plugin(&note)
    };
    directory.write("x.so", elf.bytes());
    let allow = "--allow-foreign-libraries";
    let run = directory.run(&["plugin", "inspect", "x.so", allow]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for expected in [
        "id            custom-logger\n",
        "state         ready\n",
        "abi           1\n",
        "compiler      rustc 1.95.0\n",
        "target        x86_64-unknown-linux-gnu\n",
        "licence       Apache-2.0\n",
        "authors       A. Author <a@example.org>, B. Author\n",
        "needs         libc.so.6\n",
        "search paths  $ORIGIN\n",
        "exports wasi:logging/api@0.1.0\n  get\n  put  (async)\n",
        "configuration, [plugins.custom-logger]:\n  {",
        "\"prefix\": {",
    ] {
        assert!(
            run.out.contains(expected),
            "{expected}\n\nis not in\n\n{}",
            run.out
        );
    }

    let run = directory.run(&["plugin", "inspect", "x.so", "--wit=plugin"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.out, note.wit);
    let run = directory.run(&["plugin", "inspect", "x.so", "--wit"]);
    assert_eq!(run.code, 0);
    assert!(
        run.out.starts_with(
            "// What a component that uses the plugin `custom-logger 1.2.3` is built \
             against.\npackage local:guest;\n\nworld guest {\n  import \
             wasi:logging/api@0.1.0;\n}\n"
        ),
        "{}",
        run.out
    );

    let run = directory.run(&["plugin", "inspect", "x.so", "--json", allow]);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["id"], "custom-logger");
    assert_eq!(json["functions"][1]["name"], "put");
    assert_eq!(json["functions"][1]["async"], true);
    assert_eq!(json["searchPaths"][0], "$ORIGIN");
    assert_eq!(json["configSchema"]["type"], "object");
    assert_eq!(json["reason"], serde_json::Value::Null);
}

#[test]
fn inspect_tells_what_the_machine_has_to_have() {
    let directory = Directory::new();
    let version = |version: &str| ("libc.so.6".to_owned(), version.to_owned());
    let elf = Elf {
        versions: vec![version("GLIBC_2.9"), version("GLIBC_2.17")],
        static_tls: Some(96),
        ..Elf::plugin(&logger())
    };
    directory.write("x.so", elf.bytes());
    let run = directory.run(&["plugin", "inspect", "x.so"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for expected in [
        "needs         libc.so.6 (GLIBC_2.17)\n",
        "static TLS    96 bytes, for each version that is loaded\n",
    ] {
        assert!(run.out.contains(expected), "{}", run.out);
    }
    let run = directory.run(&["plugin", "inspect", "x.so", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["versions"]["libc.so.6"][0], "GLIBC_2.9");
    assert_eq!(json["staticTls"], 96);
}

#[test]
fn inspect_tells_what_is_wrong() {
    let directory = Directory::new();
    directory.write("z.so", Elf::empty().bytes());
    let run = directory.run(&["plugin", "inspect", "z.so"]);
    assert_eq!((run.code, run.out.as_str()), (69, ""));
    assert_eq!(
        run.err,
        "error: z.so: rejected: it is not a wash plugin: it has no plugin manifest\n  help: if it \
         is meant to be a plugin, does it call `wash_plugin_abi::export!`? If it is a library \
         that a plugin needs, keep it in another directory\n"
    );
    let run = directory.run(&["plugin", "inspect", "z.so", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &json["state"]), (69, &"rejected".into()));

    directory.write("new.so", Elf::plugin(&logger().abi(9)).bytes());
    let run = directory.run(&["plugin", "inspect", "new.so"]);
    assert_eq!(run.code, 69);
    assert!(
        run.out.contains("id            custom-logger\n"),
        "all the same: {}",
        run.out
    );
    assert!(run.err.contains("it needs revision 9"), "{}", run.err);

    let run = directory.run(&["plugin", "inspect", "nowhere.so"]);
    assert_eq!(run.code, 66);
    assert!(
        run.err.contains("the plugin nowhere.so does not exist"),
        "{}",
        run.err
    );
}

#[test]
fn what_nobody_checks_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let directory = Directory::new();
    let elf = Elf {
        needed: vec!["libc.so.6".to_owned(), "libodd.so.1".to_owned()],
        runpath: "$ORIGIN".to_owned(),
        ..Elf::plugin(&logger())
    };
    let path = directory.write("plugins/x.so", elf.bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();

    // It is shown all the same.
    let run = directory.run(&["plugin", "inspect", "plugins/x.so", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &json["state"]), (69, &"rejected".into()));
    assert_eq!(json["needed"][1], "libodd.so.1");
    assert_eq!(json["searchPaths"][0], "$ORIGIN");
    let reason = json["reason"].as_str().unwrap();
    for part in ["its mode is 0666", "`libodd.so.1` loaded", "in `$ORIGIN`"] {
        assert!(reason.contains(part), "{reason}");
    }
    let run = directory.run(&["plugin", "inspect", "plugins/x.so"]);
    assert_eq!(run.code, 69);
    assert!(
        run.out.contains("needs         libc.so.6, libodd.so.1\n"),
        "{}",
        run.out
    );
    assert!(run.err.contains("  help: `chmod go-w /"), "{}", run.err);

    let insecure = "--allow-insecure-permissions";
    let run = directory.run(&["plugin", "list", "plugins", insecure]);
    assert_eq!(run.code, 69);
    assert!(
        run.out.contains(
            "it has `libodd.so.1` loaded with it, which nobody checks\n  it has libraries looked \
             for in `$ORIGIN`, where nobody checks them\n  help: link them into the plugin"
        ),
        "{}",
        run.out
    );
    let foreign = "--allow-foreign-libraries";
    let run = directory.run(&["plugin", "list", "plugins", insecure, foreign]);
    assert_eq!(run.code, 0, "{}", run.out);

    // Before any of its code runs, of which this one has none.
    directory.component("c.wasm", "(component)");
    let run = directory.run(&["run", "--plugins", "plugins", "c.wasm"]);
    assert_eq!(run.code, 69);
    assert!(run.err.contains("its mode is 0666"), "{}", run.err);
    let run = directory.run(&["run", "--plugins", "plugins", "c.wasm", insecure]);
    assert!(run.err.contains("has `libodd.so.1` loaded"), "{}", run.err);
    let run = directory.run(&["run", "--plugins", "plugins", "c.wasm", insecure, foreign]);
    assert_eq!(run.code, 69);
    assert!(run.err.contains("it cannot be loaded"), "{}", run.err);
}

#[test]
fn completions_are_scripts() {
    let directory = Directory::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = directory.run(&["completions", shell]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("wash-host") && run.out.contains("inspect"));
    }
}

#[test]
fn one_remedy_for_several_causes_is_told_once() {
    let directory = Directory::new();
    let plugin = |id: &str| {
        let package = "acme:twice";
        let mut note = Note::new(id, package);
        note.wit = format!(
            "package {package}@0.1.0;\n\ninterface api {{\n  get: func();\n}}\n\ninterface more \
             {{\n  get: func();\n}}\n\nworld plugin {{\n  export api;\n  export more;\n}}\n"
        );
        note.functions = vec![
            (format!("{package}/api@0.1.0#get"), false),
            (format!("{package}/more@0.1.0#get"), false),
        ];
        Elf::plugin(&note).bytes()
    };
    directory.write("plugins/a.so", plugin("one"));
    directory.write("plugins/b.so", plugin("two"));
    directory.component("empty.wasm", "(component)");
    for args in [
        &["plugin", "list"][..],
        &["run", "--plugins", "plugins", "empty.wasm"],
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, 69, "{}", run.err);
        let told = run.out + &run.err;
        assert_eq!(told.matches("it serves `acme:twice/").count(), 4, "{told}");
        // One for each of the files.
        assert_eq!(told.matches("help: keep one of").count(), 2, "{told}");
    }
}

#[test]
fn a_list_without_a_host_and_a_directory_says_both() {
    let directory = Directory::new();
    std::fs::remove_dir(directory.path().join("plugins")).unwrap();
    let list = directory.run(&["plugin", "list"]);
    assert_eq!(list.code, 66, "{}", list.err);
    for part in [
        "no host of yours is running",
        "no directory ./plugins",
        "`wash-host run`",
    ] {
        assert!(list.err.contains(part), "{part} is not in {}", list.err);
    }
}
