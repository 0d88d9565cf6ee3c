//! A plugin's hooks: in the right order, with the identity of workload and
//! component, and with the configuration of each interface.

use std::fs;

use e2e::{TestHost, artifacts, interface};
use serde_json::json;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;

const PROBE: &str = "test:lifecycle/probe@0.1.0";

fn texts(results: &[Val]) -> Vec<String> {
    let [Val::List(values) | Val::Tuple(values)] = results else {
        panic!("a list or tuple, and not {results:?}");
    };
    let text = |value: &Val| match value {
        Val::String(text) => text.clone(),
        other => panic!("a string, and not {other:?}"),
    };
    values.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_come_in_order_and_say_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("events");
    let host = TestHost::builder()
        .library(artifacts::test_plugin("lifecycle-plugin"))
        .config(
            "lifecycle-plugin",
            json!({ "label": "blue", "record": record }),
        )
        .start()
        .await
        .unwrap();
    let guest = artifacts::guest("lifecycle");
    let needs = vec![interface(PROBE, [("b", "2"), ("a", "1")])];
    let status = host.workload("w1", guest.clone(), needs).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    let status = host.workload("w2", guest, vec![interface(PROBE, [])]).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    let (c1, c2) = (
        host.component_id("w1").unwrap(),
        host.component_id("w2").unwrap(),
    );

    let mut expected = vec![
        "new \"blue\"".to_owned(),
        "start".to_owned(),
        format!("workload-bound w1=tests/name-of-w1 {PROBE} {{a=1,b=2}}"),
        format!("item-bound component {c1} of w1=tests/name-of-w1 {PROBE} {{a=1,b=2}}"),
        format!("workload-resolved item {c1} of w1=tests/name-of-w1"),
        format!("workload-bound w2=tests/name-of-w2 {PROBE} {{}}"),
        format!("item-bound component {c2} of w2=tests/name-of-w2 {PROBE} {{}}"),
        format!("workload-resolved item {c2} of w2=tests/name-of-w2"),
    ];
    let events = host.call_of("w1", PROBE, "events", &[]).await.unwrap();
    assert_eq!(texts(&events), expected);

    // Each call says who makes it.
    for (workload, component) in [("w1", &c1), ("w2", &c2)] {
        let who = host.call_of(workload, PROBE, "whoami", &[]).await.unwrap();
        assert_eq!(texts(&who), [workload, component.as_str()]);
    }

    host.stop_workload("w1").await;
    host.stop_workload("w2").await;
    host.stop().await.unwrap();
    expected.extend(["workload-unbound w1", "workload-unbound w2", "stop"].map(str::to_owned));
    let mut recorded: Vec<String> = fs::read_to_string(&record)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    // A host may say more than once that a workload is gone.
    recorded.dedup();
    assert_eq!(recorded, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_told_apart_from_a_component() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("events");
    let host = TestHost::builder()
        .library(artifacts::test_plugin("lifecycle-plugin"))
        .config("lifecycle-plugin", json!({ "record": record }))
        .start()
        .await
        .unwrap();
    let guest = artifacts::guest("lifecycle-service");
    let status = host.service("w1", guest, vec![interface(PROBE, [])]).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    let id = host.component_id("w1").unwrap();
    host.stop_workload("w1").await;
    host.stop().await.unwrap();

    let mut recorded: Vec<String> = fs::read_to_string(&record)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    recorded.dedup();
    assert_eq!(
        recorded,
        [
            "new \"\"".to_owned(),
            "start".to_owned(),
            format!("workload-bound w1=tests/name-of-w1 {PROBE} {{}}"),
            format!("item-bound service {id} of w1=tests/name-of-w1 {PROBE} {{}}"),
            format!("workload-resolved item {id} of w1=tests/name-of-w1"),
            "workload-unbound w1".to_owned(),
            "stop".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_a_workload_that_a_hook_refuses_does_not_run() {
    let host = TestHost::builder()
        .library(artifacts::test_plugin("lifecycle-plugin"))
        .start()
        .await
        .unwrap();
    let guest = artifacts::guest("lifecycle");
    for (hook, step) in [
        ("workload-bound", "workload_bound"),
        ("item-bound", "item_bound"),
    ] {
        let needs = vec![interface(PROBE, [("refuse", hook)])];
        let status = host.workload("w1", guest.clone(), needs).await;
        assert_eq!(status.workload_state, WorkloadState::Error);
        for part in ["`lifecycle-plugin`", step, "it asked to be refused"] {
            assert!(status.message.contains(part), "{}", status.message);
        }
        assert_eq!(host.status("w1").await.workload_state, WorkloadState::Error);
        host.stop_workload("w1").await;
    }

    // The id is free again, and the plugin as good as before.
    let status = host.workload("w1", guest, vec![interface(PROBE, [])]).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    let events = host.call_of("w1", PROBE, "events", &[]).await.unwrap();
    let events = texts(&events);
    let unbound = |event: &&String| event.as_str() == "workload-unbound w1";
    assert_eq!(events.iter().filter(unbound).count(), 2, "{events:#?}");
    host.stop_workload("w1").await;
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_a_configuration_that_does_not_fit_stops_the_start() {
    for (config, problem) in [
        (
            json!({ "label": 7 }),
            "`plugins.lifecycle-plugin.label`: it is a whole number, and a text in quotes is \
             needed",
        ),
        (
            json!({ "lable": "blue" }),
            "`plugins.lifecycle-plugin.lable`: the plugin has no such key; did you mean `label`?",
        ),
    ] {
        let error = TestHost::builder()
            .library(artifacts::test_plugin("lifecycle-plugin"))
            .config("lifecycle-plugin", config)
            .start()
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("lifecycle-plugin"), "{error}");
        assert!(error.contains(problem), "{error}");
    }
}
