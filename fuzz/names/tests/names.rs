//! `bindgen!` expands worlds with names of all kinds to Rust that compiles, and that
//! leaves the names of the file around it as they are.

#[test]
fn all_worlds_compile() {
    for author in fuzz_names::AUTHORS {
        assert_eq!(author("a", 1).as_deref(), Some("a 1"));
    }
    assert!(!fuzz_names::AUTHORS.is_empty());
}
