//! After an update, the previous version is kept for those that still use it:
//! for services by default, and for all where the operator says so.

use std::time::Duration;

use e2e::site::until;
use e2e::{TestHost, artifacts, string, versions};
use serde_json::json;
use wash_plugin_loader::{Keep, UpdateOptions};
use wash_runtime::types::WorkloadState;

const SCENARIOS: &str = "test:versions/scenarios@0.1.0";
const STAMPS: &str = "test:versions/stamps@0.1.0";
const ID: &str = "versions-plugin";

/// Over at once, for all that is not kept.
const DRAIN: Duration = Duration::from_millis(20);

/// By then a version is gone that is not kept.
const LATER: Duration = Duration::from_millis(400);

fn options(keep: Keep) -> UpdateOptions {
    UpdateOptions {
        drain: DRAIN,
        keep,
        ..UpdateOptions::default()
    }
}

/// What became of a service that has a token of the previous version.
async fn service_after_update(keep: Keep) -> WorkloadState {
    let file = tempfile::NamedTempFile::new().unwrap();
    let host = TestHost::builder()
        .library(artifacts::test_plugin(ID))
        .config(ID, json!({ "holds": file.path() }))
        .start()
        .await
        .unwrap();
    let plugin = host.plugin(ID);
    let guest = artifacts::guest("keeps-token");
    let started = host.service("keeper", guest, vec![STAMPS.into()]).await;
    assert_eq!(
        started.workload_state,
        WorkloadState::Running,
        "{started:?}"
    );
    until("it has a token, and waits", async || {
        let generation = &plugin.generations()[0];
        generation.live_resources == 1 && generation.pending_calls == 1
    })
    .await;
    let new = versions::load(&versions::bytes("000001"));
    plugin.update(new, json!({}), options(keep)).await.unwrap();
    // What is kept is not waited for: there is nothing to wait for.
    tokio::time::sleep(LATER).await;
    file.close().unwrap();
    let state = async || host.status("keeper").await.workload_state;
    until("the service has ended", async || {
        let goes_on = [WorkloadState::Running, WorkloadState::Stopping];
        !goes_on.contains(&state().await)
    })
    .await;
    let ended = state().await;
    // Nobody has anything of the previous version any more.
    host.stop_workload("keeper").await;
    until("the previous version is retired", async || {
        plugin.generations().len() == 1
    })
    .await;
    host.stop().await.unwrap();
    ended
}

#[tokio::test]
async fn a_service_keeps_the_version_whose_resource_it_has() {
    let ended = service_after_update(Keep::default()).await;
    assert_eq!(ended, WorkloadState::Completed);
}

#[tokio::test]
async fn unless_the_operator_sets_a_limit() {
    let ended = service_after_update(Keep::Never).await;
    assert_eq!(ended, WorkloadState::Error);
}

#[tokio::test]
async fn a_component_keeps_it_where_the_operator_says_so() {
    let host = TestHost::builder()
        .library(artifacts::test_plugin(ID))
        .guest("versions-guest", [STAMPS])
        .start()
        .await
        .unwrap();
    let plugin = host.plugin(ID);
    let mut instance = host.instance().await.unwrap();
    let mut run = async |scenario: &str| {
        let args = [string(scenario)];
        instance.scenario(SCENARIOS, &args).await.unwrap()
    };
    assert_eq!(run("keep").await, "000000");
    let new = versions::load(&versions::bytes("000001"));
    let options = options(Keep::WhileUsed);
    plugin.update(new, json!({}), options).await.unwrap();
    tokio::time::sleep(LATER).await;
    assert_eq!(run("kept").await, "000000");
    assert_eq!(run("stamp").await, "000001");
    assert_eq!(run("give back").await, "000000");
    until("the previous version is retired", async || {
        plugin.generations().len() == 1
    })
    .await;
    host.stop().await.unwrap();
}
