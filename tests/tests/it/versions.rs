//! Versions of interfaces: those that the component model calls compatible are
//! linked, and others are told.

use e2e::{TestHost, artifacts, interface};
use wash_runtime::types::WorkloadState;

/// The workload leaves the version to whoever serves it.
const DRIVER: &str = "test:calls/driver";

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("calls-plugin"))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_component_built_for_a_compatible_version_is_linked() {
    let host = host().await;
    let guest = artifacts::guest("newer");
    let status = host.workload("w", guest, vec![interface(DRIVER, [])]).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    host.stop().await.unwrap();
}

#[tokio::test]
async fn one_built_for_another_version_is_told_both() {
    let host = host().await;
    let guest = artifacts::guest("newer-breaking");
    let status = host.workload("w", guest, vec![interface(DRIVER, [])]).await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    assert!(
        status.message.contains(
            "the component imports `test:calls/driver@0.2.0`, and plugin `calls-plugin` serves \
             `test:calls/driver@0.1.0`: the versions are not compatible"
        ),
        "{}",
        status.message
    );
    host.stop().await.unwrap();
}
