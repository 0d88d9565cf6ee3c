//! `wash-host run`, as far as it goes without a plugin that can be loaded.

use crate::common;

use std::{
    env::consts::DLL_SUFFIX,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Directory, kill};

/// A command whose `run` ends with `ok` (0) or `err` (1).
fn command(result: u32) -> String {
    format!(
        r#"(component
            (core module $m (func (export "run") (result i32) i32.const {result}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $api)))"#
    )
}

const TRAP: &str = r#"(component
    (core module $m (func (export "run") (result i32) unreachable))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $api (export "run" (func $run)))
    (export "wasi:cli/run@0.2.3" (instance $api)))"#;

const NEEDS_DEVICE: &str = r#"(component
    (import "acme:device/lamp@1.2.0" (instance (export "on" (func)))))"#;

#[test]
fn a_command_ends_with_its_own_code() {
    let directory = Directory::new();
    directory.component("ok.wasm", &command(0));
    directory.component("err.wasm", &command(1));
    directory.component("trap.wasm", TRAP);
    let run = directory.run(&["run", "--plugins", "plugins", "ok.wasm"]);
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
    // Another directory may have been meant.
    let warning = format!("there are no plugin libraries (*{DLL_SUFFIX}) in plugins");
    assert!(run.err.contains(&warning), "{}", run.err);
    let run = directory.run(&["run", "err.wasm"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(!run.err.contains("error:"), "{}", run.err);
    let run = directory.run(&["--log", "off", "run", "trap.wasm"]);
    assert_eq!(run.code, 70, "{}", run.err);
    assert!(
        run.err.contains("error: ") && run.err.contains("unreachable"),
        "{}",
        run.err
    );
}

#[test]
fn an_import_that_nobody_serves_is_named() {
    let directory = Directory::new();
    directory.component("app.wasm", NEEDS_DEVICE);
    let run = directory.run(&["--log", "off", "run", "--plugins", "plugins", "app.wasm"]);
    assert_eq!(run.code, 72, "{}", run.err);
    assert!(
        run.err.starts_with(
            "error: app.wasm imports `acme:device/lamp@1.2.0`, which neither the host nor a plugin \
             serves; the plugins serve `wasi:config/store@0.2.0-rc.1` (plugin `wasi-config`), \
             `wasi:logging/logging` (plugin `wasi-logging`)\n  help: add a plugin that serves it"
        ),
        "{}",
        run.err
    );
}

#[test]
fn what_cannot_be_run_is_told() {
    let directory = Directory::new();
    directory.component("module.wasm", "(module)");
    directory.write("text.wasm", "hello");
    directory.write("bad.yaml", "kind: Pod\napiVersion: v1\n");
    directory.write("plugins/x.so", "not a library");
    directory.write("bad.toml", "[plugins.x]\nkey = \n");
    directory.component("ok.wasm", &command(0));
    for (args, code, expected) in [
        (
            &["run", "nowhere.wasm"][..],
            66,
            "the component nowhere.wasm does not exist",
        ),
        (
            &["run", "nowhere.yaml"],
            66,
            "the workload file nowhere.yaml does not exist",
        ),
        (
            &["run", "module.wasm"],
            65,
            "it is a WebAssembly module, not a component",
        ),
        (&["run", "text.wasm"], 65, "it is not WebAssembly"),
        (&["run", "bad.yaml"], 65, "its apiVersion is `v1`"),
        (
            &["run", "--plugins", "nowhere", "ok.wasm"],
            66,
            "nowhere does not exist",
        ),
        (
            &["run", "--plugin", "nowhere.so", "ok.wasm"],
            66,
            "nowhere.so does not exist",
        ),
        (
            &["run", "--plugins", "plugins", "ok.wasm"],
            69,
            "it is neither ELF nor Mach-O",
        ),
        (
            &["run", "--config", "nowhere.toml", "ok.wasm"],
            66,
            "nowhere.toml",
        ),
        (&["run", "--config", "bad.toml", "ok.wasm"], 78, "line 2"),
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.err);
        assert!(run.err.contains(expected), "{args:?}: {}", run.err);
        assert!(run.err.contains("error: "), "{args:?}: {}", run.err);
    }
    let run = directory.run(&["run", "--plugins", "plugins", "--skip-rejected", "ok.wasm"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("plugin skipped"), "{}", run.err);
    directory.write("typo.toml", "[plugins.loger]\n");
    let run = directory.run(&["run", "--config", "typo.toml", "ok.wasm"]);
    assert_eq!(run.code, 78, "{}", run.err);
    assert!(
        run.err
            .contains("has a table for `loger`, but there is no plugin"),
        "{}",
        run.err
    );
}

#[test]
fn a_workload_file_is_run() {
    let directory = Directory::new();
    directory.component("err.wasm", &command(1));
    directory.write(
        "workload.yaml",
        "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: { name: demo }\n\
         spec: { service: { image: err.wasm } }\n",
    );
    let run = directory.run(&["run", "workload.yaml"]);
    assert_eq!(run.code, 1, "{}", run.err);
}

#[test]
fn a_component_runs_until_it_is_interrupted() {
    use std::io::{BufRead, BufReader};
    let directory = Directory::new();
    directory.component(
        "app.wasm",
        r#"(component (instance $i) (export "a:b/c" (instance $i)))"#,
    );
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wash-host"))
            .args(["--log", "off", "run", "app.wasm"])
            .current_dir(directory.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "running until Ctrl-C; the workload exports `a:b/c`\n");
        kill(child.id(), signal);
        assert_eq!(child.wait().unwrap().code(), Some(code), "SIG{signal}");
    }
}

/// A command that never ends.
const LOOP: &str = r#"(component
    (core module $m (func (export "run") (result i32) (loop br 0) unreachable))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $api (export "run" (func $run)))
    (export "wasi:cli/run@0.2.3" (instance $api)))"#;

#[test]
fn a_command_that_does_not_end_can_be_interrupted() {
    let directory = Directory::new();
    directory.component("loop.wasm", LOOP);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wash-host"))
        .args(["--log", "off", "run", "loop.wasm"])
        .current_dir(directory.path())
        .spawn()
        .unwrap();
    // Long enough that the signal is listened for; it may still be starting.
    std::thread::sleep(Duration::from_millis(1500));
    kill(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_log_in_json_is_json_to_its_end() {
    let directory = Directory::new();
    directory.component("trap.wasm", TRAP);
    for (args, code) in [
        (&["--log-format", "json", "run", "nothing.wasm"][..], 66),
        (
            &["--log-format=json", "--log", "off", "run", "trap.wasm"],
            70,
        ),
        (&["--log-format", "json", "run", "trap.wasm"], 70),
        (
            &["--log-format", "json", "--log", "a=b=c", "run", "x.wasm"],
            2,
        ),
        (&["--log-format", "json", "run", "--no-such-option"], 2),
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, code, "{}", run.err);
        let lines: Vec<serde_json::Value> = run
            .err
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        let last = lines.last().expect("an error is told");
        assert_eq!(
            (&last["level"], &last["exit_code"]),
            (&"ERROR".into(), &code.into())
        );
        for field in ["timestamp", "message", "target"] {
            let text = last[field].as_str().unwrap();
            assert!(!text.is_empty(), "{field} of {last}");
        }
    }
}
