//! A plugin that panics takes nobody with it: what the host was doing fails,
//! with the plugin's id and the panic's message, and the host goes on.

use std::sync::Arc;

use e2e::{LOGGING, RUN, TestHost, artifacts, interface, string};
use serde_json::json;
use tokio::task::JoinSet;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;

async fn host(entry: &str) -> anyhow::Result<TestHost> {
    TestHost::builder()
        .library(artifacts::faulty("panics"))
        .config("panics", json!({ "entry": entry }))
        .start()
        .await
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

async fn start_guest(host: &TestHost) -> (WorkloadState, String) {
    let status = host
        .workload(
            "w1",
            artifacts::guest("log-guest"),
            vec![interface(LOGGING, [])],
        )
        .await;
    (status.workload_state, status.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_before_the_host_runs() {
    for (entry, said) in [("new", "New"), ("start", "Start")] {
        let error = host(entry).await.unwrap_err();
        says(
            &format!("{error:#}"),
            &["`panics`", &format!("a panic in {said}"), "lib.rs"],
        );
    }
    // The process is as good as new.
    host("nowhere").await.unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_while_a_workload_starts() {
    for (entry, said) in [
        ("workload-bound", "WorkloadBound"),
        ("item-bound", "ItemBound"),
        ("workload-resolved", "WorkloadResolved"),
    ] {
        let host = host(entry).await.unwrap();
        let (state, message) = start_guest(&host).await;
        assert_eq!(state, WorkloadState::Error, "{entry}: {message}");
        says(&message, &["`panics`", &format!("a panic in {said}")]);
        host.stop_workload("w1").await;
        host.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_while_things_end() {
    let unbound = host("workload-unbound").await.unwrap();
    for _ in 0..2 {
        let (state, message) = start_guest(&unbound).await;
        assert_eq!(state, WorkloadState::Running, "{message}");
        let said = unbound
            .call_of("w1", RUN, "run", &[string("hi")])
            .await
            .unwrap();
        assert_eq!(said, [string("logged: hi")]);
        let status = unbound.stop_workload("w1").await;
        assert_eq!(
            status.workload_state,
            WorkloadState::Stopping,
            "{}",
            status.message
        );
    }
    unbound.stop().await.unwrap();

    let stop = host("stop").await.unwrap();
    let (state, message) = start_guest(&stop).await;
    assert_eq!(state, WorkloadState::Running, "{message}");
    stop.stop_workload("w1").await;
    stop.stop().await.unwrap();
}

/// Calls a guest whose logger panics, and then again.
async fn traps(host: &TestHost, message: &str, parts: &[&str]) {
    let error = host
        .call_of("w1", RUN, "run", &[string(message)])
        .await
        .unwrap_err();
    says(&format!("{error:#}"), parts);
    let results: Vec<Val> = host
        .call_of("w1", RUN, "run", &[string("fine")])
        .await
        .unwrap();
    assert_eq!(results, [string("logged: fine")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_in_a_call() {
    let host = host("log").await.unwrap();
    let (state, message) = start_guest(&host).await;
    assert_eq!(state, WorkloadState::Running, "{message}");
    let function = "`wasi:logging/logging#log`";
    for _ in 0..3 {
        traps(
            &host,
            "panic",
            &["`panics`", "panicked", function, "a panic in Log", "lib.rs"],
        )
        .await;
    }
    // What is thrown is no text, and panics once more as it is dropped.
    traps(
        &host,
        "payload",
        &["`panics`", "panicked", function, "not a message"],
    )
    .await;

    let faults = host.loaded()[0].faults().unwrap();
    assert_eq!((faults.panics, faults.failures), (4, 0));
    assert!(faults.last_error.unwrap().contains("not a message"));
    host.stop_workload("w1").await;
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_in_a_call_that_answers_later() {
    let host = TestHost::builder()
        .library(artifacts::faulty("panics-async"))
        .start()
        .await
        .unwrap();
    let (state, message) = start_guest(&host).await;
    assert_eq!(state, WorkloadState::Running, "{message}");
    for (when, said) in [
        ("at once", "a panic in the first poll"),
        ("later", "a panic in a later poll"),
        ("in a task", "a panic in a task"),
        ("at once", "a panic in the first poll"),
    ] {
        traps(&host, when, &["`panics-async`", "panicked", said]).await;
    }
    assert_eq!(host.loaded()[0].faults().unwrap().panics, 4);
    host.stop_workload("w1").await;
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_many_at_once() {
    let host = host("log").await.unwrap();
    let (state, message) = start_guest(&host).await;
    assert_eq!(state, WorkloadState::Running, "{message}");
    let host = Arc::new(host);
    let mut calls = JoinSet::new();
    for i in 0..40 {
        let host = Arc::clone(&host);
        calls.spawn(async move {
            let panics = i % 2 == 0;
            let message = string(if panics { "panic" } else { "fine" });
            let outcome = host.call_of("w1", RUN, "run", &[message]).await;
            assert_eq!(outcome.is_err(), panics, "{outcome:?}");
        });
    }
    calls.join_all().await;
    let host = Arc::into_inner(host).unwrap();
    assert_eq!(host.loaded()[0].faults().unwrap().panics, 20);
    host.stop_workload("w1").await;
    host.stop().await.unwrap();
}
