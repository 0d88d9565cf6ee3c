//! Workload files as wasmCloud's samples and `kubectl` have them.

use crate::common;

use std::{fs, path::Path};

use common::{
    Directory,
    served::{Served, get, guest},
};

/// Runs a file of `tests/manifests`, and returns what is logged and which of
/// the hosts are answered.
fn run(name: &str, hosts: &[&str]) -> (String, Vec<bool>) {
    let directory = Directory::new();
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    fs::copy(manifests.join(name), directory.path().join("workload.yaml")).unwrap();
    fs::copy(guest("http-hello"), directory.path().join("greeter.wasm")).unwrap();
    let mut served = Served::start(
        &directory,
        &[
            "--log",
            "warn",
            "run",
            "--http",
            "127.0.0.1:0",
            "workload.yaml",
        ],
    );
    let (before, addr) = served.addr_and_log("listening on http://");
    let answered = hosts
        .iter()
        .map(|host| get(addr, host, "/").starts_with("HTTP/1.1 200 "))
        .collect();
    let (code, log) = served.terminate();
    assert_eq!(code, 0, "{log}");
    (before + &log, answered)
}

#[test]
fn resources_for_a_cluster_are_passed_over() {
    let (log, answered) = run("service-first.yaml", &["one.example", "two.example"]);
    assert_eq!(answered, [true, false]);
    assert!(
        log.contains("workload.yaml: the Service `greeter` (v1) means something in a cluster only"),
        "{log}"
    );
}

#[test]
fn each_document_is_a_workload() {
    let (_, answered) = run(
        "two-workloads.yaml",
        &["one.example", "two.example", "three.example"],
    );
    assert_eq!(answered, [true, true, false]);
}

#[test]
fn keys_for_a_cluster_are_named_once() {
    let (log, answered) = run("kubernetes-service.yaml", &["one.example"]);
    assert_eq!(answered, [true]);
    for key in [
        "spec.replicas",
        "spec.deployPolicy",
        "spec.kubernetes",
        "hostSelector",
        "kubernetes",
        "imagePullPolicy",
        "imagePullSecret",
        "precompiledUrl",
    ] {
        let told = format!("`{key}` means something in a cluster only");
        assert_eq!(log.matches(&told).count(), 1, "{key}: {log}");
    }
}

#[test]
fn what_kubectl_prints_is_read() {
    let (log, answered) = run("kubectl-list.yaml", &["one.example"]);
    assert_eq!(answered, [true]);
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn a_hosts_port_is_left_out() {
    let (log, answered) = run("host-with-port.yaml", &["one.example", "one.example:8000"]);
    assert_eq!(answered, [true, true]);
    assert!(
        log.contains("the port in the host `one.example:8000` is ignored"),
        "{log}"
    );
}
