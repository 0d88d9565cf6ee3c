//! What the host does where the operating system gives it little.
#![cfg(target_os = "linux")]

use crate::common;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use common::{
    Directory, kill,
    served::{Served, get, guest},
};
use e2e::versions;

/// Starts a host with a plugin and a component that uses it, by a line of shell
/// that ends with `"$@"`.
fn start(directory: &Directory, shell: &str) -> (Served, SocketAddr) {
    directory.write("plugins/versions.so", versions::bytes("000000"));
    let mut served = Served::start_with(
        directory,
        Command::new("sh")
            .args(["-c", shell, "sh", env!("CARGO_BIN_EXE_wash-host")])
            .args(["run", "--watch", "--http", "127.0.0.1:0"])
            // In a user namespace, what is root's is not.
            .args(["--plugins", "plugins", "--allow-insecure-permissions"])
            .arg(guest("versions-guest")),
    );
    let addr = served.addr_after("listening on http://");
    (served, addr)
}

/// Puts a version of the plugin in the place of the previous one.
fn put(directory: &Directory, version: u32) {
    let bytes = versions::bytes(&format!("{version:06}"));
    directory.put("plugins/versions.so", bytes);
}

/// Waits until this version answers.
fn answers(addr: SocketAddr, version: &str) {
    common::until("the new version answers", || {
        get(addr, "any.example", "/").contains(version)
    });
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let directory = Directory::new();
    let (served, _) = start(&directory, "ulimit -Sn 80 && ulimit -Hn 700 && exec \"$@\"");
    let limits = fs::read_to_string(format!("/proc/{}/limits", served.child.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<&str> = files.unwrap().split_whitespace().collect();
    assert_eq!(files, ["Max", "open", "files", "700", "700", "files"]);
    kill(served.child.id(), "TERM");
}

#[test]
fn no_update_takes_the_last_descriptors() {
    let directory = Directory::new();
    let (served, addr) = start(&directory, "ulimit -n 128 && exec \"$@\"");
    let mut refused = None;
    for version in 1..=60 {
        put(&directory, version);
        let reload = directory.run(&["plugin", "reload"]);
        if reload.code != 0 {
            refused = Some(reload.out);
            break;
        }
    }
    // A host whose updates leave no descriptors behind never gets there.
    let Some(refused) = refused else {
        let open = fs::read_dir(format!("/proc/{}/fd", served.child.id())).unwrap();
        assert!(open.count() < 96, "updates are not refused");
        return;
    };
    for part in [
        "plugin `versions-plugin` is not loaded",
        "fewer than 32 of the 128 file descriptors",
        "LimitNOFILE=",
    ] {
        assert!(refused.contains(part), "no {part:?} in {refused}");
    }
    // It serves, and more than one at once.
    let connections: Vec<_> = (0..10).map(|_| common::served::connect(addr)).collect();
    let response = get(addr, "any.example", "/");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    drop(connections);
    kill(served.child.id(), "TERM");
}

/// Whether a user namespace can be made here, in which nobody may watch files.
fn can_forbid_inotify() -> bool {
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--user", "--map-root-user", "sh", "-c"])
        .arg("echo 0 > /proc/sys/user/max_inotify_instances")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Path::new("/proc/sys/user/max_inotify_instances").exists()
        && unshare.status().is_ok_and(|status| status.success())
}

#[test]
fn without_inotify_the_files_are_looked_at() {
    if !can_forbid_inotify() {
        println!("skipped: no user namespace can be made here");
        return;
    }
    let directory = Directory::new();
    let shell = "exec unshare --user --map-root-user sh -c \
                 'echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"' sh \"$@\"";
    let (mut served, addr) = start(&directory, shell);
    let line = served.line_with("the plugin directories cannot be watched");
    assert!(line.contains("looked at every 2 seconds"), "{line}");
    assert!(line.contains("fs.inotify.max_user_instances"), "{line}");
    put(&directory, 1);
    answers(addr, "000001");
    kill(served.child.id(), "TERM");
}
