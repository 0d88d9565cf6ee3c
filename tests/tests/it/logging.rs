//! The logger of the page about host plugins, compiled in and from a library:
//! nobody can tell from what is printed.

use std::process::Command;

const MESSAGES: [&str; 4] = ["hello", "", "caf\u{e9} \u{1f980}", "two\nlines"];

fn printed(which: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_logger"))
        .arg(which)
        .args(MESSAGES)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{which}: {}\n{stderr}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_library_prints_what_a_compiled_in_plugin_prints() {
    let loaded = printed("loaded");
    assert_eq!(loaded, printed("compiled-in"));
    assert_eq!(
        loaded,
        "[my-app] Logger plugin started\n\
         [my-app] INFO log-guest: hello\n\
         [my-app] INFO log-guest: \n\
         [my-app] INFO log-guest: caf\u{e9} \u{1f980}\n\
         [my-app] INFO log-guest: two\\nlines\n\
         [my-app] Logger plugin stopped\n"
    );
}
