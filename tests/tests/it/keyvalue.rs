//! `wasi:keyvalue` through a component: one suite over the plugins that are
//! compiled in and the library, with each store.

use crate::servers;

use std::path::Path;
use std::sync::Arc;

use e2e::{Builder, TestHost, artifacts, string};
use serde_json::json;
use servers::Server;
use wash_runtime::plugin::wasi_config::DynamicConfig;
use wash_runtime::plugin::wasi_keyvalue::{FilesystemKeyValue, InMemoryKeyValue};
use wash_runtime::plugin::wasi_logging::TracingLogger;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;
use wash_runtime::wit::WitInterface;

const TOUR: &str = "test:capabilities/tour@0.1.0";

const NEEDS: [&str; 3] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:keyvalue/store,atomics,batch@0.2.0-draft",
    "wasi:logging/logging",
];

/// What the guest reports of every function.
const REPORT: &str = r#"nothing: None
set: Some([111, 110, 101])
exists: (true, false)
increment: 40
increment: 42
no number: Err("the value of key \"a\" of bucket \"tour\" is no number that can be incremented: delete it or set it to a decimal number")
keys: ["a", "b", "n", "ü:/*"]
many: [Some(("ü:/*", [0, 255])), None, Some(("b", [116, 119, 111]))]
left: ["a"]
empty: []
"#;

/// A host with what the guest needs beside its buckets.
fn builder() -> Builder {
    TestHost::builder()
        .plugin(Arc::new(DynamicConfig::default()))
        .plugin(Arc::new(TracingLogger::new()))
}

/// A host with the library, so configured.
async fn library(config: serde_json::Value) -> TestHost {
    let library = artifacts::plugin("wasi-keyvalue");
    builder()
        .library(library)
        .config("wasi-keyvalue", config)
        .start()
        .await
        .unwrap()
}

async fn start(host: &TestHost, id: &str) {
    let guest = artifacts::guest("capabilities-guest");
    let needs = NEEDS.into_iter().map(WitInterface::from).collect();
    let status = host.workload(id, guest, needs).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
}

/// Calls the guest, in a fresh instance; it answers with a WIT `result`.
async fn call(host: &TestHost, id: &str, function: &str, args: &[Val]) -> Result<Val, String> {
    let results = host.call_of(id, TOUR, function, args).await.unwrap();
    match results.as_slice() {
        [Val::Result(Ok(Some(value)))] => Ok(value.as_ref().clone()),
        [Val::Result(Err(Some(error)))] => match error.as_ref() {
            Val::String(text) => Err(text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn visit(host: &TestHost, id: &str, bucket: &str) -> Result<u64, String> {
    match call(host, id, "visit", &[string(bucket)]).await? {
        Val::U64(visits) => Ok(visits),
        other => panic!("{other:?}"),
    }
}

async fn serves_everything(host: &TestHost, id: &str) {
    let report = call(host, id, "keyvalue", &[string("tour")]).await;
    assert_eq!(report, Ok(string(REPORT)));
    // More than one page of every store.
    let filled = call(host, id, "fill", &[string("many"), Val::U32(2100)]).await;
    assert_eq!(filled, Ok(Val::U32(2100)));
}

/// Each workload has its own buckets while it runs.
async fn keeps_workloads_apart(host: TestHost) {
    start(&host, "one").await;
    start(&host, "two").await;
    serves_everything(&host, "one").await;
    for (workload, visits) in [("one", 1), ("one", 2), ("two", 1)] {
        assert_eq!(visit(&host, workload, "b").await, Ok(visits));
    }
    host.stop_workload("one").await;
    start(&host, "one").await;
    assert_eq!(visit(&host, "one", "b").await, Ok(1));
    assert_eq!(visit(&host, "two", "b").await, Ok(2));
    host.stop().await.unwrap();
}

/// The buckets are those of all workloads, and outlive them.
async fn shares_buckets(host: &TestHost) {
    start(host, "one").await;
    start(host, "two").await;
    serves_everything(host, "one").await;
    for (workload, visits) in [("one", 1), ("two", 2), ("one", 3)] {
        assert_eq!(visit(host, workload, "b").await, Ok(visits));
    }
    assert_eq!(visit(host, "one", "other").await, Ok(1));
    host.stop_workload("one").await;
    host.stop_workload("two").await;
    start(host, "three").await;
    assert_eq!(visit(host, "three", "b").await, Ok(4));
}

#[tokio::test]
async fn in_memory_compiled_in() {
    let host = builder().plugin(Arc::new(InMemoryKeyValue::new()));
    keeps_workloads_apart(host.start().await.unwrap()).await;
}

#[tokio::test]
async fn in_memory_as_a_library() {
    keeps_workloads_apart(library(json!({})).await).await;
}

/// Folders refuse what leads out of them, and what they keep is read by others.
async fn keeps_folders(host: TestHost, root: &Path) {
    shares_buckets(&host).await;
    assert_eq!(
        visit(&host, "three", "../b").await.unwrap_err(),
        "bucket \"../b\" cannot be opened: a bucket is a folder below the store's root, so its \
         name is no absolute path and has no '..' in it"
    );
    host.stop().await.unwrap();
    let visits = std::fs::read_to_string(root.join("b/visits")).unwrap();
    assert_eq!(visits, "4");
}

#[tokio::test]
async fn folders_compiled_in() {
    let root = tempfile::TempDir::new().unwrap();
    let host = builder().plugin(Arc::new(FilesystemKeyValue::new(root.path())));
    keeps_folders(host.start().await.unwrap(), root.path()).await;
}

#[tokio::test]
async fn folders_as_a_library() {
    let root = tempfile::TempDir::new().unwrap();
    let config = json!({"backend": "filesystem", "root": root.path()});
    keeps_folders(library(config).await, root.path()).await;
}

#[tokio::test]
async fn redis_as_a_library() {
    let Some(mut server) = Server::redis() else {
        return;
    };
    let host = library(json!({"backend": "redis", "url": server.url()})).await;
    shares_buckets(&host).await;
    let error = format!("Redis at {}: cannot ", server.address());
    tells_of_an_outage(&host, &mut server, &error).await;
    host.stop().await.unwrap();
}

#[tokio::test]
async fn nats_as_a_library() {
    let Some(mut server) = Server::nats() else {
        return;
    };
    let host = library(json!({"backend": "nats", "url": server.url()})).await;
    shares_buckets(&host).await;
    tells_of_an_outage(&host, &mut server, "NATS: cannot ").await;
    host.stop().await.unwrap();
}

/// The guest gets an error with a text, not a trap, while the server is away.
async fn tells_of_an_outage(host: &TestHost, server: &mut Server, error: &str) {
    server.stop();
    let outage = visit(host, "three", "b").await.unwrap_err();
    assert!(outage.starts_with(error), "{outage}");
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_says_what_to_do() {
    for (config, problem) in [
        (json!({"backend": "filesystem"}), "needs `root`"),
        (json!({"backend": "redis"}), "needs `url`"),
        (json!({"backend": "nats"}), "needs `url`"),
        (json!({"root": "/tmp"}), "set `backend`, or remove `root`"),
        (
            json!({"url": "redis://x"}),
            "set `backend`, or remove `url`",
        ),
        (
            json!({"backend": "redis", "url": "http://x"}),
            "cannot use the configured URL",
        ),
        // Nothing listens at port 1.
        (
            json!({"backend": "nats", "url": "nats://me:secret@127.0.0.1:1"}),
            "NATS cannot be reached: start the server, or correct `url`: NATS: cannot connect",
        ),
    ] {
        let host = TestHost::builder()
            .library(artifacts::plugin("wasi-keyvalue"))
            .config("wasi-keyvalue", config.clone())
            .start()
            .await;
        let error = format!("{:#}", host.expect_err("the host does not start"));
        assert!(
            error.contains("wasi-keyvalue") && error.contains(problem),
            "{config}: {error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}
