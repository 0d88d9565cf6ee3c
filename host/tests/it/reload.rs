//! `wash-host plugin reload`: a verdict on a file lasts as long as its cause.
//! Nothing here follows the files, so each look is asked for.

use crate::common;

use std::{fs, net::SocketAddr, path::Path};

use common::{
    Directory, Run, kill,
    served::{self, Served, get, guest},
    until,
};
use e2e::versions;
use serde_json::Value;

const ID: &str = "versions-plugin";

fn put(directory: &Directory, path: &str, bytes: impl AsRef<[u8]>) {
    directory.put(path, bytes);
}

fn remove(directory: &Directory, path: &str) {
    fs::remove_file(directory.path().join(path)).unwrap();
}

/// The library of `versions-plugin` with another id, of as many letters.
fn with_id(version: &str, id: &str) -> Vec<u8> {
    assert_eq!(id.len(), ID.len());
    let mut bytes = versions::bytes(version);
    let mut count = 0;
    for at in 0..bytes.len() - ID.len() {
        if bytes[at..].starts_with(ID.as_bytes()) {
            bytes[at..at + ID.len()].copy_from_slice(id.as_bytes());
            count += 1;
        }
    }
    assert!(count > 0, "the library has its id in it");
    bytes
}

fn start(directory: &Directory, more: &[&str]) -> (Served, SocketAddr) {
    let args = [
        &["run", "--watch", "--poll", "3600", "--http", "127.0.0.1:0"][..],
        &["--plugins", "plugins"],
        more,
    ]
    .concat();
    let mut served = Served::start(directory, &args);
    let addr = served.addr_after("listening on http://");
    // The first look is over when a request for another one is answered.
    reload(directory);
    (served, addr)
}

fn reload(directory: &Directory) -> Run {
    directory.run(&["plugin", "reload"])
}

/// Reloads, and checks the answer's lines and whether all is well.
#[track_caller]
fn reloaded(directory: &Directory, code: i32, lines: &[&str]) -> String {
    let run = reload(directory);
    assert_eq!(run.code, code, "{}{}", run.out, run.err);
    for line in lines {
        assert!(run.out.contains(line), "no {line:?} in\n{}", run.out);
    }
    run.out
}

/// The ids, states and files of the plugins.
fn list(directory: &Directory) -> Vec<(String, String, String)> {
    let run = directory.run(&["plugin", "list", "--json"]);
    let list: Value = serde_json::from_str(&run.out).expect(&run.err);
    let text = |of: &Value| of.as_str().unwrap_or("-").to_owned();
    let row = |plugin: &Value| {
        let path = text(&plugin["path"]);
        let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
        (text(&plugin["id"]), text(&plugin["state"]), name.to_owned())
    };
    let plugins = list["plugins"].as_array().unwrap();
    plugins.iter().map(row).collect()
}

fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    rows.iter().map(own).collect()
}

fn own((id, state, path): &(&str, &str, &str)) -> (String, String, String) {
    ((*id).to_owned(), (*state).to_owned(), (*path).to_owned())
}

/// Switches the plugin off, and waits until it is stopped.
fn disable(directory: &Directory) {
    let run = directory.run(&["plugin", "disable", ID]);
    assert_eq!(run.code, 0, "{}", run.err);
    until("it is stopped", || {
        let list = directory.run(&["plugin", "list", "--json"]).out;
        let list: Value = serde_json::from_str(&list).unwrap();
        let mut plugins = list["plugins"].as_array().unwrap().iter();
        plugins.any(|plugin| {
            plugin["state"] == "disabled" && plugin["generations"] == serde_json::json!([])
        })
    });
}

/// The version of the plugin that answers a request.
fn version_at(addr: SocketAddr) -> String {
    let response = get(addr, "any.example", "/");
    let body = response.split("\r\n\r\n").nth(1).unwrap_or_default();
    let line = body.lines().nth(1).unwrap_or_default();
    line.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn a_file_that_becomes_another_plugin_retires_the_previous_one() {
    let directory = Directory::new();
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    let guest = guest("versions-guest");
    let guest = guest.to_str().unwrap();
    let (served, addr) = start(&directory, &[guest]);
    assert_eq!(version_at(addr), "000001");

    let other = "visions-plugins";
    put(&directory, "plugins/a.so", with_id("000002", other));
    reloaded(
        &directory,
        0,
        &[
            "versions-plugin was removed; 1 workloads still use it\n",
            "visions-plugins 0.1.0 was added\n",
        ],
    );
    assert_eq!(
        list(&directory),
        rows(&[(ID, "retiring", "a.so"), (other, "running", "a.so")])
    );
    // The workload that has it keeps it, and the next one has the other.
    assert_eq!(version_at(addr), "000001");
    for command in [
        &["workload", "stop", "versions-guest"][..],
        &["workload", "start", guest],
    ] {
        let run = directory.run(command);
        assert_eq!(run.code, 0, "{}", run.err);
    }
    assert_eq!(version_at(addr), "000002");
    until("the previous plugin is stopped", || {
        list(&directory) == rows(&[(other, "running", "a.so")])
    });

    // And so on: none of those that are gone is left.
    for letter in 'a'..='e' {
        let id = format!("visions-plugin{letter}");
        put(&directory, "plugins/a.so", with_id("000003", &id));
        reloaded(&directory, 0, &[&format!("{id} 0.1.0 was added")]);
    }
    let last = ("visions-plugine", "running", "a.so");
    until("only the last one and the one in use are left", || {
        list(&directory) == rows(&[last, (other, "retiring", "a.so")])
    });

    // A plugin that this host cannot load anyway does not end what runs.
    let newer = served::built("plugins-faulty/libnewer_abi.so", "plugins");
    put(&directory, "plugins/a.so", fs::read(newer).unwrap());
    reloaded(&directory, 69, &["a.so is rejected", "revision 2"]);
    assert_eq!(list(&directory)[0], own(&last));
    kill(served.child.id(), "TERM");
}

#[test]
fn two_plugins_can_change_places() {
    let directory = Directory::new();
    let other = "visions-plugins";
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    let (served, _) = start(&directory, &[]);
    put(&directory, "plugins/b.so", versions::bytes("000001"));
    reloaded(
        &directory,
        69,
        &["its id `versions-plugin` is also that of"],
    );
    put(&directory, "plugins/a.so", with_id("000002", other));
    // The copy is the same library, so nothing is loaded for it. The newcomer
    // serves the same interface.
    reloaded(&directory, 69, &["a.so", "which is also served by plugin"]);
    assert_eq!(
        list(&directory),
        rows(&[(other, "rejected", "a.so"), (ID, "running", "b.so")])
    );
    remove(&directory, "plugins/b.so");
    reloaded(
        &directory,
        0,
        &[
            "versions-plugin was removed\n",
            "visions-plugins 0.1.0 was added\n",
        ],
    );
    kill(served.child.id(), "TERM");
}

#[test]
fn a_copy_comes_in_when_the_other_one_goes() {
    let directory = Directory::new();
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    put(&directory, "plugins/b.so", versions::bytes("000002"));
    let (served, _) = start(&directory, &["--skip-rejected"]);
    assert_eq!(
        list(&directory),
        rows(&[(ID, "rejected", "a.so"), (ID, "rejected", "b.so")])
    );
    // Nothing has changed, and what is wrong is told nevertheless.
    reloaded(&directory, 69, &["a.so is rejected", "b.so is rejected"]);
    remove(&directory, "plugins/a.so");
    reloaded(&directory, 0, &["versions-plugin 0.1.0 was added"]);

    // What runs stays, and a later copy takes over when its file goes.
    put(&directory, "plugins/c.so", versions::bytes("000003"));
    reloaded(&directory, 69, &["c.so is rejected"]);
    remove(&directory, "plugins/b.so");
    reloaded(
        &directory,
        0,
        &["was updated to version 0.1.0 (generation 2)"],
    );
    assert_eq!(list(&directory), rows(&[(ID, "running", "c.so")]));

    // Which of several is meant is not for the host to decide.
    put(&directory, "plugins/d.so", versions::bytes("000004"));
    put(&directory, "plugins/e.so", versions::bytes("000005"));
    reloaded(&directory, 69, &["d.so is rejected", "e.so is rejected"]);
    remove(&directory, "plugins/c.so");
    reloaded(
        &directory,
        69,
        &["its file is gone, and several others have its id"],
    );
    remove(&directory, "plugins/d.so");
    reloaded(
        &directory,
        0,
        &["was updated to version 0.1.0 (generation 3)"],
    );
    kill(served.child.id(), "TERM");
}

#[test]
fn an_interface_that_is_free_again_is_taken() {
    let directory = Directory::new();
    let other = "visions-plugins";
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    let (served, _) = start(&directory, &[]);
    put(&directory, "plugins/b.so", with_id("000002", other));
    reloaded(
        &directory,
        69,
        &["b.so is rejected", "also served by plugin"],
    );
    // One that is switched off can be switched on again: it keeps its interface.
    disable(&directory);
    reload(&directory);
    assert_eq!(
        list(&directory),
        rows(&[(ID, "disabled", "a.so"), (other, "rejected", "b.so")])
    );
    let run = directory.run(&["plugin", "enable", ID]);
    assert!(
        run.out.contains("versions-plugin 0.1.0 was added"),
        "{}",
        run.out
    );
    assert_eq!(
        list(&directory),
        rows(&[(ID, "running", "a.so"), (other, "rejected", "b.so")])
    );
    remove(&directory, "plugins/a.so");
    reloaded(
        &directory,
        0,
        &[
            "versions-plugin was removed\n",
            "visions-plugins 0.1.0 was added\n",
        ],
    );
    kill(served.child.id(), "TERM");
}

#[test]
fn a_copy_does_not_lock_out_what_was_switched_off() {
    let directory = Directory::new();
    // The name of the copy comes first.
    put(&directory, "plugins/b.so", versions::bytes("000001"));
    let (served, _) = start(&directory, &[]);
    put(&directory, "plugins/a.so", versions::bytes("000002"));
    reloaded(&directory, 69, &["a.so is rejected"]);
    disable(&directory);
    reload(&directory);
    let run = directory.run(&["plugin", "enable", ID]);
    assert!(
        run.out.contains("versions-plugin 0.1.0 was added"),
        "{}",
        run.out
    );
    assert_eq!(
        list(&directory),
        rows(&[(ID, "rejected", "a.so"), (ID, "running", "b.so")])
    );
    kill(served.child.id(), "TERM");
}

#[test]
fn a_configuration_that_was_corrected_is_read_again() {
    let directory = Directory::new();
    let configure = |text: &str| put(&directory, "plugins.toml", text);
    configure("[plugins.versions-plugin]\n");
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    let guest = guest("versions-guest");
    let more = ["--config", "plugins.toml", guest.to_str().unwrap()];
    let (served, addr) = start(&directory, &more);
    reloaded(
        &directory,
        0,
        &["plugins.toml was read again; no plugin's configuration differs\n"],
    );

    // A plugin that runs is made anew from the same library.
    configure("[plugins.versions-plugin]\nholds = \"/nowhere\"\n");
    reloaded(
        &directory,
        0,
        &[
            "plugins.toml was read again; the configuration differs of versions-plugin\n",
            "versions-plugin was updated to version 0.1.0 (generation 2); 1 workloads use it\n",
        ],
    );
    assert_eq!(version_at(addr), "000001");

    // What cannot be used is told, and the previous configuration stays.
    configure("[plugins.versions-plugin]\nholds = \n");
    reloaded(
        &directory,
        69,
        &["plugins.toml", "the previous configuration stays in force"],
    );
    configure("[plugins.versions-plugin]\nholds = 5\n");
    reloaded(&directory, 69, &["a.so", "configuration"]);
    assert_eq!(version_at(addr), "000001");
    // It is told as long as it is so.
    reloaded(&directory, 69, &["a.so", "configuration"]);
    configure("[plugins.versions-plugin]\nholds = \"/nowhere\"\n");
    reloaded(&directory, 0, &["plugins.toml was read again"]);

    // So is a plugin that never started.
    let other = "visions-plugins";
    configure("[plugins.visions-plugins]\nholds = 5\n");
    remove(&directory, "plugins/a.so");
    put(&directory, "plugins/b.so", with_id("000002", other));
    reloaded(&directory, 69, &["b.so"]);
    configure("[plugins.visions-plugins]\nholds = \"/nowhere\"\n");
    reloaded(&directory, 0, &["visions-plugins 0.1.0 was added\n"]);
    kill(served.child.id(), "TERM");
}

#[test]
fn what_failed_for_another_reason_is_tried_when_it_is_asked_for() {
    let directory = Directory::new();
    let (served, _) = start(&directory, &[]);
    put(&directory, "plugins/a.so", versions::bytes("broken"));
    reloaded(&directory, 69, &["this version is broken"]);
    let tried = directory.run(&["plugin", "reload", "--json"]);
    assert_eq!(tried.code, 69, "{}", tried.out);
    // Two libraries were loaded, and the third one is not the first.
    put(&directory, "plugins/a.so", versions::bytes("000001"));
    reloaded(&directory, 0, &["versions-plugin 0.1.0 was added\n"]);

    // What was wrong with a file is not told of a plugin without it.
    put(&directory, "plugins/a.so", "no library");
    reloaded(&directory, 69, &["a.so is rejected", "help:"]);
    let listed = directory.run(&["plugin", "list"]);
    assert!(listed.out.contains("cannot replace the running version"));
    // Something has it, so that it stays for a while.
    let guest = guest("versions-guest");
    let run = directory.run(&["workload", "start", guest.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.err);
    remove(&directory, "plugins/a.so");
    reloaded(
        &directory,
        0,
        &["versions-plugin was removed; 1 workloads still use it"],
    );
    let listed = directory.run(&["plugin", "list"]);
    assert!(listed.out.contains("retiring"), "{}", listed.out);
    assert!(!listed.out.contains("running version"), "{}", listed.out);
    kill(served.child.id(), "TERM");
}
