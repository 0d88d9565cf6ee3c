//! Plugin libraries in C, as a compiler and a linker make them: with all that
//! the dynamic linker goes by.

use std::path::PathBuf;
use std::process::Command;

use super::{Directory, Note};

/// A plugin with an initialiser, data to relocate and a manifest. Its functions
/// do nothing.
pub const PLUGIN: &str = r#"
#include <stdlib.h>
static int count;
static const char *const names[] = {"one", "two", "three"};
__attribute__((constructor)) static void start(void) { count = atoi("1"); }
__attribute__((destructor)) static void stop(void) { count = 0; }
const char *wash_test_name(unsigned i) { return names[i % 3]; }
const void *wash_plugin_query_v1(const unsigned char *id, unsigned long len) {
    (void)id; (void)len; return 0;
}
"#;

/// Builds a plugin with the note of that id, and C code of its own.
pub fn build(directory: &Directory, id: &str, code: &str, args: &[&str]) -> PathBuf {
    let note = Note::new(id, &format!("{id}:{id}")).bytes();
    let note: Vec<String> = note.iter().map(u8::to_string).collect();
    let source = format!(
        "__attribute__((section(\".note.wash.plugin\"), aligned(4), used)) static const unsigned \
         char note[] = {{{}}};\n{code}",
        note.join(",")
    );
    let source = directory.write(&format!("{id}.c"), source);
    let library = directory.path().join(format!("lib{id}.so"));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .args(args)
        .output()
        .expect("there is a C compiler, as rustc links with it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}
