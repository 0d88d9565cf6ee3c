//! A plugin's library is exchanged while components use it.

use std::sync::Arc;
use std::time::Duration;

use e2e::site::until;
use e2e::{Instance, TestHost, artifacts, string, versions};
use serde_json::json;
use wash_plugin_loader::adapt::GenerationState;
use wash_plugin_loader::{LoadedPlugin, UpdateError, UpdateOptions, Updated};

const SCENARIOS: &str = "test:versions/scenarios@0.1.0";
const ID: &str = "versions-plugin";

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin(ID))
        .guest("versions-guest", ["test:versions/stamps@0.1.0"])
        .start()
        .await
        .unwrap()
}

async fn run(instance: &mut Instance, scenario: &str) -> anyhow::Result<String> {
    instance.scenario(SCENARIOS, &[string(scenario)]).await
}

async fn fresh(host: &TestHost, scenario: &str) -> String {
    let mut instance = host.instance().await.unwrap();
    run(&mut instance, scenario).await.unwrap()
}

async fn update(plugin: &Arc<LoadedPlugin>, bytes: &[u8]) -> Result<Updated, UpdateError> {
    let options = UpdateOptions::default();
    plugin
        .update(versions::load(bytes), json!({}), options)
        .await
}

/// Waits until only one generation runs.
async fn drained(plugin: &LoadedPlugin) {
    until("the version before is retired", async || {
        plugin.generations().len() == 1
    })
    .await;
}

#[tokio::test]
async fn calls_go_to_the_new_version() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let mut old = host.instance().await.unwrap();
    assert_eq!(run(&mut old, "stamp").await.unwrap(), "000000");

    let updated = update(plugin, &versions::bytes("000001")).await.unwrap();
    assert_eq!(updated.generation, 2);
    assert_eq!(updated.moved, [TestHost::WORKLOAD]);
    assert_eq!(updated.stayed, []);
    // The instance that there was, a fresh one, and another workload's.
    assert_eq!(run(&mut old, "stamp").await.unwrap(), "000001");
    assert_eq!(fresh(&host, "stamp").await, "000001");
    assert_eq!(fresh(&host, "token").await, "000001 000001");
    let needs = vec!["test:versions/stamps@0.1.0".into()];
    host.workload("second", artifacts::guest("versions-guest"), needs)
        .await;
    let args = [string("stamp")];
    let second = host.call_of("second", SCENARIOS, "run", &args).await;
    assert_eq!(second.unwrap(), [string("000001")]);

    drained(plugin).await;
    let now = &plugin.generations()[0];
    assert_eq!((now.generation, now.state), (2, GenerationState::Serving));
    assert_eq!(now.workloads.len(), 2);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_stays_where_it_began() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let host = TestHost::builder()
        .library(artifacts::test_plugin(ID))
        .config(ID, json!({ "holds": file.path() }))
        .guest("versions-guest", ["test:versions/stamps@0.1.0"])
        .start()
        .await
        .unwrap();
    let plugin = Arc::clone(host.plugin(ID));
    let mut instance = host.instance().await.unwrap();
    let slow = tokio::spawn(async move { run(&mut instance, "slow").await });
    until("it is called", async || {
        plugin.generations()[0].pending_calls > 0
    })
    .await;
    update(&plugin, &versions::bytes("000001")).await.unwrap();
    assert_eq!(fresh(&host, "stamp").await, "000001");
    let generations = plugin.generations();
    assert_eq!(generations.len(), 2);
    assert_eq!(generations[1].state, GenerationState::Draining);
    file.close().unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), "000000");
    drained(&plugin).await;
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_resource_stays_with_the_version_that_made_it() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let mut instance = host.instance().await.unwrap();
    assert_eq!(run(&mut instance, "keep").await.unwrap(), "000000");
    update(plugin, &versions::bytes("000001")).await.unwrap();
    update(plugin, &versions::bytes("000002")).await.unwrap();
    assert_eq!(run(&mut instance, "stamp").await.unwrap(), "000002");
    assert_eq!(run(&mut instance, "kept").await.unwrap(), "000000");
    assert_eq!(run(&mut instance, "token").await.unwrap(), "000002 000002");
    let states: Vec<_> = plugin
        .generations()
        .iter()
        .map(|generation| (generation.generation, generation.live_resources))
        .filter(|(number, _)| *number != 2)
        .collect();
    assert_eq!(states, [(3, 0), (1, 1)]);
    // A function that is no method, with the resource as an argument.
    assert_eq!(run(&mut instance, "give back").await.unwrap(), "000000");
    drained(plugin).await;
    assert_eq!(plugin.live_resources(), Some(0));
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_resource_does_not_hold_up_an_update_for_ever() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let mut instance = host.instance().await.unwrap();
    run(&mut instance, "keep").await.unwrap();
    let options = UpdateOptions {
        drain: Duration::from_millis(50),
        ..UpdateOptions::default()
    };
    let new = versions::load(&versions::bytes("000001"));
    plugin.update(new, json!({}), options).await.unwrap();
    drained(plugin).await;
    let error = run(&mut instance, "kept").await.unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("it was made before the plugin was updated"),
        "{text}"
    );
    assert_eq!(fresh(&host, "token").await, "000001 000001");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_version_that_does_not_start_changes_nothing() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let error = update(plugin, &versions::bytes("broken"))
        .await
        .unwrap_err();
    assert!(matches!(error, UpdateError::Start { .. }), "{error}");
    let text = format!("{:#}", anyhow::Error::new(error));
    assert!(text.contains("stays at version 0.1.0"), "{text}");
    assert!(text.contains("this version is broken"), "{text}");
    assert_eq!(fresh(&host, "stamp").await, "000000");
    assert_eq!(plugin.generations().len(), 1);
    update(plugin, &versions::bytes("000002")).await.unwrap();
    assert_eq!(fresh(&host, "stamp").await, "000002");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_version_hands_over_what_it_knows() {
    let host = host().await;
    let plugin = host.plugin(ID);
    assert_eq!(fresh(&host, "history").await, "");
    for version in ["000001", "silent"] {
        update(plugin, &versions::bytes(version)).await.unwrap();
    }
    assert_eq!(fresh(&host, "history").await, "000000 000001 ");
    // One that hands nothing over, and one that takes nothing.
    update(plugin, &versions::bytes("000002")).await.unwrap();
    assert_eq!(fresh(&host, "history").await, "");
    let error = update(plugin, &versions::bytes("closed"))
        .await
        .unwrap_err();
    let text = format!("{:#}", anyhow::Error::new(error));
    assert!(text.contains("this version takes nothing over"), "{text}");
    assert_eq!(fresh(&host, "stamp").await, "000002");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_workload_stays_where_the_types_differ() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let mut other = versions::bytes("000001");
    // In the WIT of the manifest, which the library has as a note and as data that
    // its code reports: the same length, another type.
    let changed = versions::replace(&mut other, b"stamp: func() -> ", b"u64;   ");
    assert_eq!(changed, 2);
    let updated = update(plugin, &other).await.unwrap();
    assert_eq!(updated.moved, [""; 0]);
    let [(workload, reason)] = updated.stayed.as_slice() else {
        panic!("{updated:?}")
    };
    assert_eq!(workload, TestHost::WORKLOAD);
    assert_eq!(
        reason,
        "`test:versions/stamps@0.1.0#stamp` has other types in version 0.1.0 than the workload was \
         checked with"
    );
    assert_eq!(fresh(&host, "stamp").await, "000000");
    let generations = plugin.generations();
    assert_eq!(generations[1].workloads[0].stays.as_ref(), Some(reason));
    // A workload that starts now gets the newest, and is told.
    let needs = vec!["test:versions/stamps@0.1.0".into()];
    let status = host
        .workload("second", artifacts::guest("versions-guest"), needs)
        .await;
    assert!(status.message.contains("`u64`"), "{}", status.message);
    // The next version fits again.
    let updated = update(plugin, &versions::bytes("000002")).await.unwrap();
    assert_eq!(updated.moved, [TestHost::WORKLOAD]);
    assert_eq!(fresh(&host, "stamp").await, "000002");
    drained(plugin).await;
    host.stop().await.unwrap();
}

#[tokio::test]
async fn generations_are_capped() {
    let host = host().await;
    let plugin = host.plugin(ID);
    let options = UpdateOptions {
        max_generations: 2,
        ..UpdateOptions::default()
    };
    let load = |version| versions::load(&versions::bytes(version));
    plugin
        .update(load("000001"), json!({}), options)
        .await
        .unwrap();
    let error = plugin.update(load("000002"), json!({}), options).await;
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("restart the host"), "{error}");
    assert_eq!(fresh(&host, "stamp").await, "000001");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn another_plugin_is_no_update() {
    let host = host().await;
    let other = std::fs::read(artifacts::plugin("custom-logger")).unwrap();
    let error = update(host.plugin(ID), &other).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `versions-plugin` cannot be updated to a library of plugin `custom-logger`"
    );
    host.stop().await.unwrap();
}

/// Threads that call without a pause, while versions follow one another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost() {
    let host = Arc::new(host().await);
    let plugin = Arc::clone(host.plugin(ID));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let host = Arc::clone(&host);
            tokio::spawn(async move {
                let mut last = String::new();
                let mut calls = 0;
                let mut instance = host.instance().await.unwrap();
                while last != "000020" {
                    let stamp = run(&mut instance, "stamp").await.unwrap();
                    assert!(stamp >= last, "{stamp} after {last}");
                    let token = run(&mut instance, "token").await.unwrap();
                    let (made, taken) = token.split_once(' ').unwrap();
                    assert!(made == taken && made >= stamp.as_str(), "{token}");
                    last = stamp;
                    calls += 1;
                    tokio::task::yield_now().await;
                }
                calls
            })
        })
        .collect();
    for version in 1..=20 {
        let bytes = versions::bytes(&format!("{version:06}"));
        update(&plugin, &bytes).await.unwrap();
    }
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
    drained(&plugin).await;
    Arc::into_inner(host).unwrap().stop().await.unwrap();
}
