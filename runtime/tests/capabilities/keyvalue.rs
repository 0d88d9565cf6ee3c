//! `wasi:keyvalue` through a component, with each backend.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use wash_runtime::{
    plugin::{
        HostPlugin,
        wasi_config::DynamicConfig,
        wasi_keyvalue::{FilesystemKeyValue, InMemoryKeyValue, NatsKeyValue, RedisKeyValue},
    },
    types::WorkloadState,
};

use crate::{Guests, common, servers::Server};

async fn on(keyvalue: impl HostPlugin) -> Guests {
    Guests::on(keyvalue, DynamicConfig::default()).await
}

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

/// Everything works, and the buckets are those of all workloads.
async fn serves_shared_buckets(guests: &Guests) {
    guests.start("one", |_| {}).await;
    guests.start("two", |_| {}).await;
    let report: Result<String, String> = guests.call("one", "keyvalue", ("tour",)).await;
    assert_eq!(report.unwrap(), REPORT);
    for (workload, visits) in [("one", 1), ("two", 2), ("one", 3)] {
        assert_eq!(visit(guests, workload, "b").await, Ok(visits));
    }
    assert_eq!(visit(guests, "one", "other").await, Ok(1));
    let filled: Result<u32, String> = guests.call("two", "fill", ("many", 2100_u32)).await;
    assert_eq!(filled, Ok(2100));

    // They outlive the workloads.
    guests.stop("one").await;
    guests.stop("two").await;
    guests.start("three", |_| {}).await;
    assert_eq!(visit(guests, "three", "b").await, Ok(4));
}

async fn visit(guests: &Guests, workload: &str, bucket: &str) -> Result<u64, String> {
    guests.call(workload, "visit", (bucket,)).await
}

#[tokio::test]
async fn in_memory_each_workload_has_its_own_buckets_while_it_runs() {
    let guests = on(InMemoryKeyValue::new()).await;
    guests.start("one", |_| {}).await;
    guests.start("two", |_| {}).await;
    let report: Result<String, String> = guests.call("one", "keyvalue", ("tour",)).await;
    assert_eq!(report.unwrap(), REPORT);
    // Each call is in an instance of its own.
    for (workload, visits) in [("one", 1), ("one", 2), ("two", 1)] {
        assert_eq!(visit(&guests, workload, "b").await, Ok(visits));
    }
    let filled: Result<u32, String> = guests.call("two", "fill", ("many", 2100_u32)).await;
    assert_eq!(filled, Ok(2100));

    guests.stop("one").await;
    guests.start("one", |_| {}).await;
    assert_eq!(visit(&guests, "one", "b").await, Ok(1));
    assert_eq!(visit(&guests, "two", "b").await, Ok(2));
}

#[tokio::test]
async fn a_sibling_sees_what_the_component_wrote() {
    let memory = Arc::new(InMemoryKeyValue::new());
    let guests = on(Shared(Arc::clone(&memory))).await;
    guests.start("one", |_| {}).await;
    assert_eq!(visit(&guests, "one", "b").await, Ok(1));
    let bucket = memory.store("one").open("b").await.unwrap();
    assert_eq!(bucket.increment("visits", 1).await.unwrap(), 2);
    assert_eq!(visit(&guests, "one", "b").await, Ok(3));
}

#[tokio::test]
async fn folders() {
    let root = TempDir::new().unwrap();
    serves_shared_buckets(&on(FilesystemKeyValue::new(root.path())).await).await;
    let visits = std::fs::read_to_string(root.path().join("b/visits")).unwrap();
    assert_eq!(visits, "4");

    let guests = on(FilesystemKeyValue::new(root.path())).await;
    guests.start("one", |_| {}).await;
    assert_eq!(visit(&guests, "one", "b").await, Ok(5));
    assert_eq!(
        visit(&guests, "one", "../b").await.unwrap_err(),
        "bucket \"../b\" cannot be opened: a bucket is a folder below the store's root, so its \
         name is no absolute path and has no '..' in it"
    );
}

#[tokio::test]
async fn nats() {
    let Some(mut server) = Server::nats() else {
        return;
    };
    let client = async_nats::connect(server.url()).await.unwrap();
    let guests = on(NatsKeyValue::new(&client)).await;
    serves_shared_buckets(&guests).await;
    passes_an_outage(&guests, &mut server, "NATS: cannot ").await;
}

#[tokio::test]
async fn redis() {
    let Some(mut server) = Server::redis() else {
        return;
    };
    let guests = on(RedisKeyValue::from_url(&server.url()).unwrap()).await;
    serves_shared_buckets(&guests).await;
    let error = format!("Redis at {}: cannot ", server.address());
    passes_an_outage(&guests, &mut server, &error).await;
}

/// The guest gets an error with a text while the server is away, and goes on
/// when it is back. The workload "three" has four visits.
async fn passes_an_outage(guests: &Guests, server: &mut Server, error: &str) {
    server.stop();
    let outage = visit(guests, "three", "b").await.unwrap_err();
    assert!(outage.starts_with(error), "{outage}");
    server.start();
    for _ in 0..100 {
        match visit(guests, "three", "b").await {
            Ok(visits) => return assert_eq!(visits, 5),
            Err(outage) => assert!(outage.starts_with(error), "{outage}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the guest's store does not recover");
}

#[tokio::test]
async fn packages_may_be_declared_without_their_interfaces() {
    let guests = Guests::any().await;
    guests
        .start("w", |workload| {
            let packages = ["wasi:logging", "wasi:keyvalue", "wasi:config"];
            workload.host_interfaces = packages.map(Into::into).to_vec();
        })
        .await;
    assert_eq!(visit(&guests, "w", "b").await, Ok(1));
}

#[tokio::test]
async fn a_declared_version_that_is_not_served_is_no_match() {
    let guests = Guests::any().await;
    let workload = common::workload(&[IMPORTS_0_9], &["wasi:keyvalue/store@0.9.0"]);
    let status = common::start(&guests.host, "w", workload).await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    assert!(
        status.message.contains("wasi:keyvalue"),
        "{}",
        status.message
    );
}

const IMPORTS_0_9: &str = r#"(component
    (import "wasi:keyvalue/store@0.9.0" (instance))
)"#;

/// A plugin that something else holds, too.
struct Shared(Arc<InMemoryKeyValue>);

#[async_trait::async_trait]
impl HostPlugin for Shared {
    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn world(&self) -> wash_runtime::wit::WitWorld {
        self.0.world()
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut wash_runtime::engine::workload::WorkloadItem<'a>,
        interfaces: wash_runtime::plugin::WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.0.on_workload_item_bind(item, interfaces).await
    }
}
