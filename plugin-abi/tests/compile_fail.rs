//! What the macros refuse, and in which words.

#[test]
fn the_macros_say_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
