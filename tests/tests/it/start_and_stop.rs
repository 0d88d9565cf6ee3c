//! A plugin that cannot start stops the host's start; one that does not stop
//! does not keep the host from ending.

use std::path::Path;
use std::process::Command;
use std::{fs, iter};

use e2e::child::{Ended, run};
use e2e::{TestHost, artifacts};

/// Runs a command that logs, with one faulty plugin.
fn wash_host(plugin: &str, config: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, format!("[plugins.{plugin}]\n{config}\n")).unwrap();
    let args: [&Path; 5] = [
        // Whoever owns the tree that is tested.
        Path::new("--allow-insecure-permissions"),
        Path::new("--plugin"),
        &artifacts::faulty(plugin),
        Path::new("--config"),
        &file,
    ];
    let guest = artifacts::guest_path("log-command");
    let args = iter::once(Path::new("run"))
        .chain(args)
        .chain([guest.as_path()]);
    run(Command::new(artifacts::wash_host()).args(args))
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_an_error_in_start_stops_the_start() {
    let error = TestHost::builder()
        .library(artifacts::faulty("fails"))
        .start()
        .await
        .unwrap_err();
    let error = format!("{error:#}");
    for part in [
        "`fails`",
        "start",
        "the log server does not answer: connection refused",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn sad_the_program_says_which_plugin_did_not_start() {
    let ended = wash_host("fails", "");
    ended.expect(71, &["`fails`", "the log server does not answer", "help"]);
    for entry in ["new", "start"] {
        let ended = wash_host("panics", &format!("entry = '{entry}'"));
        ended.expect(71, &["`panics`", "a panic in "]);
    }
}

#[test]
fn sad_the_program_ends_although_a_plugin_does_not_stop() {
    for block in [false, true] {
        let ended = wash_host("slow", &format!("block = {block}"));
        ended.expect(0, &[]);
        assert_eq!(ended.out, "log-command: 1 logged\n");
    }
}

#[test]
fn sad_an_embedders_program_ends_although_a_plugin_does_not_stop() {
    for config in ["{\"block\": false}", "{\"block\": true}"] {
        let ended = run(Command::new(env!("CARGO_BIN_EXE_stop"))
            .arg(artifacts::faulty("slow"))
            .args(["slow", config]));
        ended.expect(0, &[]);
        assert_eq!(ended.out, "started\nstopped\n");
    }
}

#[test]
fn sad_a_panic_in_stop_is_told_and_the_program_ends_well() {
    let ended = wash_host("panics", "entry = 'stop'");
    ended.expect(0, &["`panics`", "a panic in Stop"]);
}
