//! Guests in the text format.

/// A component that imports `demo:a/one`.
pub(crate) const IMPORTS_A: &str = r#"(component
    (import "demo:a/one@0.1.0" (instance (export "ping" (func))))
)"#;

/// A component that imports `demo:b/one`.
pub(crate) const IMPORTS_B: &str = r#"(component
    (import "demo:b/one@0.1.0" (instance (export "ping" (func))))
)"#;

/// A component that imports both.
pub(crate) const IMPORTS_A_AND_B: &str = r#"(component
    (import "demo:a/one@0.1.0" (instance (export "ping" (func))))
    (import "demo:b/one@0.1.0" (instance (export "ping" (func))))
)"#;

/// A component that exports `demo:a/one`.
pub(crate) const EXPORTS_A: &str = r#"(component
    (core module $m (func (export "ping")))
    (core instance $i (instantiate $m))
    (func $ping (canon lift (core func $i "ping")))
    (instance $one (export "ping" (func $ping)))
    (export "demo:a/one@0.1.0" (instance $one))
)"#;

/// A component that needs 2 MiB of memory.
pub(crate) const NEEDS_2_MIB: &str = "(component
    (core module $m (memory 32))
    (core instance $i (instantiate $m))
)";

/// A component without imports and exports.
pub(crate) const EMPTY: &str = "(component)";

/// A service whose `run` does this. It yields 0 for `ok` and 1 for `err`.
pub(crate) fn run(body: &str) -> String {
    format!(
        r#"(component
            (core module $m
                (memory 1)
                (func $run (export "run") (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $run-interface (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $run-interface))
        )"#
    )
}

/// A component whose `run` of `demo:a/runner` does this, and yields a number.
pub(crate) fn exports_run(body: &str) -> String {
    run(body)
        .replace("wasi:cli/run@0.2.0", "demo:a/runner@0.1.0")
        .replace("(result (result))", "(result u32)")
}

/// A service that imports `demo:a/one`, whose `next` yields a number. 0 ends
/// the service well, 1 with `err`, 2 with a trap.
pub(crate) const RUN_AS_TOLD: &str = r#"(component
    (import "demo:a/one@0.1.0" (instance $one (export "next" (func (result u32)))))
    (core func $next (canon lower (func $one "next")))
    (core module $m
        (import "" "next" (func $next (result i32)))
        (global $runs (mut i32) (i32.const 0))
        (func (export "run") (result i32)
            (local $told i32)
            ;; A second run of the same instance would be noticed.
            (if (global.get $runs) (then (return (i32.const 1))))
            (global.set $runs (i32.const 1))
            (local.set $told (call $next))
            (if (i32.eq (local.get $told) (i32.const 2)) (then unreachable))
            (local.get $told))
    )
    (core instance $i (instantiate $m
        (with "" (instance (export "next" (func $next))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $run-interface (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $run-interface))
)"#;

/// A service that calls `exit-with-code` of `wasi:cli/exit`.
pub(crate) fn exit(code: u8) -> String {
    format!(
        r#"(component
            (import "wasi:cli/exit@0.2.12" (instance $exit
                (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $exit (canon lower (func $exit "exit-with-code")))
            (core module $m
                (import "" "exit" (func $exit (param i32)))
                (func (export "run") (result i32)
                    (call $exit (i32.const {code}))
                    unreachable)
            )
            (core instance $i (instantiate $m
                (with "" (instance (export "exit" (func $exit))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $run-interface (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $run-interface))
        )"#
    )
}

/// A service of WASI 0.3, whose `run` is an async function. It yields 0 for
/// `ok` and 1 for `err`.
pub(crate) fn run_async(result: u8) -> String {
    format!(
        r#"(component
            (import "wasi:clocks/types@0.3.0" (instance))
            (core func $return (canon task.return (result (result))))
            (core module $m
                (import "" "return" (func $return (param i32)))
                (func (export "run") (result i32)
                    (call $return (i32.const {result}))
                    i32.const 0)
                (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
            )
            (core instance $i (instantiate $m
                (with "" (instance (export "return" (func $return))))))
            (func $run async (result (result))
                (canon lift (core func $i "run") async (callback (func $i "callback"))))
            (instance $run-interface (export "run" (func $run)))
            (export "wasi:cli/run@0.3.0" (instance $run-interface))
        )"#
    )
}

/// A service of WASI 0.3 that waits for 1 millisecond and then does this.
pub(crate) fn run_async_after_waiting(body: &str) -> String {
    format!(
        r#"(component
            (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
                (export "wait-for" (func async (param "how-long" u64)))))
            (core func $wait (canon lower (func $clock "wait-for")))
            (core func $return (canon task.return (result (result))))
            (core module $m
                (import "" "wait" (func $wait (param i64)))
                (import "" "return" (func $return (param i32)))
                (func (export "run") (result i32)
                    (call $wait (i64.const 1000000))
                    {body}
                    (call $return (i32.const 0))
                    i32.const 0)
                (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
            )
            (core instance $i (instantiate $m (with "" (instance
                (export "wait" (func $wait))
                (export "return" (func $return))))))
            (func $run async (result (result))
                (canon lift (core func $i "run") async (callback (func $i "callback"))))
            (instance $run-interface (export "run" (func $run)))
            (export "wasi:cli/run@0.3.0" (instance $run-interface))
        )"#
    )
}
