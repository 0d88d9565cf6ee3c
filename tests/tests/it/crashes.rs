//! A plugin that ends the process is named in the last thing that the host says.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use e2e::artifacts;
use e2e::child::{Ended, run};

/// Runs a command that logs, with a plugin that crashes.
fn wash_host(crash: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, format!("[plugins.crashes]\ncrash = '{crash}'\n")).unwrap();
    // Without a core dump, which would be as large as the host.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c 0; exec \"$@\"", "sh"]);
    shell.arg(artifacts::wash_host());
    // Whoever owns the tree that is tested.
    shell.args(["run", "--allow-insecure-permissions", "--plugin"]);
    shell.arg(artifacts::faulty("crashes"));
    shell.arg("--config").arg(&file);
    shell.arg(artifacts::guest_path("log-command"));
    run(&mut shell)
}

#[test]
fn sad_a_stack_that_overflows_names_the_plugin_and_the_function() {
    for (crash, place) in [
        ("new", "its function `new`"),
        ("start", "its hook `start`"),
        ("task", "a thread of its own"),
        ("log", "`wasi:logging/logging#log`"),
    ] {
        let said = format!(
            "error: plugin `crashes`, in {place}, overflowed its stack, and the host cannot go on\n  help: "
        );
        // A signal ends it.
        wash_host(crash).expect(-1, &[&said]);
    }
}

#[test]
fn sad_an_access_to_memory_that_is_not_there_names_the_plugin_and_the_function() {
    let said = "error: plugin `crashes`, in `wasi:logging/logging#log`, accessed memory that is not \
                its own, and the host cannot go on\n  help: ";
    wash_host("read").expect(-1, &[said]);
}
