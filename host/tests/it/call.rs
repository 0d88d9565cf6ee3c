//! `wash-host call`: one function of a component, from the command line.

use crate::common;

use common::{Directory, Run};

/// Exports functions by themselves and in interfaces; two of them have one name.
const FUNCTIONS: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func (export "check") (param i32) (result i32) (local.get 0))
        (func (export "nothing"))
        (func (export "fail") unreachable))
    (core instance $i (instantiate $m))
    (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
    (func $check (param "is-wrong" bool) (result (result)) (canon lift (core func $i "check")))
    (func $nothing (canon lift (core func $i "nothing")))
    (func $fail (canon lift (core func $i "fail")))
    (instance $one (export "nothing" (func $nothing)) (export "check" (func $check)))
    (instance $two (export "nothing" (func $nothing)) (export "fail" (func $fail)))
    (export "a:b/one@0.1.0" (instance $one))
    (export "a:b/two@0.1.0" (instance $two))
    (export "add" (func $add)))"#;

fn call(directory: &Directory, args: &[&str]) -> Run {
    let args: Vec<&str> = ["--log", "off", "call", "c.wasm"]
        .into_iter()
        .chain(args.iter().copied())
        .collect();
    directory.run(&args)
}

#[test]
fn a_function_is_called_and_its_result_printed() {
    let directory = Directory::new();
    directory.component("c.wasm", FUNCTIONS);
    for (args, code, out) in [
        (&["add", "40", "2"][..], 0, "42\n"),
        (&["check", "false"], 0, "ok\n"),
        // As a command's `err` is an exit code.
        (&["check", "true"], 1, "err\n"),
        (&["one#nothing"], 0, ""),
        (&["a:b/two#nothing"], 0, ""),
        (&["a:b/two@0.1.0#nothing"], 0, ""),
    ] {
        let run = call(&directory, args);
        assert_eq!(
            (run.code, run.out.as_str(), run.err.as_str()),
            (code, out, ""),
            "{args:?}"
        );
    }
}

#[test]
fn what_cannot_be_called_is_told() {
    let directory = Directory::new();
    directory.component("c.wasm", FUNCTIONS);
    let all = "exports no function `sub`; it exports\n  \
               a:b/one@0.1.0#nothing: func()\n  \
               a:b/one@0.1.0#check: func(is-wrong: bool) -> result\n  \
               a:b/two@0.1.0#nothing: func()\n  \
               a:b/two@0.1.0#fail: func()\n  \
               add: func(a: u32, b: u32) -> u32\n";
    for (args, code, expected) in [
        (&["sub"][..], 2, all),
        (&["three#nothing"], 2, "exports no function `three#nothing`"),
        (
            &["nothing"],
            2,
            "exports several functions `nothing`:\n  a:b/one@0.1.0#nothing: func()\n  \
             a:b/two@0.1.0#nothing: func()\n",
        ),
        (
            &["add", "1"],
            2,
            "`add` has 2 arguments, and one is given:\n  add: func(a: u32, b: u32) -> u32\n",
        ),
        (
            &["add", "1", "-2"],
            2,
            "`b: u32`: expected a whole number from 0 to 4294967295, and there is `-2`\n",
        ),
        (
            &["fail"],
            70,
            "the component failed in `a:b/two@0.1.0#fail`: wasm trap",
        ),
    ] {
        let run = call(&directory, args);
        assert_eq!(
            (run.code, run.out.as_str()),
            (code, ""),
            "{args:?} {}",
            run.err
        );
        assert!(run.err.contains(expected), "{args:?}\n{}", run.err);
        assert!(run.err.contains("help: ") || code == 70, "{}", run.err);
    }
    directory.component("empty.wasm", "(component)");
    let run = directory.run(&["call", "empty.wasm", "run"]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("empty.wasm exports no functions"),
        "{}",
        run.err
    );
    let run = directory.run(&["call", "nowhere.wasm", "run"]);
    assert_eq!(run.code, 66, "{}", run.err);
}

#[test]
fn a_command_can_be_called_too() {
    let directory = Directory::new();
    directory.component(
        "c.wasm",
        r#"(component
            (core module $m (func (export "run") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $api)))"#,
    );
    let run = call(&directory, &["run"]);
    assert_eq!((run.code, run.out.as_str()), (1, "err\n"), "{}", run.err);
}

#[test]
fn an_import_that_nobody_serves_is_named() {
    let directory = Directory::new();
    directory.component(
        "c.wasm",
        r#"(component (import "acme:device/lamp@1.2.0" (instance (export "on" (func)))))"#,
    );
    let run = call(&directory, &["on"]);
    assert_eq!(run.code, 72, "{}", run.err);
    assert!(run.err.contains("`acme:device/lamp@1.2.0`"), "{}", run.err);
}
