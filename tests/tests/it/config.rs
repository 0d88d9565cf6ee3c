//! `wasi:config` through a component: one suite over the plugin that is
//! compiled in and the library.

use std::collections::HashMap;
use std::sync::Arc;

use e2e::{Builder, TestHost, artifacts, interface, string};
use serde_json::json;
use wash_runtime::plugin::wasi_config::DynamicConfig;
use wash_runtime::plugin::wasi_keyvalue::InMemoryKeyValue;
use wash_runtime::plugin::wasi_logging::TracingLogger;
use wash_runtime::types::{Component, LocalResources, WorkloadState};
use wash_runtime::wasmtime::component::Val;

const TOUR: &str = "test:capabilities/tour@0.1.0";
const STORE: &str = "wasi:config/store@0.2.0-rc.1";

fn builder() -> Builder {
    TestHost::builder()
        .plugin(Arc::new(InMemoryKeyValue::new()))
        .plugin(Arc::new(TracingLogger::new()))
}

fn library() -> Builder {
    builder().library(artifacts::plugin("wasi-config"))
}

/// A workload whose interface has some values, and whose component has some.
async fn start(host: &TestHost, id: &str, of_interface: &[(&str, &str)], own: &[(&str, &str)]) {
    let pairs = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        let pairs = pairs.iter();
        pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect()
    };
    let mut store = interface(STORE, []);
    store.config = pairs(of_interface);
    let mut named = interface(STORE, [("named", "yes")]);
    named.name = Some("extra".into());
    let component = Component {
        name: "guest".into(),
        bytes: artifacts::guest("capabilities-guest").into(),
        local_resources: LocalResources {
            config: pairs(own),
            ..LocalResources::default()
        },
        ..Component::default()
    };
    let needs = vec![
        store,
        named,
        interface(
            "wasi:keyvalue/store,atomics,batch@0.2.0-draft",
            [("url", "not for the component")],
        ),
        interface("wasi:logging/logging", []),
    ];
    let status = host.start_workload(id, vec![component], None, needs).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
}

async fn all(host: &TestHost, id: &str) -> Vec<(String, String)> {
    let results = host.call_of(id, TOUR, "config-all", &[]).await.unwrap();
    let [Val::List(pairs)] = results.as_slice() else {
        panic!("{results:?}")
    };
    let text = |value: &Val| match value {
        Val::String(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let pair = |pair: &Val| match pair {
        Val::Tuple(pair) => (text(&pair[0]), text(&pair[1])),
        other => panic!("{other:?}"),
    };
    let mut pairs: Vec<_> = pairs.iter().map(pair).collect();
    pairs.sort();
    pairs
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

async fn reads_what_is_configured_for_it(host: TestHost) {
    start(
        &host,
        "w",
        &[("i", "1"), ("ir", "1")],
        &[("ir", "2"), ("r", "2")],
    )
    .await;
    start(&host, "other", &[("i", "other")], &[]).await;
    assert_eq!(
        all(&host, "w").await,
        pairs(&[("i", "1"), ("ir", "2"), ("named", "yes"), ("r", "2")])
    );
    for (key, value) in [
        ("ir", Some("2")),
        ("missing", None),
        ("url", None),
        ("", None),
    ] {
        let got = host.call_of("w", TOUR, "config", &[string(key)]).await;
        let expected = Val::Option(value.map(|value| Box::new(string(value))));
        assert_eq!(got.unwrap(), [expected], "{key}");
    }
    assert_eq!(
        all(&host, "other").await,
        pairs(&[("i", "other"), ("named", "yes")])
    );
    host.stop().await.unwrap();
}

#[tokio::test]
async fn compiled_in() {
    let host = builder().plugin(Arc::new(DynamicConfig::default()));
    reads_what_is_configured_for_it(host.start().await.unwrap()).await;
}

#[tokio::test]
async fn as_a_library() {
    reads_what_is_configured_for_it(library().start().await.unwrap()).await;
}

#[tokio::test]
async fn the_operators_values_are_overridden_by_the_workloads() {
    let config = json!({"values": {"o": "0", "oi": "0", "or": "0"}});
    let host = library().config("wasi-config", config);
    let host = host.start().await.unwrap();
    start(&host, "w", &[("oi", "1")], &[("or", "2")]).await;
    assert_eq!(
        all(&host, "w").await,
        pairs(&[("named", "yes"), ("o", "0"), ("oi", "1"), ("or", "2")])
    );
    host.stop().await.unwrap();
}
