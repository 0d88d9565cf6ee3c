//! The capabilities that are compiled into `wash-host`, used by a guest that
//! serves HTTP, counts its requests in `wasi:keyvalue` and logs each.

use crate::common;
use crate::servers;

use common::{
    Directory,
    served::{Served, get, guest},
};
use servers::Server;

/// Runs the guest on a store, and returns what it answered to each request.
fn count(directory: &Directory, store: &str, requests: usize) -> Vec<String> {
    let mut served = Served::start(
        directory,
        &[
            "run",
            "--http",
            "127.0.0.1:0",
            "--keyvalue",
            store,
            guest("http-counter").to_str().unwrap(),
        ],
    );
    let addr = served.addr_after("listening on http://");
    let mut answers = Vec::new();
    for _ in 0..requests {
        let response = get(addr, "any.example", "/visits");
        let (head, body) = response.split_once("\r\n\r\n").expect(&response);
        assert!(head.starts_with("HTTP/1.1 200 "), "{store}: {response}");
        // Of a body in chunks, the first line is the first one's size.
        answers.push(body.lines().nth(1).expect(&response).to_owned());
    }
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    for answer in &answers {
        let line = format!("/visits: {answer}");
        assert!(log.contains(&line), "{store}: no `{line}` in {log}");
    }
    answers
}

fn survives(directory: &Directory, store: &str) {
    assert_eq!(count(directory, store, 3), ["1", "2", "3"], "{store}");
    assert_eq!(count(directory, store, 2), ["4", "5"], "{store}");
}

#[test]
fn memory_is_gone_with_the_host() {
    let directory = Directory::new();
    assert_eq!(count(&directory, "memory", 3), ["1", "2", "3"]);
    assert_eq!(count(&directory, "memory", 1), ["1"]);
}

#[test]
fn a_folder_keeps_the_count() {
    let directory = Directory::new();
    survives(&directory, "file:data/counters");
    assert!(directory.path().join("data/counters").is_dir());
}

#[test]
fn nats_keeps_the_count() {
    if let Some(server) = Server::nats() {
        survives(&Directory::new(), &server.url());
    }
}

#[test]
fn redis_keeps_the_count() {
    if let Some(server) = Server::redis() {
        survives(&Directory::new(), &server.url());
    }
}

#[test]
fn a_store_has_to_be_named_and_reached() {
    let directory = Directory::new();
    directory.write("file", "no folder");
    let guest = guest("http-counter");
    let guest = guest.to_str().unwrap();
    let run = ["run", "--http", "127.0.0.1:0", guest];
    let without = directory.run(&run);
    assert_eq!(without.code, 72, "{}", without.err);
    assert!(
        without
            .err
            .contains("say where to keep values (--keyvalue memory,"),
        "{}",
        without.err
    );
    // Nothing listens at port 1.
    for (store, code, expected) in [
        ("disk", 2, "it has to be memory, file:DIR"),
        ("file:file", 74, "cannot use the folder file"),
        (
            "nats://me:secret@127.0.0.1:1",
            75,
            "error: --keyvalue nats://127.0.0.1:1 cannot be used\n  caused by NATS: cannot connect",
        ),
        (
            "redis://:secret@127.0.0.1:1",
            75,
            "error: --keyvalue redis://127.0.0.1:1 cannot be used\n  caused by Redis at",
        ),
        (
            "redis://:secret@127.0.0.1:port",
            78,
            "it is not like redis://",
        ),
    ] {
        let failed = directory.run(&[&run[..], &["--keyvalue", store]].concat());
        assert_eq!(failed.code, code, "{store}: {}", failed.err);
        assert!(failed.err.contains(expected), "{store}: {}", failed.err);
        assert!(!failed.err.contains("secret"), "{}", failed.err);
    }
}
