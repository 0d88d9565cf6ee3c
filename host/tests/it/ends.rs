//! The codes with which `wash-host run` ends, and what it says then.

use crate::common;

use common::{
    Directory, Elf, Note, kill, logger,
    served::{Served, TERMINATED, code_of, guest},
};

/// A command that exits with a code through `wasi:cli/exit`.
fn exits_with(version: &str, code: u8) -> String {
    format!(
        r#"(component
            (import "wasi:cli/exit@{version}" (instance $exit
                (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $code (canon lower (func $exit "exit-with-code")))
            (core module $m
                (import "exit" "code" (func $code (param i32)))
                (func (export "run") (result i32)
                    (call $code (i32.const {code})) unreachable))
            (core instance $i (instantiate $m
                (with "exit" (instance (export "code" (func $code))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "wasi:cli/run@0.2.12" (instance $api)))"#
    )
}

/// A component with `mib` MiB of memory from the start.
fn takes(mib: u32) -> String {
    let pages = mib * 16;
    format!(
        r#"(component
            (core module $m (memory (export "m") {pages})
                (func (export "run") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $api)))"#
    )
}

#[test]
fn the_guests_own_code_is_passed_on() {
    let directory = Directory::new();
    for version in ["0.2.12", "0.3.0"] {
        directory.component("exit.wasm", &exits_with(version, 42));
        let run = directory.run(&["run", "exit.wasm"]);
        assert_eq!(run.code, 42, "{version}: {}", run.err);
    }
    directory.write(
        "workload.yaml",
        "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: { name: demo }\n\
         spec: { service: { image: exit.wasm, maxRestarts: 1 } }\n",
    );
    let run = directory.run(&["run", "workload.yaml"]);
    assert_eq!(run.code, 42, "{}", run.err);
}

#[test]
fn a_guest_of_a_compiler_passes_its_code_on() {
    let directory = Directory::new();
    let command = guest("log-command");
    let plugins = common::served::built("plugins/libcustom_logger.so", "plugins");
    for code in ["0", "3", "255"] {
        let run = directory.run(&[
            "run",
            "--allow-insecure-permissions",
            "--plugin",
            plugins.to_str().unwrap(),
            "--env",
            &format!("EXIT_CODE={code}"),
            command.to_str().unwrap(),
        ]);
        assert_eq!(run.code.to_string(), code, "{}", run.err);
    }
}

#[test]
fn a_signal_has_its_code_whatever_runs() {
    let directory = Directory::new();
    directory.component(
        "app.wasm",
        r#"(component (instance $i) (export "a:b/c" (instance $i)))"#,
    );
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", TERMINATED)] {
        for watch in [&[][..], &["--watch", "--plugins", "plugins"]] {
            let args = [&["--log", "info", "run"], watch, &["app.wasm"]].concat();
            let mut served = Served::start(&directory, &args);
            served.line_with("the workload exports");
            kill(served.child.id(), signal);
            assert_eq!(
                code_of(&mut served.child),
                Some(code),
                "SIG{signal} {watch:?}"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_host_outlives_its_terminal_if_it_is_told_to() {
    use std::process::{Command, Stdio};
    let directory = Directory::new();
    directory.component(
        "app.wasm",
        r#"(component (instance $i) (export "a:b/c" (instance $i)))"#,
    );
    // As `nohup` does it.
    let child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_wash-host"))
        .args(["run", "app.wasm"])
        .current_dir(directory.path())
        .env("XDG_RUNTIME_DIR", directory.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut served = Served::of(child);
    served.line_with("the workload exports");
    kill(served.child.id(), "HUP");
    kill(served.child.id(), "TERM");
    // It would be that of the first of them.
    assert_eq!(code_of(&mut served.child), Some(TERMINATED));
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let directory = Directory::new();
    directory.component("app.wasm", "(component)");
    directory.write("c.pem", "nothing");
    let https = |certificate, key| {
        let args = [
            "run",
            "--http",
            "127.0.0.1:0",
            "--tls-cert",
            certificate,
            "--tls-key",
            key,
            "app.wasm",
        ];
        directory.run(&args)
    };
    for (certificate, key, code, expected) in [
        (
            "none.pem",
            "c.pem",
            66,
            "the TLS certificate none.pem does not exist",
        ),
        (
            "c.pem",
            "none.pem",
            66,
            "the TLS key none.pem does not exist",
        ),
        ("c.pem", "plugins", 74, "cannot read the TLS key plugins"),
        (
            "c.pem",
            "c.pem",
            78,
            "cannot serve HTTPS with the certificate in c.pem",
        ),
    ] {
        let run = https(certificate, key);
        assert_eq!(run.code, code, "{certificate} {key}: {}", run.err);
        assert!(run.err.contains(expected), "{}", run.err);
        assert!(run.err.contains("help: "), "{}", run.err);
    }
}

#[test]
fn host_names_are_addresses() {
    let directory = Directory::new();
    let hello = guest("http-hello");
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--http",
            "localhost:0",
            "--metrics",
            "localhost:0",
            hello.to_str().unwrap(),
        ],
    );
    let addr = served.addr_after("listening on http://");
    assert!(addr.ip().is_loopback());
    assert_eq!(served.terminate().0, 0);
    let run = directory.run(&["run", "--http", "8000", hello.to_str().unwrap()]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("it has no host: use 127.0.0.1:8000"),
        "{}",
        run.err
    );
}

#[test]
fn memory_is_limited_unless_it_is_not() {
    let directory = Directory::new();
    directory.component("small.wasm", &takes(200));
    directory.component("large.wasm", &takes(300));
    let run = |args: &[&str]| directory.run(&[&["--log", "off", "run"], args].concat());
    let ok = run(&["small.wasm"]);
    assert_eq!(ok.code, 0, "{}", ok.err);
    let limited = run(&["large.wasm"]);
    assert_eq!(limited.code, 72, "{}", limited.err);
    for part in ["256", "--memory-limit"] {
        assert!(limited.err.contains(part), "{}", limited.err);
    }
    for limit in ["1G", "none"] {
        let ok = run(&["--memory-limit", limit, "large.wasm"]);
        assert_eq!(ok.code, 0, "{limit}: {}", ok.err);
    }
    assert_eq!(run(&["--memory-limit", "64M", "small.wasm"]).code, 72);
    // What the file says wins, in either direction.
    let file = |limit: i32| {
        let text = format!(
            "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: {{ name: demo \
             }}\nspec: {{ service: {{ image: large.wasm, localResources: {{ memoryLimitMb: {limit} \
             }} }} }}\n"
        );
        directory.write("workload.yaml", text);
        run(&["--memory-limit", "310M", "workload.yaml"]).code
    };
    assert_eq!([file(320), file(0), file(290)], [0, 0, 72]);
}

/// A plugin with a schema.
fn configured() -> Note {
    Note {
        config_schema: r#"{"type":"object","additionalProperties":false,"required":["port"],
            "properties":{"port":{"type":"integer","minimum":1,"maximum":65535},
            "level":{"type":"string","enum":["low","high"],"default":"low"}}}"#
            .to_owned(),
        ..logger()
    }
}

#[test]
fn a_configuration_is_checked_before_any_code_runs() {
    let directory = Directory::new();
    directory.write("plugins/liblogger.so", Elf::plugin(&configured()).bytes());
    directory.component("app.wasm", "(component)");
    directory.write(
        "wrong.toml",
        "# all plugins\n[plugins.custom-logger]\nport = 'http'\nlevle = 'low'\nlevel = 'hihg'\n",
    );
    let expected = "error: the configuration of plugin `custom-logger` is not valid:\n  \
        wrong.toml:5:1: `plugins.custom-logger.level`: \"hihg\" is not allowed; did you mean \
        \"high\"? use \"low\" or \"high\"\n  wrong.toml:4:1: `plugins.custom-logger.levle`: the \
        plugin has no such key; did you mean `level`? the keys are `level`, `port`\n  \
        wrong.toml:3:1: `plugins.custom-logger.port`: it is a text, and a whole number from 1 to \
        65535 is needed\n  help: ";
    // The library has no code at all: loading it would be another error.
    let run = directory.run(&[
        "run",
        "--plugins",
        "plugins",
        "--config",
        "wrong.toml",
        "app.wasm",
    ]);
    assert_eq!(run.code, 78, "{}", run.err);
    assert!(run.err.starts_with(expected), "{}", run.err);
    let check = ["plugin", "check-config", "--config", "wrong.toml"];
    let run = directory.run(&check);
    assert_eq!((run.code, run.out.as_str()), (78, ""));
    assert!(run.err.starts_with(expected), "{}", run.err);
    let run = directory.run(&[&check[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &json["valid"]), (78, &false.into()));
    assert_eq!(json["problems"][2]["key"], "plugins.custom-logger.port");
    assert_eq!(json["problems"][2]["line"], 3);

    // Without a configuration, what is needed is missing.
    let run = directory.run(&["run", "--plugins", "plugins", "app.wasm"]);
    assert_eq!(run.code, 78, "{}", run.err);
    assert!(
        run.err
            .contains("`plugins.custom-logger`: the key `port` is missing: a whole number from 1"),
        "{}",
        run.err
    );

    directory.write("right.toml", "[plugins.custom-logger]\nport = 1\n");
    let run = directory.run(&["plugin", "check-config", "--config", "right.toml"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "right.toml is valid for custom-logger\n"),
        "{}",
        run.err
    );
    directory.write(
        "typo.toml",
        "[plugins.custom-loger]\n[plugins.custom-logger]\nport = 1\n",
    );
    let run = directory.run(&["plugin", "check-config", "--config", "typo.toml"]);
    assert_eq!(run.code, 78);
    assert!(
        run.err
            .contains("did you mean `custom-logger` instead of `custom-loger`?"),
        "{}",
        run.err
    );
}

#[test]
fn a_configuration_that_the_plugin_refuses_is_wrong() {
    let directory = Directory::new();
    let store = common::served::built("plugins/libwasi_keyvalue.so", "plugins");
    directory.component("app.wasm", "(component)");
    // It fits the schema: only the plugin knows that one key needs another.
    directory.write(
        "plugins.toml",
        "[plugins.wasi-keyvalue]\nbackend = 'redis'\n",
    );
    let run = directory.run(&[
        "run",
        "--allow-insecure-permissions",
        "--plugin",
        store.to_str().unwrap(),
        "--config",
        "plugins.toml",
        "app.wasm",
    ]);
    assert_eq!(run.code, 78, "{}", run.err);
    assert!(
        run.err.contains("the backend `redis` needs `url`"),
        "{}",
        run.err
    );
}

#[test]
fn other_encodings_are_told_in_words() {
    let directory = Directory::new();
    directory.component("app.wasm", "(component)");
    let text = "\u{feff}[plugins.a]\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    directory.write("utf16.toml", &utf16);
    directory.write("utf16.yaml", &utf16);
    for (args, code) in [
        (&["run", "--config", "utf16.toml", "app.wasm"][..], 78),
        (&["run", "utf16.yaml"], 65),
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, code, "{}", run.err);
        assert!(run.err.contains("it is UTF-16 text"), "{}", run.err);
    }
}

#[test]
fn what_does_not_link_is_told_in_words() {
    let directory = Directory::new();
    let component = |function: &str, ty: &str| {
        format!(
            r#"(component
                (import "wasi:logging/logging" (instance $l (export "{function}" (func {ty}))))
                (core module $m (func (export "run") (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance $api (export "run" (func $run)))
                (export "wasi:cli/run@0.2.3" (instance $api)))"#
        )
    };
    for (function, ty, expected) in [
        (
            "shout",
            "",
            "imports the function `wasi:logging/logging#shout`, which neither the host nor a plugin",
        ),
        (
            "log",
            "async",
            "imports `wasi:logging/logging#log` as an `async func`, and it is served as a plain",
        ),
        (
            "log",
            "",
            "imports `wasi:logging/logging#log` with another type than it is served with",
        ),
    ] {
        directory.component("app.wasm", &component(function, ty));
        let run = directory.run(&["--log", "off", "run", "app.wasm"]);
        assert_eq!(run.code, 72, "{}", run.err);
        assert!(run.err.contains(expected), "{}", run.err);
        for foreign in ["linker", "func_wrap", "implementation is missing"] {
            assert!(!run.err.contains(foreign), "{}", run.err);
        }
    }
}
