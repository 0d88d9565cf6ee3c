//! `wash-host run --http`, with the guests that `cargo xtask guests` builds.
#![cfg(all(unix, not(target_vendor = "apple")))]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and its helpers for it"
)]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

use common::{Directory, kill};

/// What hangs is to fail.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A file that xtask built.
fn built(path: &str, command: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_wash-host"))
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .expect("the program is in a target directory");
    let file = target.join(path);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask {command}`",
        file.display()
    );
    file
}

fn guest() -> PathBuf {
    built("guests/http-hello.wasm", "guests")
}

/// A host that runs until it is told to end.
struct Served {
    child: Child,
    lines: BufReader<ChildStderr>,
}

impl Served {
    fn start(directory: &Directory, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wash-host"))
            .args(args)
            .current_dir(directory.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// What follows `start` in the first line that has it.
    fn line_with(&mut self, start: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                panic!("the host ended without `{start}`:\n{all}");
            }
            if let Some((_, rest)) = line.split_once(start) {
                return rest.trim().to_owned();
            }
            all.push_str(&line);
        }
    }

    fn addr_after(&mut self, start: &str) -> SocketAddr {
        let line = self.line_with(start);
        let addr = line.split(['/', '"']).next().unwrap();
        addr.parse().unwrap()
    }

    /// Asks it to end, and returns its code and what else it logged.
    fn terminate(mut self) -> (i32, String) {
        kill(self.child.id(), "TERM");
        self.end()
    }

    fn end(&mut self) -> (i32, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code().unwrap(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // For a test that failed half way.
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

fn get(addr: SocketAddr, host: &str, path: &str) -> String {
    let mut stream = connect(addr);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_bare_component_is_served_and_counted() {
    let directory = Directory::new();
    let guest = guest();
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--http",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            guest.to_str().unwrap(),
        ],
    );
    let metrics = served.addr_after("metrics at http://");
    let addr = served.addr_after("listening on http://");
    let response = get(addr, "any.example", "/");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("Hello from a WebAssembly component!"));
    let failed = get(addr, "any.example", "/trap");
    assert!(failed.starts_with("HTTP/1.1 500 "), "{failed}");

    let counted = get(metrics, "any.example", "/metrics");
    for line in [
        "wash_http_requests_total{workload=\"http-hello\",status=\"200\"} 1",
        "wash_http_requests_total{workload=\"http-hello\",status=\"500\"} 1",
        "wash_http_traps_total{workload=\"http-hello\"} 1",
    ] {
        assert!(counted.contains(line), "{counted}");
    }
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("unreachable"), "{log}");
}

#[test]
fn calls_of_plugins_are_counted_and_timed() {
    let directory = Directory::new();
    let guest = built("guests/http-log.wasm", "guests");
    let plugin = built("plugins-faulty/libpanics.so", "plugins");
    directory.write("config.toml", "[plugins.panics]\nentry = \"log\"\n");
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--http",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--plugin",
            plugin.to_str().unwrap(),
            "--config",
            "config.toml",
            guest.to_str().unwrap(),
        ],
    );
    let metrics = served.addr_after("metrics at http://");
    let addr = served.addr_after("listening on http://");
    for path in ["/one", "/two"] {
        let response = get(addr, "any.example", path);
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
    let failed = get(addr, "any.example", "/panic");
    assert!(failed.starts_with("HTTP/1.1 500 "), "{failed}");

    let counted = get(metrics, "any.example", "/metrics");
    let labels = "plugin=\"panics\",interface=\"wasi:logging/logging\",function=\"log\"";
    for line in [
        "# TYPE wash_plugin_calls_total counter",
        &format!("wash_plugin_calls_total{{{labels},outcome=\"ok\"}} 2"),
        &format!("wash_plugin_calls_total{{{labels},outcome=\"panicked\"}} 1"),
        &format!("wash_plugin_calls_total{{{labels},outcome=\"cancelled\"}} 0"),
        "# TYPE wash_plugin_call_duration_seconds histogram",
        &format!("wash_plugin_call_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 3"),
        &format!("wash_plugin_call_duration_seconds_count{{{labels}}} 3"),
        "wash_http_traps_total{workload=\"http-log\"} 1",
    ] {
        assert!(counted.contains(line), "no {line} in\n{counted}");
    }
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn sigterm_lets_a_request_finish() {
    let directory = Directory::new();
    let guest = guest();
    let mut served = Served::start(
        &directory,
        &["run", "--http", "127.0.0.1:0", guest.to_str().unwrap()],
    );
    let addr = served.addr_after("listening on http://");
    let mut stream = connect(addr);
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegun")
        .unwrap();
    // The guest has it in its hands.
    let mut first = [0; 5];
    let mut head = Vec::new();
    while !head.windows(5).any(|part| part == b"begun") {
        let read = stream.read(&mut first).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&head));
        head.extend(first.iter().take(read));
    }
    kill(served.child.id(), "TERM");
    served.line_with("stopping");
    while TcpStream::connect(addr).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(b" done").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(" done"), "{rest}");
    let (code, log) = served.end();
    assert_eq!(code, 0, "{log}");
}

const HOSTED: &str = "
apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: Workload
metadata:
  name: NAME
spec:
  components:
    - name: hello
      image: file://GUEST
  hostInterfaces:
    - namespace: wasi
      package: http
      interfaces: [incoming-handler]
      config: { host: NAME.example }
";

#[test]
fn workloads_are_told_apart_by_host() {
    let directory = Directory::new();
    let guest = guest();
    for name in ["one", "two"] {
        let text = HOSTED
            .replace("NAME", name)
            .replace("GUEST", guest.to_str().unwrap());
        directory.write(&format!("{name}.yaml"), text);
    }
    let mut served = Served::start(
        &directory,
        &[
            "--log-format",
            "json",
            "run",
            "--http",
            "127.0.0.1:0",
            "one.yaml",
            "two.yaml",
        ],
    );
    let addr = served.addr_after("listening on http://");
    for (host, status) in [
        ("one.example", 200),
        ("two.example", 200),
        ("three.example", 404),
    ] {
        let response = get(addr, host, "/");
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {response}"
        );
    }
    let (code, log) = served.terminate();
    assert_eq!(code, 0);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line.get("level").is_some(), "{line}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let directory = Directory::new();
    let guest = guest();
    let guest = guest.to_str().unwrap();
    directory.write("c.pem", "nothing");
    for (args, code, expected) in [
        (&["run", guest][..], 2, "add --http 127.0.0.1:8000"),
        (&["run", "--dev", guest], 2, "--http <ADDR>"),
        (
            &["run", "--http", "127.0.0.1:0", "--tls-cert", "c.pem", guest],
            2,
            "--tls-key <FILE>",
        ),
        (
            &[
                "run",
                "--http",
                "127.0.0.1:0",
                "--tls-cert",
                "c.pem",
                "--tls-key",
                "c.pem",
                guest,
            ],
            78,
            "BEGIN CERTIFICATE",
        ),
        (
            &["run", "--http", "127.0.0.1:0", guest, guest],
            2,
            "two workloads are called `http-hello`",
        ),
        (
            &["run", "--http", "192.0.2.1:1", guest],
            74,
            "cannot listen on 192.0.2.1:1",
        ),
    ] {
        let run = directory.run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.err);
        assert!(run.err.contains(expected), "{args:?}: {}", run.err);
    }
}
