//! Guests in the text format that call one another.

/// A component with a core module of which `exports` are lifted, as an
/// instance of this name. `imports` and `lowered` come before it.
pub(crate) fn component(
    name: &str,
    imports: &str,
    module: &str,
    with: &str,
    lifted: &str,
) -> String {
    format!(
        r#"(component
            {imports}
            (core module $m {module})
            (core instance $i (instantiate $m (with "" (instance {with}))))
            {lifted}
            (export "{name}" (instance $exported))
        )"#
    )
}

/// Exports `demo:a/counter`, whose `next` counts up from 1.
pub(crate) fn counter() -> String {
    component(
        "demo:a/counter@0.1.0",
        "",
        r#"(global $n (mut i32) (i32.const 0))
           (func (export "next") (result i32)
               (global.set $n (i32.add (global.get $n) (i32.const 1)))
               global.get $n)"#,
        "",
        r#"(func $next (result u32) (canon lift (core func $i "next")))
           (instance $exported (export "next" (func $next)))"#,
    )
}

/// Imports `next` of an interface and exports it under another name: it yields
/// the sum of all that the imported one has yielded.
pub(crate) fn sum_of_counts(imported: &str, exported: &str) -> String {
    component(
        exported,
        &format!(
            r#"(import "{imported}" (instance $counter (export "next" (func (result u32)))))
               (core func $next (canon lower (func $counter "next")))"#
        ),
        r#"(import "" "next" (func $next (result i32)))
           (global $n (mut i32) (i32.const 0))
           (func (export "next") (result i32)
               (global.set $n (i32.add (global.get $n) (call $next)))
               global.get $n)"#,
        r#"(export "next" (func $next))"#,
        r#"(func $next' (result u32) (canon lift (core func $i "next")))
           (instance $exported (export "next" (func $next')))"#,
    )
}

/// Imports `next` of an interface, and exports a `run` that tells who it is,
/// calls it, and tells who it is again.
pub(crate) fn runner(imported: &str) -> String {
    told("demo:a/runner@0.1.0", "run", imported, "next")
}

/// Imports `next` of an interface and exports it, telling who it is.
pub(crate) fn told_next(imported: &str, exported: &str) -> String {
    told(exported, "next", imported, "next")
}

fn told(exported: &str, function: &str, imported: &str, import: &str) -> String {
    component(
        exported,
        &format!(
            r#"(import "demo:b/who@0.1.0" (instance $who (export "tell" (func))))
               (import "{imported}" (instance $next (export "{import}" (func (result u32)))))
               (core func $tell (canon lower (func $who "tell")))
               (core func $next (canon lower (func $next "{import}")))"#
        ),
        r#"(import "" "tell" (func $tell))
           (import "" "next" (func $next (result i32)))
           (func (export "run") (result i32)
               (local $n i32)
               (call $tell)
               (local.set $n (call $next))
               (call $tell)
               local.get $n)"#,
        r#"(export "tell" (func $tell)) (export "next" (func $next))"#,
        &format!(
            r#"(func $run (result u32) (canon lift (core func $i "run")))
               (instance $exported (export "{function}" (func $run)))"#
        ),
    )
}

/// Exports an interface whose `next` does this.
pub(crate) fn next_does(exported: &str, body: &str) -> String {
    component(
        exported,
        "",
        &format!(r#"(memory 1) (func $next (export "next") (result i32) {body})"#),
        "",
        r#"(func $next (result u32) (canon lift (core func $i "next")))
           (instance $exported (export "next" (func $next)))"#,
    )
}

/// Exports `demo:a/doubler`, whose `double` is an async function.
pub(crate) const DOUBLER: &str = r#"(component
    (core func $return (canon task.return (result u32)))
    (core module $m
        (import "" "return" (func $return (param i32)))
        (global $calls (mut i32) (i32.const 0))
        (func (export "double") (param i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            ;; The number of the call on this instance, then the double.
            (call $return (i32.add
                (i32.mul (global.get $calls) (i32.const 100))
                (i32.mul (local.get 0) (i32.const 2))))
            i32.const 0)
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
    (core instance $i (instantiate $m (with "" (instance (export "return" (func $return))))))
    (func $double async (param "n" u32) (result u32)
        (canon lift (core func $i "double") async (callback (func $i "callback"))))
    (instance $exported (export "double" (func $double)))
    (export "demo:a/doubler@0.1.0" (instance $exported))
)"#;

/// Calls `double` twice from an async `run`, and yields the sum.
pub(crate) const USES_DOUBLER: &str = r#"(component
    (import "demo:a/doubler@0.1.0" (instance $doubler
        (export "double" (func async (param "n" u32) (result u32)))))
    (core func $double (canon lower (func $doubler "double")))
    (core func $return (canon task.return (result u32)))
    (core module $m
        (import "" "double" (func $double (param i32) (result i32)))
        (import "" "return" (func $return (param i32)))
        (func (export "run") (result i32)
            (call $return (i32.add (call $double (i32.const 4)) (call $double (i32.const 5))))
            i32.const 0)
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "double" (func $double))
        (export "return" (func $return))))))
    (func $run async (result u32)
        (canon lift (core func $i "run") async (callback (func $i "callback"))))
    (instance $exported (export "run" (func $run)))
    (export "demo:a/runner@0.1.0" (instance $exported))
)"#;
