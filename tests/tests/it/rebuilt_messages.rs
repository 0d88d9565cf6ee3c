//! Messages that a plugin delivers to workloads, while hosts follow one another.

use std::fs;
use std::sync::Arc;

use e2e::events::Events;
use e2e::site::{self, Next, Site, until, web, workload};
use e2e::{artifacts, interface, string};
use tokio::io::AsyncWriteExt as _;
use wash_plugin_loader::PluginsConfig;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:messaging/scenarios@0.1.0";

/// A workload that is subscribed to messages, beside one that serves HTTP.
async fn subscribed() -> (Site, site::Witness) {
    subscribed_where(|_| Next::At("127.0.0.1:0")).await
}

/// The same, with a say in what is made of each host.
async fn subscribed_where(
    next: impl Fn(u64) -> Next + Send + Sync + 'static,
) -> (Site, site::Witness) {
    let folder = site::folder();
    let library = fs::read(artifacts::plugin("wasmcloud-messaging")).unwrap();
    site::put(&folder, "messaging", &library);
    let witness = site::Witness::of(SCENARIOS);
    let config = PluginsConfig::default();
    let builder = site::next_builder(&folder, config, Some(witness.clone()), next).await;
    let subjects = [("subscriptions", "near.*")];
    let needs = vec![
        interface(SCENARIOS, []),
        interface("wasmcloud:messaging/consumer@0.2.0", []),
        interface("wasmcloud:messaging/handler@0.2.0", subjects),
    ];
    let builder = builder
        .workload(workload("near", "messaging-guest", needs))
        .workload(web("hello", "http-hello", []));
    (Site::start(folder, builder).await, witness)
}

fn bytes(text: &str) -> Val {
    Val::List(text.bytes().map(Val::U8).collect())
}

/// A plugin that calls components has those of the host that serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_the_host_that_serves() {
    let (site, witness) = subscribed().await;
    for _ in 0..3 {
        let args = [string("near.reverse"), bytes("abc"), Val::U32(10_000)];
        let answer = witness.call("near", "ask", &args).await.unwrap();
        assert_eq!(answer, [Val::Result(Ok(Some(Box::new(bytes("cba")))))]);
        site.host.rebuild().await.unwrap();
    }
    site.host.stop().await.unwrap();
}

/// A host that does not come to serve takes nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_wait_outlive_a_host_that_fails() {
    let events = Events::install().await;
    let (site, witness) = subscribed_where(|number| match number {
        1 => Next::At("127.0.0.1:0"),
        // It fails when its workloads have started.
        _ => Next::Silent,
    })
    .await;
    // It gets what near asks for, and cannot begin, so it answers nothing.
    let subjects = [("subscriptions", "far.*")];
    let needs = vec![
        SCENARIOS.into(),
        interface("wasmcloud:messaging/consumer@0.2.0", []),
        interface("wasmcloud:messaging/handler@0.2.0", subjects),
    ];
    let mut far = workload("far", "messaging-guest", needs);
    let component = far.workload.components.first_mut().unwrap();
    component.local_resources.memory_limit_mb = 1;
    let started = site.host.workload_start(far).await.unwrap();
    let state = started.workload_status.workload_state;
    assert_eq!(state, WorkloadState::Running);
    // The components of the host that goes on; the next one's come later.
    let here = witness.here();
    // As many as are handled at once: each waits for an answer that nobody gives.
    for _ in 0..64 {
        here.call("near", "tell", &[string("near.relay"), bytes("")])
            .await
            .unwrap();
    }
    let message = [string("near.fail"), bytes("")];
    here.call("near", "tell", &message).await.unwrap();
    let error = format!("{:#}", site.host.rebuild().await.unwrap_err());
    assert!(error.contains("has no HTTP server"), "{error}");
    let failed = || events.with("subject", &"near.fail".into()).len();
    assert_eq!(failed(), 0, "it waits");
    until("what waits is handled", async || failed() > 0).await;
    site.host.stop().await.unwrap();
    assert_eq!(failed(), 1);
}

/// While two hosts run, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_not_handled_twice() {
    let events = Events::install().await;
    let (site, witness) = subscribed().await;
    let site = Arc::new(site);
    // A request that the host before has to wait for.
    let (mut held, _) = site.begin().await;
    let rebuilding = tokio::spawn({
        let site = Arc::clone(&site);
        async move { site.host.rebuild().await }
    });
    let failed = || events.with("subject", &"near.fail".into()).len();
    // Answered by the next host: it runs, and so do both.
    until("another host serves", async || site.host.hosts_made() == 2).await;
    let message = [string("near.fail"), bytes("")];
    witness.call("near", "tell", &message).await.unwrap();
    until("it is handled", async || failed() > 0).await;
    assert!(!rebuilding.is_finished(), "both run");
    held.write_all(b"other").await.unwrap();
    rebuilding.await.unwrap().unwrap();
    site.host.stop().await.unwrap();
    assert_eq!(failed(), 1);
}
