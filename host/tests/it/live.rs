//! `wash-host run --watch`: plugins come, change and go while requests are
//! answered.

use crate::common;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{
    Directory, kill,
    served::{Lines, Served, code_of, get, guest},
    until,
};
use e2e::versions;
use serde_json::Value;

const LIBRARY: &str = "plugins/libversions.so";

/// Puts a version of the library there at once, finished long ago.
fn put(directory: &Directory, path: &str, version: &str) {
    directory.put(path, versions::bytes(version));
}

fn start(directory: &Directory, more: &[&str]) -> (Served, SocketAddr) {
    let guest = guest("versions-guest");
    let args = [
        &[
            "run",
            "--watch",
            "--http",
            "127.0.0.1:0",
            "--plugins",
            "plugins",
        ][..],
        more,
        &[guest.to_str().unwrap()],
    ]
    .concat();
    let mut served = Served::start(directory, &args);
    let addr = served.addr_after("listening on http://");
    (served, addr)
}

/// The versions that a request saw: see the guest.
fn versions_at(addr: SocketAddr) -> Option<Vec<String>> {
    let response = get(addr, "any.example", "/");
    if !response.starts_with("HTTP/1.1 200 ") {
        eprintln!("{response}");
        return None;
    }
    let body = response.split("\r\n\r\n").nth(1)?;
    let line = body.lines().nth(1)?;
    Some(line.split(' ').map(str::to_owned).collect())
}

fn list(directory: &Directory) -> Vec<Value> {
    let run = directory.run(&["plugin", "list", "--json"]);
    let mut list: Value = serde_json::from_str(&run.out).expect(&run.err);
    serde_json::from_value(list["plugins"].take()).unwrap()
}

#[test]
fn a_plugin_comes_changes_and_goes() {
    let directory = Directory::new();
    let (mut served, addr) = start(&directory, &["--retry-unbound"]);
    assert_eq!(versions_at(addr), None, "nobody serves the workload yet");
    put(&directory, LIBRARY, "000001");
    until("it is added, and the workload starts", || {
        versions_at(addr).is_some()
    });
    put(&directory, LIBRARY, "000002");
    until("it is updated", || {
        versions_at(addr).is_some_and(|seen| seen == ["000002"; 3])
    });

    // What is no plugin changes nothing, and is told.
    fs::write(directory.path().join(LIBRARY), "no library").unwrap();
    let line = served.line_with("plugin rejected");
    assert!(line.contains("it is not a shared library"), "{line}");
    assert_eq!(versions_at(addr).unwrap(), ["000002"; 3]);
    let plugin = &list(&directory)[0];
    assert_eq!(plugin["state"], "running");
    assert_eq!(plugin["generation"], 2);
    assert!(
        plugin["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("it is not a shared library")),
        "{plugin}"
    );
    // Who asks is told, too, although nothing has changed since; and what to do.
    for question in ["reload", "list"] {
        let answer = directory.run(&["plugin", question]);
        let wanted = if question == "reload" { 69 } else { 0 };
        assert_eq!(answer.code, wanted, "{question}: {}", answer.out);
        for text in ["it is not a shared library", "help: remove it"] {
            assert!(answer.out.contains(text), "{question}: {}", answer.out);
        }
    }

    fs::remove_file(directory.path().join(LIBRARY)).unwrap();
    until("it retires", || list(&directory)[0]["state"] == "retiring");
    // The workload that has it keeps it.
    assert_eq!(versions_at(addr).unwrap(), ["000002"; 3]);
    // It is back in time.
    put(&directory, LIBRARY, "000003");
    until("it is restored", || {
        list(&directory)[0]["state"] == "running"
    });
    until("and updated", || {
        versions_at(addr).is_some_and(|seen| seen == ["000003"; 3])
    });
    fs::remove_file(directory.path().join(LIBRARY)).unwrap();
    until("it retires", || list(&directory)[0]["state"] == "retiring");
    let stopped = directory.run(&["workload", "stop", "versions-guest"]);
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    until("it is gone", || list(&directory).is_empty());
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

/// Sends requests without a pause, on this many threads.
struct Load {
    ends: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(addr: SocketAddr, threads: usize) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(AtomicUsize::new(0));
        let answered = Arc::new(AtomicUsize::new(0));
        let threads = (0..threads)
            .map(|_| {
                let (ends, failed, answered) = (
                    Arc::clone(&ends),
                    Arc::clone(&failed),
                    Arc::clone(&answered),
                );
                thread::spawn(move || {
                    let mut last = String::new();
                    while !ends.load(Ordering::Relaxed) {
                        match versions_at(addr).as_deref() {
                            // A resource is of one version, and time does not
                            // go backwards.
                            Some([stamp, made, taken])
                                if *stamp >= last && made >= stamp && made == taken =>
                            {
                                last.clone_from(stamp);
                                answered.fetch_add(1, Ordering::Relaxed);
                            }
                            other => {
                                eprintln!("after {last}: {other:?}");
                                failed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                })
            })
            .collect();
        Self {
            ends,
            failed,
            answered,
            threads,
        }
    }

    fn end(self) -> (usize, usize) {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (read(&self.answered), read(&self.failed))
    }
}

#[test]
fn no_request_notices_a_hundred_updates() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let (served, addr) = start(&directory, &[]);
    let load = Load::start(addr, 3);
    for version in 1..=100 {
        put(&directory, LIBRARY, &format!("{version:06}"));
        let reload = directory.run(&["plugin", "reload"]);
        assert_eq!(reload.code, 0, "{}{}", reload.out, reload.err);
    }
    until("the last version answers", || {
        versions_at(addr).is_some_and(|seen| seen == ["000100"; 3])
    });
    let (answered, failed) = load.end();
    assert_eq!(failed, 0, "of {answered}");
    assert!(answered > 100, "{answered}");
    until("all versions before are retired", || {
        let plugin = &list(&directory)[0];
        plugin["generation"] == 101 && plugin["generations"].as_array().unwrap().len() == 1
    });
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

/// What a slow copy looks like, in a folder of this file system.
fn copied_slowly(folder: &Path, more: &[&str]) {
    // On a busy machine, a pause may be so long that a part is taken for the whole.
    let is_told = (0..10).any(|_| copied_once(folder, more));
    assert!(is_told, "this machine is too busy to copy a file slowly");
}

/// One such copy; `false` if it tells nothing, as it paused for too long.
fn copied_once(folder: &Path, more: &[&str]) -> bool {
    let directory = Directory::new();
    let plugins = tempfile::tempdir_in(folder).unwrap();
    let library = plugins.path().join("libversions.so");
    fs::write(&library, versions::bytes("000000")).unwrap();
    let guest = guest("versions-guest");
    let args = [
        &["run", "--watch", "--http", "127.0.0.1:0", "--plugins"][..],
        &[plugins.path().to_str().unwrap()],
        more,
        &[guest.to_str().unwrap()],
    ]
    .concat();
    let mut served = Served::start(&directory, &args);
    let addr = served.addr_after("listening on http://");
    assert_eq!(versions_at(addr).unwrap(), ["000000"; 3]);

    // Over the library that is there, in pieces.
    let bytes = versions::bytes("000001");
    let mut written = Vec::new();
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    for piece in bytes.chunks(bytes.len() / 10 + 1) {
        written.extend_from_slice(piece);
        fs::write(&library, &written).unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
        thread::sleep(Duration::from_millis(100));
        if written.len() < bytes.len() {
            assert_eq!(versions_at(addr).unwrap(), ["000000"; 3]);
        }
    }
    until("it is updated", || {
        versions_at(addr).is_some_and(|seen| seen == ["000001"; 3])
    });
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    if longest >= Duration::from_millis(400) {
        return false;
    }
    assert!(!log.contains("rejected"), "{log}");
    true
}

#[test]
fn a_file_is_read_when_it_is_whole() {
    copied_slowly(&std::env::temp_dir(), &[]);
}

#[test]
fn a_file_system_in_memory_does_as_well() {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => copied_slowly(memory, &[]),
        false => println!("skipped: there is no /dev/shm"),
    }
}

#[test]
fn so_does_looking_every_second() {
    copied_slowly(&std::env::temp_dir(), &["--poll", "1"]);
}

#[test]
fn thousands_of_events_are_one_look() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let (served, addr) = start(&directory, &[]);
    let at = |name: &str| directory.path().join("plugins").join(name);
    for number in 0..4000 {
        let (file, other) = (at(&format!("{number}.tmp")), at(&format!("{number}.txt")));
        fs::write(&file, "x").unwrap();
        fs::rename(&file, &other).unwrap();
        fs::remove_file(other).unwrap();
    }
    put(&directory, LIBRARY, "000001");
    until("the update is not missed", || {
        versions_at(addr).is_some_and(|seen| seen == ["000001"; 3])
    });
    assert_eq!(list(&directory)[0]["generation"], 2);
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn a_list_can_go_on() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let (served, _) = start(&directory, &[]);
    let mut watching = Command::new(env!("CARGO_BIN_EXE_wash-host"))
        .args(["plugin", "list", "--watch", "--json"])
        .env("XDG_RUNTIME_DIR", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Lines::of(watching.stdout.take().unwrap());
    let next = || -> Value { serde_json::from_str(&lines.next().unwrap()).unwrap() };
    assert_eq!(next()["plugins"][0]["generation"], 1);
    put(&directory, LIBRARY, "000001");
    while next()["plugins"][0]["generation"] != 2 {}
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    // Its host is gone, and it says so.
    assert_eq!(code_of(&mut watching), Some(74));
}

#[test]
fn a_directory_may_be_replaced() {
    let directory = Directory::new();
    let at = |name: &str| directory.path().join(name);
    for (name, version) in [("one", "000001"), ("two", "000002")] {
        fs::create_dir(at(name)).unwrap();
        put(&directory, &format!("{name}/libversions.so"), version);
    }
    fs::remove_dir(at("plugins")).unwrap();
    std::os::unix::fs::symlink("one", at("plugins")).unwrap();
    let (served, addr) = start(&directory, &[]);
    assert_eq!(versions_at(addr).unwrap(), ["000001"; 3]);
    // As Kubernetes does with what it mounts.
    std::os::unix::fs::symlink("two", at("next")).unwrap();
    fs::rename(at("next"), at("plugins")).unwrap();
    until("the other directory's is loaded", || {
        versions_at(addr).is_some_and(|seen| seen == ["000002"; 3])
    });
    // One that is gone takes nothing with it.
    fs::remove_file(at("plugins")).unwrap();
    let reload = directory.run(&["plugin", "reload"]);
    assert_eq!(reload.code, 69, "{}", reload.out);
    assert!(reload.out.contains("does not exist"), "{}", reload.out);
    assert_eq!(list(&directory)[0]["state"], "running");
    assert_eq!(versions_at(addr).unwrap(), ["000002"; 3]);
    put(&directory, "one/libversions.so", "000003");
    std::os::unix::fs::symlink("one", at("plugins")).unwrap();
    until("it is back, with another one", || {
        versions_at(addr).is_some_and(|seen| seen == ["000003"; 3])
    });
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn a_plugin_is_switched_off_and_on() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000001");
    let (served, addr) = start(&directory, &[]);
    let state = || list(&directory)[0]["state"].clone();
    let run = directory.run(&["plugin", "disable", "versions"]);
    assert_eq!(run.code, 66);
    assert!(
        run.err
            .contains("there is no plugin `versions`; there is only `versions-plugin`"),
        "{}",
        run.err
    );
    let run = directory.run(&["plugin", "disable", "versions-plugin"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "versions-plugin is disabled\n")
    );
    assert_eq!(state(), "disabled");
    // Who has it keeps it, and nobody else gets it.
    assert_eq!(versions_at(addr).unwrap(), ["000001"; 3]);
    let guest = guest("versions-guest");
    let copy = directory.path().join("second.wasm");
    fs::copy(guest, &copy).unwrap();
    let refused = directory.run(&["workload", "start", "second.wasm"]);
    assert_eq!(refused.code, 72, "{}", refused.err);
    assert!(
        refused.err.contains("neither the host nor a plugin serves"),
        "{}",
        refused.err
    );

    let run = directory.run(&["plugin", "enable", "versions-plugin"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "versions-plugin is back\n"),
        "{}",
        run.err
    );
    let started = directory.run(&["workload", "start", "second.wasm"]);
    assert_eq!(started.code, 0, "{}", started.err);
    let workloads = directory.run(&["workload", "list"]);
    assert!(
        workloads.out.contains("second          running"),
        "{}",
        workloads.out
    );

    let run = directory.run(&["plugin", "disable", "--force", "versions-plugin"]);
    assert_eq!(run.code, 0);
    until("its workloads fail", || {
        let workloads = directory.run(&["workload", "list"]).out;
        workloads
            .matches("plugin `versions-plugin`, which it uses, was disabled")
            .count()
            == 2
    });
    until("it is stopped", || {
        list(&directory)[0]["generations"] == serde_json::json!([])
    });
    // Once more changes nothing.
    let run = directory.run(&["plugin", "disable", "versions-plugin"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(state(), "disabled");
    // It stays so without its file, and with it again.
    fs::remove_file(directory.path().join(LIBRARY)).unwrap();
    until("that is told", || {
        list(&directory)[0]["reason"] == "its file is gone"
    });
    put(&directory, LIBRARY, "000001");
    until("it is not told any more", || {
        list(&directory)[0]["reason"] == Value::Null
    });
    assert_eq!(state(), "disabled");
    let run = directory.run(&["plugin", "enable", "versions-plugin"]);
    assert_eq!(run.out, "versions-plugin 0.1.0 was added\n", "{}", run.err);
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("plugin disabled"), "{log}");
    assert!(!log.contains("plugin removed"), "{log}");
}

#[test]
fn a_host_that_was_killed_starts_again() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut version = 0;
            while !ends.load(Ordering::Relaxed) {
                version += 1;
                put(&directory, LIBRARY, &format!("{version:06}"));
                thread::sleep(Duration::from_millis(20 + version % 7));
            }
        });
        for round in 0_u64..8 {
            let (mut served, addr) = start(&directory, &[]);
            assert!(versions_at(addr).is_some());
            // Somewhere in an update.
            thread::sleep(Duration::from_millis(round * 37 % 200));
            kill(served.child.id(), "KILL");
            served.child.wait().unwrap();
        }
        ends.store(true, Ordering::Relaxed);
    });
    // The next host removes the sockets that they left behind.
    let (served, _) = start(&directory, &[]);
    let sockets = fs::read_dir(directory.path().join("wash-host")).unwrap();
    let sockets: Vec<_> = sockets.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(sockets, [format!("{}.sock", served.child.id()).as_str()]);
    let status = directory.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect(&status.err);
    assert_eq!(status["pid"], served.child.id());
    assert_eq!(status["workloads"], 1);
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn plugins_are_counted_alike_everywhere() {
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let guest = guest("versions-guest");
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--http",
            "127.0.0.1:0",
            "--plugins",
            "plugins",
            guest.to_str().unwrap(),
        ],
    );
    let line = served.line_with("host started");
    let counted = line.split("plugins=").nth(1).unwrap().trim();
    served.addr_after("listening on http://");
    let status = directory.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect(&status.err);
    assert_eq!(status["plugins"].to_string(), counted);
    assert_eq!(
        (&status["loaded"], &status["compiled_in"]),
        (&1.into(), &2.into())
    );
    let text = directory.run(&["status"]).out;
    let expected = format!("\nplugins: {counted} (1 loaded, 2 compiled in)\n");
    assert!(text.contains(&expected), "{text}");
    assert_eq!(list(&directory).len(), 1);
    kill(served.child.id(), "TERM");
}

#[test]
fn what_failed_is_told_in_one_line() {
    const TRAP: &str = r#"(component
        (core module $m (func (export "run") (result i32) unreachable))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $api (export "run" (func $run)))
        (export "wasi:cli/run@0.2.3" (instance $api)))"#;
    let directory = Directory::new();
    put(&directory, LIBRARY, "000000");
    let (mut served, _) = start(&directory, &[]);
    directory.component("trap.wasm", TRAP);
    let run = directory.run(&["workload", "start", "trap.wasm"]);
    assert_eq!(run.code, 0, "{}", run.err);
    // The log has the backtrace.
    served.line_with("wasm backtrace");
    let workloads = || directory.run(&["workload", "list"]).out;
    until("it has failed", || workloads().contains("unreachable"));
    let listed = workloads();
    assert!(!listed.contains("backtrace"), "{listed}");
    let of_it: Vec<&str> = listed.lines().filter(|l| l.contains("trap")).collect();
    assert!(of_it.iter().all(|line| !line.contains("0x")), "{listed}");
    kill(served.child.id(), "TERM");
}
