//! Plugins that are added to and removed from a host that runs.

use crate::common;

use std::sync::Arc;

use common::{
    guests::IMPORTS_A,
    recorder::{Act, Log, Recorder},
    start, status, stop, workload,
};
use wash_runtime::{host::Host, plugin::HostPlugin, types::WorkloadState};

const A: &str = "demo:a/one@0.1.0";

async fn host() -> Arc<Host> {
    let none: [Arc<dyn HostPlugin>; 0] = [];
    common::host(none).await
}

async fn starts(host: &Host, id: &str) -> WorkloadState {
    start(host, id, workload(&[IMPORTS_A], &[A]))
        .await
        .workload_state
}

#[tokio::test]
async fn a_plugin_serves_from_when_it_is_added_until_it_is_removed() {
    let log = Log::default();
    let host = host().await;
    assert_eq!(starts(&host, "early").await, WorkloadState::Error);
    let plugin = Recorder::new("p", &[A], &log).arc();
    host.add_plugin(Arc::clone(&plugin) as _).await.unwrap();
    assert_eq!(starts(&host, "bound").await, WorkloadState::Running);

    let removed = host.remove_plugin("p").unwrap();
    assert_eq!(removed.id(), "p");
    assert!(host.remove_plugin("p").is_none());
    assert_eq!(starts(&host, "late").await, WorkloadState::Error);
    // Whoever has it keeps it, and is unbound as ever.
    assert_eq!(
        status(&host, "bound").await.workload_state,
        WorkloadState::Running
    );
    stop(&host, "bound").await;
    assert!(log.take().iter().any(|event| event.starts_with("p unbind")));

    host.restore_plugin(removed).unwrap();
    stop(&host, "late").await;
    assert_eq!(starts(&host, "late").await, WorkloadState::Running);
    Arc::clone(&host).stop().await.unwrap();
    let log = log.take();
    assert_eq!(
        log.iter().filter(|event| *event == "p stop").count(),
        1,
        "{log:?}"
    );
    assert!(
        !log.contains(&"p start".to_owned()),
        "it was started once: {log:?}"
    );
}

#[tokio::test]
async fn one_that_was_removed_is_not_stopped_by_the_host() {
    let log = Log::default();
    let host = host().await;
    let plugin = Recorder::new("p", &[A], &log).arc();
    host.add_plugin(plugin).await.unwrap();
    host.remove_plugin("p").unwrap();
    host.stop().await.unwrap();
    assert_eq!(log.take(), ["p start"]);
}

#[tokio::test]
async fn what_cannot_be_added_leaves_nothing_behind() {
    let log = Log::default();
    let host = host().await;
    let first = Recorder::new("p", &[A], &log).arc();
    host.add_plugin(Arc::clone(&first) as _).await.unwrap();
    let twin = Recorder::new("p", &[A], &log).arc();
    let error = host.add_plugin(twin).await.unwrap_err();
    assert!(
        error.to_string().starts_with("Duplicate plugin ID 'p'"),
        "{error}"
    );
    assert!(host.restore_plugin(first).is_err());

    let bad = Recorder::new("bad", &[], &log)
        .when("start", Act::Fail)
        .arc();
    let error = host.add_plugin(bad).await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "failed to start plugin 'bad': bad refuses to start"
    );
    assert!(host.remove_plugin("bad").is_none());

    Arc::clone(&host).stop().await.unwrap();
    let late = Recorder::new("late", &[], &log).arc();
    let error = host.add_plugin(late).await.unwrap_err();
    assert!(error.to_string().contains("came too late"), "{error}");
    assert_eq!(log.take(), ["p start", "bad start", "p stop"]);
}
