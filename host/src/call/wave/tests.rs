//! Values and their text.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use wash_runtime::wasmtime::{
    Config, Engine,
    component::{Component, Type, Val, types::ComponentItem},
};

use super::{read, write};

/// The types of the parameters of this function.
fn types(params: &str) -> Vec<Type> {
    let mut config = Config::new();
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, wat::parse_str(component(params)).unwrap()).unwrap();
    let ty = component.component_type();
    let function = ty.imports(&engine).find(|(name, _)| *name == "f");
    match function.expect("it imports the function").1.ty {
        ComponentItem::ComponentFunc(function) => function.params().map(|(_, ty)| ty).collect(),
        other => panic!("{other:?}"),
    }
}

/// A component that imports a function with these parameters, of types that
/// have to be named beside it.
fn component(params: &str) -> String {
    format!(
        r#"(component
            (type $point' (record (field "x" s32) (field "name" (option string))))
            (import "point" (type $point (eq $point')))
            (type $shape' (variant (case "dot") (case "none") (case "at" $point)))
            (import "shape" (type $shape (eq $shape')))
            (type $color' (enum "red" "ok"))
            (import "color" (type $color (eq $color')))
            (type $rights' (flags "read" "write"))
            (import "rights" (type $rights (eq $rights')))
            (import "f" (func {params})))"#
    )
}

fn ty(of: &str) -> Type {
    types(&format!("(param \"a\" {of})")).remove(0)
}

#[test]
fn what_is_read_is_written() {
    for (of, text, written) in [
        ("bool", "true", "true"),
        ("u8", "255", "255"),
        ("s64", "-9223372036854775808", "-9223372036854775808"),
        ("f32", "1.5", "1.5"),
        ("f64", "-1e300", "-1e300"),
        ("f64", "nan", "nan"),
        ("f64", "-inf", "-inf"),
        ("char", r"'\''", r"'\''"),
        ("char", "'\u{e4}'", "'\u{e4}'"),
        (
            "string",
            r#""a\n\"b\" \u{202e} 'c'""#,
            r#""a\n\"b\" \u{202e} 'c'""#,
        ),
        ("string", r#""\u{0}""#, r#""\u{0}""#),
        ("(list u8)", "[1,2, 3,]", "[1, 2, 3]"),
        ("(list u8)", "[]", "[]"),
        ("(tuple u8 string)", r#"(1, "b")"#, r#"(1, "b")"#),
        (
            "$point",
            r#"{name: some("n"), x: -1}"#,
            r#"{x: -1, name: some("n")}"#,
        ),
        // An option may be left out, or given as it is.
        ("$point", "{ x: 1 }", "{x: 1, name: none}"),
        (
            "$point",
            r#"{x: 1, name: "n"}"#,
            r#"{x: 1, name: some("n")}"#,
        ),
        ("$shape", "dot", "dot"),
        ("$shape", "%none", "%none"),
        ("$shape", "at({x: 1}) // so", "at({x: 1, name: none})"),
        ("$color", "%ok", "%ok"),
        ("$rights", "{write, read}", "{write, read}"),
        ("$rights", "{}", "{}"),
        ("(option u8)", "none", "none"),
        ("(option u8)", "7", "some(7)"),
        ("(option (option u8))", "some(none)", "some(none)"),
        ("(result u8 (error string))", "ok(1)", "ok(1)"),
        ("(result u8 (error string))", r#"err("no")"#, r#"err("no")"#),
        ("(result u8 (error string))", "1", "ok(1)"),
        ("(result)", "err", "err"),
    ] {
        let ty = ty(of);
        let value = read(&ty, text).unwrap_or_else(|problem| panic!("{of} {text}: {problem}"));
        assert_eq!(write(&value), written, "{of}");
        let again = read(&ty, written).unwrap();
        assert_eq!(write(&again), written, "{of}");
    }
}

#[test]
fn maps_and_lists_of_a_fixed_length() {
    let map = ty("(map string u8)");
    let value = read(&map, r#"[("a", 1), ("b", 2),]"#).unwrap();
    assert_eq!(write(&value), r#"[("a", 1), ("b", 2)]"#);
    let three = ty("(list u8 3)");
    assert_eq!(write(&read(&three, "[1, 2, 3]").unwrap()), "[1, 2, 3]");
    let problem = read(&three, "[1, 2]").unwrap_err();
    assert_eq!(problem, "expected a list of 3, and it has 2");
}

#[test]
fn what_is_wrong_is_told_by_the_type() {
    for (of, text, problem) in [
        ("bool", "yes", "expected true or false, and there is `yes`"),
        (
            "u8",
            "256",
            "expected a whole number from 0 to 255, and there is `256`",
        ),
        (
            "u8",
            "+1",
            "expected a whole number from 0 to 255, and there is `+1`",
        ),
        (
            "u8",
            "",
            "expected a whole number from 0 to 255, and the text ends there",
        ),
        ("u8", "1 2", "expected nothing more, and there is `2`"),
        (
            "f64",
            "infinity",
            "expected a number, such as 1.5, and there is `infinity`",
        ),
        (
            "string",
            "hello",
            "expected text in double quotes, such as \"text\", and there is `hello`",
        ),
        ("string", "\"a", "expected \" at the end of the quoted text"),
        ("string", r#""\x""#, "`\\x` is not an escape"),
        ("string", r#""\u{d800}""#, "`\\u{d800}` is not a character"),
        (
            "char",
            "'ab'",
            "expected a character in single quotes, such as 'a', and there is `'ab'`",
        ),
        (
            "(list u8)",
            "[1 2]",
            "expected a comma or `]`, and there is `2]`",
        ),
        (
            "(list u8)",
            "[1",
            "expected a comma or `]`, and the text ends there",
        ),
        (
            "(tuple u8 u8)",
            "(1)",
            "expected a whole number from 0 to 255, and there is `)`",
        ),
        (
            "$point",
            "{y: 1}",
            "expected one of `x`, `name`, and there is `y`",
        ),
        ("$point", "{}", "the field `x` is missing"),
        ("$point", "{x: 1, x: 2}", "the field `x` is there twice"),
        ("$point", "{x: a}", "in `x`, expected a whole number"),
        (
            "$shape",
            "line",
            "expected one of `dot`, `none`, `at`, and there is `line`",
        ),
        (
            "$shape",
            "at",
            "expected a value in parentheses after `at`, and the text ends there",
        ),
        (
            "$rights",
            "{run}",
            "expected one of `read`, `write`, and there is `run`",
        ),
        (
            "(result)",
            "1",
            "expected ok, ok(…), err or err(…), and there is `1`",
        ),
        (
            "(option (option u8))",
            "1",
            "expected some(…) or none, and there is `1`",
        ),
    ] {
        let found = read(&ty(of), text).unwrap_err();
        assert!(found.starts_with(problem), "{of} {text}: {found}");
    }
    let long = "[".repeat(1000);
    let found = read(&ty("(list u8)"), &long).unwrap_err();
    assert!(found.ends_with("[[[[…`"), "{found}");
    assert!(matches!(read(&ty("u8"), " 1 "), Ok(Val::U8(1))));
}
