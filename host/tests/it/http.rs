//! `wash-host run --http`, with the guests that `cargo xtask guests` builds.

use crate::common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
};

use common::{
    Directory, kill,
    served::{self, Served, connect, get},
};

fn guest() -> PathBuf {
    served::guest("http-hello")
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
    let guest = served::guest("http-log");
    let plugin = served::built("plugins-faulty/libpanics.so", "plugins");
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
            // Whoever owns the tree that is tested.
            "--allow-insecure-permissions",
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
    assert_eq!(code, served::TERMINATED, "{log}");
}

#[test]
fn a_component_that_does_not_answer_in_time_is_answered_for() {
    let directory = Directory::new();
    let guest = guest();
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--http",
            "127.0.0.1:0",
            "--http-timeout",
            "10",
            guest.to_str().unwrap(),
        ],
    );
    let addr = served.addr_after("listening on http://");
    let response = get(addr, "a", "/hold");
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    // One that does, is not.
    let response = get(addr, "a", "/");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let (code, log) = served.terminate();
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

/// Whatever comes first, and whether anything is there when the host starts.
#[test]
fn so_are_those_that_come_later() {
    let directory = Directory::new();
    let guest = guest();
    for name in ["one", "two"] {
        let text = HOSTED
            .replace("NAME", name)
            .replace("GUEST", guest.to_str().unwrap());
        directory.write(&format!("{name}.yaml"), text);
    }
    std::fs::copy(&guest, directory.path().join("bare.wasm")).unwrap();
    let mut served = Served::start(
        &directory,
        &[
            "run",
            "--watch",
            "--http",
            "127.0.0.1:0",
            "--plugins",
            "plugins",
        ],
    );
    let addr = served.addr_after("listening on http://");
    let started = |file: &str| {
        let run = directory.run(&["workload", "start", file]);
        assert_eq!(run.code, 0, "{}", run.err);
    };
    let status = |host: &str| {
        let response = get(addr, host, "/");
        response.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    // There is no workload yet, so it is too early to say that none takes it.
    let response = get(addr, "one.example", "/");
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(
        response.to_lowercase().contains("\r\nretry-after: 1\r\n"),
        "{response}"
    );
    started("one.yaml");
    started("two.yaml");
    assert_eq!(status("one.example"), "200");
    assert_eq!(status("three.example"), "404");
    let stopped = directory.run(&["workload", "stop", "one"]);
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    assert_eq!(status("one.example"), "404");
    assert_eq!(status("two.example"), "200");
    // One that names no host takes what is left.
    started("bare.wasm");
    assert_eq!(status("one.example"), "200");
    let stopped = directory.run(&["workload", "stop", "bare"]);
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    assert_eq!(status("one.example"), "404");
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
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
            "2 workloads are called `http-hello`",
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
