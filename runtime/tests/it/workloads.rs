//! Workloads and the states that they are in.

use crate::common;

use std::sync::Arc;

use common::{
    guests::{EMPTY, IMPORTS_A, run},
    host,
    recorder::{Act, Gate, Log, Recorder},
    service, start, status, stop, workload,
};
use wash_runtime::{plugin::HostPlugin, types::WorkloadState};

const A: &str = "demo:a/one@0.1.0";

#[tokio::test]
async fn a_workload_runs_until_it_is_stopped() {
    let host = host([]).await;
    assert_eq!(status(&host, "w").await.message, "Workload not found: w");
    assert_eq!(stop(&host, "w").await.message, "Workload not found");
    assert_eq!(
        host.wait_workload("w").await.workload_state,
        WorkloadState::NotFound
    );

    start(&host, "w", workload(&[EMPTY], &[])).await;
    assert_eq!(status(&host, "w").await.message, "Workload is Running");

    let again = start(&host, "w", workload(&[EMPTY], &[])).await;
    assert_eq!(again.workload_state, WorkloadState::Error);
    assert_eq!(
        again.message,
        "Workload ID [w] already exists (the exising workload must be stopped to reuse the ID)"
    );
    assert_eq!(
        status(&host, "w").await.workload_state,
        WorkloadState::Running
    );

    let waiting = tokio::spawn({
        let host = host.clone();
        async move { host.wait_workload("w").await }
    });
    tokio::task::yield_now().await;
    assert_eq!(
        stop(&host, "w").await.workload_state,
        WorkloadState::Stopping
    );
    assert_eq!(
        waiting.await.unwrap().workload_state,
        WorkloadState::Stopping
    );
    assert_eq!(
        status(&host, "w").await.workload_state,
        WorkloadState::NotFound
    );
    let again = start(&host, "w", workload(&[EMPTY], &[])).await;
    assert_eq!(again.workload_state, WorkloadState::Running);
}

#[tokio::test]
async fn a_failed_workload_keeps_its_id_until_it_is_stopped() {
    let host = host([]).await;
    let bad = || workload(&[IMPORTS_A], &[A]);
    let answer = start(&host, "w", bad()).await;
    assert_eq!(answer.workload_state, WorkloadState::Error);
    assert!(
        answer.message.contains("and the host has no plugins"),
        "{}",
        answer.message
    );
    assert!(
        start(&host, "w", bad())
            .await
            .message
            .contains("already exists")
    );
    assert_eq!(host.wait_workload("w").await.message, answer.message);
    stop(&host, "w").await;
    assert_eq!(
        start(&host, "w", workload(&[EMPTY], &[]))
            .await
            .workload_state,
        WorkloadState::Running
    );
}

#[tokio::test]
async fn a_workload_can_be_stopped_while_it_starts() {
    let log = Log::default();
    let gate = Arc::new(Gate::default());
    let host = host([Recorder::new("a", &[A], &log)
        .when("item", Act::Wait(gate.clone()))
        .arc() as Arc<dyn HostPlugin>])
    .await;
    log.take();
    let starting = tokio::spawn({
        let host = host.clone();
        async move { start(&host, "w", workload(&[IMPORTS_A], &[A])).await }
    });
    gate.reached.notified().await;
    assert_eq!(status(&host, "w").await.message, "Workload is Starting");
    assert_eq!(
        stop(&host, "w").await.workload_state,
        WorkloadState::Stopping
    );
    assert_eq!(status(&host, "w").await.message, "Workload is Stopping");
    assert!(
        start(&host, "w", workload(&[EMPTY], &[]))
            .await
            .message
            .contains("already exists"),
        "the id is taken until the start has been undone"
    );
    gate.open.notify_one();
    let answer = starting.await.unwrap();
    assert_eq!(
        (answer.workload_state, answer.message.as_str()),
        (
            WorkloadState::Stopping,
            "Workload was stopped while starting"
        )
    );
    assert_eq!(log.take().last().unwrap(), "a unbind w [demo:a/one@0.1.0]");
    assert_eq!(
        status(&host, "w").await.workload_state,
        WorkloadState::NotFound
    );
}

#[tokio::test]
async fn a_workload_can_be_stopped_while_its_service_is_instantiated() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    // Its initialiser never ends.
    let text = run("i32.const 0").replace(
        "(memory 1)",
        "(memory 1) (func $loop (loop $l (br $l))) (start $loop)",
    );
    let mut demo = workload(&[IMPORTS_A], &[A]);
    demo.service = service(&text, 0, &[]).service;
    log.take();
    let starting = tokio::spawn({
        let host = host.clone();
        async move { start(&host, "w", demo).await }
    });
    while !log.take().contains(&"a resolved c0".to_string()) {
        tokio::task::yield_now().await;
    }
    stop(&host, "w").await;
    let answer = starting.await.unwrap();
    assert_eq!(answer.message, "Workload was stopped while starting");
    assert_eq!(log.take(), ["a unbind w [demo:a/one@0.1.0]"]);
}

#[tokio::test]
async fn a_start_is_carried_through_when_the_caller_goes_away() {
    let log = Log::default();
    let gate = Arc::new(Gate::default());
    let host = host([Recorder::new("a", &[A], &log)
        .when("bind", Act::Wait(gate.clone()))
        .arc() as Arc<dyn HostPlugin>])
    .await;
    let starting = tokio::spawn({
        let host = host.clone();
        async move { start(&host, "w", workload(&[IMPORTS_A], &[A])).await }
    });
    gate.reached.notified().await;
    starting.abort();
    gate.open.notify_one();
    while status(&host, "w").await.workload_state == WorkloadState::Starting {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        status(&host, "w").await.workload_state,
        WorkloadState::Running
    );
}

#[tokio::test]
async fn a_plugin_can_report_a_workload_as_failed() {
    let log = Log::default();
    let plugin = Recorder::new("a", &[A], &log).arc();
    let host = host([plugin.clone() as Arc<dyn HostPlugin>]).await;
    start(&host, "w", workload(&[IMPORTS_A], &[A])).await;
    log.take();
    let sink = plugin.sink.lock().unwrap().clone().unwrap();
    sink.report("unknown", "is ignored");
    sink.report("w", "the connection is gone");
    sink.report("w", "and again");
    let end = host.wait_workload("w").await;
    assert_eq!(end.workload_state, WorkloadState::Error);
    assert_eq!(end.message, "the connection is gone");
    assert_eq!(
        status(&host, "w").await.message,
        "Workload is Error: the connection is gone"
    );
    assert_eq!(log.take(), ["a unbind w [demo:a/one@0.1.0]"]);
}

#[tokio::test]
async fn a_workload_can_fail_while_it_starts() {
    let log = Log::default();
    let gate = Arc::new(Gate::default());
    let plugin = Recorder::new("a", &[A], &log)
        .when("bind", Act::Wait(gate.clone()))
        .arc();
    let host = host([plugin.clone() as Arc<dyn HostPlugin>]).await;
    log.take();
    let starting = tokio::spawn({
        let host = host.clone();
        async move { start(&host, "w", workload(&[IMPORTS_A], &[A])).await }
    });
    gate.reached.notified().await;
    let sink = plugin.sink.lock().unwrap().clone().unwrap();
    sink.report("w", "lost at once");
    while status(&host, "w").await.workload_state == WorkloadState::Starting {
        tokio::task::yield_now().await;
    }
    gate.open.notify_one();
    let answer = starting.await.unwrap();
    assert_eq!(
        (answer.workload_state, answer.message.as_str()),
        (WorkloadState::Error, "lost at once")
    );
    assert_eq!(log.take().last().unwrap(), "a unbind w [demo:a/one@0.1.0]");
}
