//! A plugin calls what components export: with values of every kind, each call
//! in a fresh instance, and only those that are bound to it.

use e2e::{TestHost, artifacts, string};
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;
use wash_runtime::wit::WitInterface;

const SCENARIOS: &str = "test:calls/scenarios@0.1.0";
const NEEDS: [&str; 2] = ["test:calls/driver@0.1.0", "test:calls/shapes@0.1.0"];

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("calls-plugin"))
        .guest("calls-guest", NEEDS)
        .start()
        .await
        .unwrap()
}

async fn scenario(host: &TestHost, workload: &str, name: &str) -> String {
    let args = [string(name)];
    let results = host.call_of(workload, SCENARIOS, "run", &args).await;
    match results.unwrap().as_slice() {
        [Val::String(text)] => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_kind_go_both_ways() {
    let host = host().await;
    assert_eq!(
        scenario(&host, TestHost::WORKLOAD, "round trips").await,
        "true 200 -100 60000 -30000 4000000000 -2000000000 18446744073709551615 \
         -9223372036854775808 1.5 -2.25 🦀 grüße (-100, -2.5, 'ê') [1000000, 0, 2]"
    );
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_in_an_instance_of_its_own() {
    let host = host().await;
    for (name, expected) in [("fresh instances", "0 0"), ("at once", "-190")] {
        let said = scenario(&host, TestHost::WORKLOAD, name).await;
        assert_eq!(said, expected, "{name}");
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_an_error_of_that_call_alone() {
    let host = host().await;
    let said = scenario(&host, TestHost::WORKLOAD, "trap").await;
    let component = host.component_id(TestHost::WORKLOAD).unwrap();
    assert!(
        said.starts_with(&format!(
            "error: component `{component}` of workload `workload-1` failed in \
             `test:calls/shapes@0.1.0#traps`: "
        )),
        "{said}"
    );
    assert!(said.contains("unreachable"), "{said}");
    assert_eq!(
        scenario(&host, TestHost::WORKLOAD, "fresh instances").await,
        "0 0"
    );
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_can_be_given_up() {
    let host = host().await;
    let said = scenario(&host, TestHost::WORKLOAD, "give up").await;
    assert_eq!(said, "true true");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_components_of_workloads_that_run_are_called() {
    let host = host().await;
    let needs = || NEEDS.into_iter().map(WitInterface::from).collect();
    let guest = artifacts::guest("calls-guest");
    let status = host.workload("other", guest, needs()).await;
    assert_eq!(status.workload_state, WorkloadState::Running);
    let other = host.component_id("other").unwrap();
    let call = format!("of {other}");
    assert_eq!(scenario(&host, TestHost::WORKLOAD, &call).await, "0 0");
    host.stop_workload("other").await;
    let said = scenario(&host, TestHost::WORKLOAD, &call).await;
    assert!(
        said.contains("its workload may have been stopped"),
        "{said}"
    );

    // One that does not declare the interface is none of the plugin's.
    let status = host
        .workload(
            "silent",
            artifacts::guest("calls-guest"),
            vec![WitInterface::from(NEEDS[0])],
        )
        .await;
    assert_eq!(status.workload_state, WorkloadState::Running);
    host.stop().await.unwrap();
}
