//! Hosts that start and stop.

use crate::common;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    builder,
    guests::{EMPTY, IMPORTS_A, IMPORTS_A_AND_B},
    host,
    recorder::{Act, Gate, Log, Recorder},
    start, status, stop, workload,
};
use tokio::time::Instant;
use wash_runtime::{
    engine::workload::ResolvedWorkload,
    host::{
        HostApi, HostBuilder,
        http::{HostHandler, OutgoingResponse},
    },
    plugin::HostPlugin,
    types::WorkloadState,
    wasmtime_wasi_http::{Error, RequestOptions, WasiBody},
};

const A: &str = "demo:a/one@0.1.0";

/// An HTTP handler that records its start and stop.
struct Http {
    log: Log,
    fails: Option<&'static str>,
}

impl Http {
    fn act(&self, method: &str) -> anyhow::Result<()> {
        self.log.add(format!("http {method}"));
        anyhow::ensure!(self.fails != Some(method), "no socket");
        Ok(())
    }
}

#[async_trait]
impl HostHandler for Http {
    async fn start(&self) -> anyhow::Result<()> {
        self.act("start")
    }
    async fn stop(&self) -> anyhow::Result<()> {
        self.act("stop")
    }
    fn port(&self) -> u16 {
        8080
    }
    async fn on_workload_resolved(&self, _: &ResolvedWorkload, _: &str) -> anyhow::Result<()> {
        self.act("resolved")
    }
    async fn on_workload_unbind(&self, _: &str) -> anyhow::Result<()> {
        self.act("unbind")
    }
    async fn outgoing_request(
        &self,
        _: &str,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        Err(Error::DestinationNotFound)
    }
}

fn http(log: &Log, fails: Option<&'static str>) -> Arc<Http> {
    Arc::new(Http {
        log: log.clone(),
        fails,
    })
}

#[test]
fn an_id_can_be_registered_once() {
    let log = Log::default();
    let error = HostBuilder::new()
        .with_plugin(Recorder::new("twin", &[], &log).arc())
        .unwrap()
        .with_plugin(Recorder::new("twin", &[A], &log).arc())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "Duplicate plugin ID 'twin' - plugin IDs must be unique"
    );
}

#[tokio::test]
async fn a_failing_start_stops_what_had_started() {
    for (act, cause) in [
        (Act::Fail, "c refuses to start"),
        (Act::Panic, "plugin 'c' panicked in start: c panics"),
    ] {
        let log = Log::default();
        let error = builder([
            Recorder::new("d", &[], &log).arc() as Arc<dyn HostPlugin>,
            Recorder::new("c", &[], &log).when("start", act).arc(),
            Recorder::new("b", &[], &log).arc(),
            Recorder::new("a", &[], &log).arc(),
        ])
        .with_http_handler(http(&log, None))
        .build()
        .unwrap()
        .start()
        .await
        .unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("failed to start plugin 'c': {cause}")
        );
        assert_eq!(
            log.take(),
            [
                "http start",
                "a start",
                "b start",
                "c start",
                "b stop",
                "a stop",
                "http stop"
            ]
        );
    }
}

#[tokio::test]
async fn no_plugin_starts_without_the_http_handler() {
    let log = Log::default();
    let error = builder([Recorder::new("a", &[], &log).arc() as Arc<dyn HostPlugin>])
        .with_http_handler(http(&log, Some("start")))
        .build()
        .unwrap()
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "failed to start HTTP handler: no socket"
    );
    assert_eq!(log.take(), ["http start"]);
}

#[tokio::test]
async fn a_stop_takes_down_http_then_workloads_then_plugins() {
    let log = Log::default();
    let host = builder([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &["demo:b/one"], &log).arc(),
    ])
    .with_http_handler(http(&log, None))
    .build()
    .unwrap()
    .start()
    .await
    .unwrap();
    start(&host, "first", workload(&[IMPORTS_A], &[A])).await;
    start(
        &host,
        "second",
        workload(&[IMPORTS_A_AND_B], &[A, "demo:b/one"]),
    )
    .await;
    log.take();

    host.clone().stop().await.unwrap();
    assert_eq!(
        log.take(),
        [
            "http stop",
            "b unbind second [demo:b/one]",
            "a unbind second [demo:a/one@0.1.0]",
            "a unbind first [demo:a/one@0.1.0]",
            "b stop",
            "a stop",
        ]
    );
    assert_eq!(
        status(&host, "first").await.workload_state,
        WorkloadState::NotFound
    );

    let late = start(&host, "late", workload(&[EMPTY], &[])).await;
    assert_eq!(late.workload_state, WorkloadState::Error);
    assert_eq!(
        late.message,
        "the host is stopping and starts no more workloads"
    );

    host.stop().await.unwrap();
    assert_eq!(log.take(), [""; 0], "a second stop does nothing");
}

#[tokio::test]
async fn http_that_cannot_be_stopped_does_not_keep_plugins_from_it() {
    let log = Log::default();
    let host = builder([Recorder::new("a", &[], &log).arc() as Arc<dyn HostPlugin>])
        .with_http_handler(http(&log, Some("stop")))
        .build()
        .unwrap()
        .start()
        .await
        .unwrap();
    let error = host.stop().await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "failed to stop HTTP handler: no socket"
    );
    assert_eq!(log.take(), ["http start", "a start", "http stop", "a stop"]);
}

#[tokio::test(start_paused = true)]
async fn each_plugin_has_three_seconds_to_stop() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[], &log).when("stop", Act::Hang).arc(),
        Recorder::new("c", &[], &log).when("stop", Act::Fail).arc(),
        Recorder::new("d", &[], &log).when("stop", Act::Panic).arc(),
        Recorder::new("e", &[], &log).when("stop", Act::Hang).arc(),
    ])
    .await;
    log.take();
    let before = Instant::now();
    host.stop().await.unwrap();
    // The clock is paused: it moves only as far as someone waits for it.
    assert_eq!(before.elapsed().as_secs(), 6);
    assert_eq!(
        log.take(),
        ["e stop", "d stop", "c stop", "b stop", "a stop"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_not_released_does_not_keep_the_host_from_stopping() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log)
        .when("unbind", Act::Hang)
        .arc() as Arc<dyn HostPlugin>])
    .await;
    start(&host, "w", workload(&[IMPORTS_A], &[A])).await;
    log.take();
    tokio::time::timeout(Duration::from_secs(60), host.stop())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(log.take(), ["a unbind w [demo:a/one@0.1.0]", "a stop"]);
}

#[tokio::test]
async fn a_stop_of_the_host_waits_for_a_workload_that_is_starting() {
    let log = Log::default();
    let gate = Arc::new(Gate::default());
    let host = host([Recorder::new("a", &[A], &log)
        .when("bind", Act::Wait(gate.clone()))
        .arc() as Arc<dyn HostPlugin>])
    .await;
    log.take();
    let starting = tokio::spawn({
        let host = host.clone();
        async move { start(&host, "w", workload(&[IMPORTS_A], &[A])).await }
    });
    gate.reached.notified().await;
    let stopping = tokio::spawn(host.clone().stop());
    while status(&host, "w").await.workload_state != WorkloadState::Stopping {
        tokio::task::yield_now().await;
    }
    gate.open.notify_one();
    stopping.await.unwrap().unwrap();
    assert_eq!(
        starting.await.unwrap().workload_state,
        WorkloadState::Stopping
    );
    let events = log.take();
    assert_eq!(
        events.last().map(String::as_str),
        Some("a stop"),
        "{events:?}"
    );
    assert!(
        events.contains(&"a unbind w [demo:a/one@0.1.0]".to_string()),
        "{events:?}"
    );
}

/// Starts and stops of the same few ids, all at once. Whatever wins, each
/// bind is followed by one unbind before the next bind of that id.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_starts_and_stops_leave_nothing_bound() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let mut tasks = Vec::new();
    for round in 0..40 {
        let id = format!("w{}", round % 4);
        let (starter, stopper) = (host.clone(), host.clone());
        let stop_id = id.clone();
        tasks.push(tokio::spawn(async move {
            start(&starter, &id, workload(&[IMPORTS_A], &[A])).await
        }));
        tasks.push(tokio::spawn(async move { stop(&stopper, &stop_id).await }));
    }
    for task in tasks {
        let status = task.await.unwrap();
        let text = &status.message;
        assert!(
            status.workload_state != WorkloadState::Error || text.contains("already exists"),
            "{text}"
        );
    }
    host.clone().stop().await.unwrap();
    assert_eq!(host.heartbeat().await.unwrap().workload_count, 0);

    let events = log.take();
    for id in ["w0", "w1", "w2", "w3"] {
        let mut bound = false;
        for event in &events {
            if event.starts_with(&format!("a bind {id} ")) {
                assert!(
                    !std::mem::replace(&mut bound, true),
                    "bound twice: {events:?}"
                );
            } else if event.starts_with(&format!("a unbind {id} ")) {
                assert!(
                    std::mem::replace(&mut bound, false),
                    "unbound twice: {events:?}"
                );
            }
        }
        assert!(!bound, "left bound: {events:?}");
    }
}
