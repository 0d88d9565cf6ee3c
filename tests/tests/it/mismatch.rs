//! A component that imports something else than a plugin serves does not start:
//! its workload's status says where the types differ.

use e2e::{LOGGING, TestHost, artifacts, interface};
use wash_runtime::types::WorkloadState;

/// The status of a guest whose logging has other types than the plugin's.
async fn refused(guest: &str, parts: &[&str]) {
    let host = TestHost::builder()
        .library(artifacts::plugin("custom-logger"))
        .start()
        .await
        .unwrap();
    let logging = || vec![interface(LOGGING, [])];
    let status = host
        .workload("w1", artifacts::guest(guest), logging())
        .await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    for part in parts {
        assert!(
            status.message.contains(part),
            "{part:?} is not in {}",
            status.message
        );
    }
    println!("{}", status.message);

    // The host goes on, and serves a guest that fits.
    let status = host
        .workload("w2", artifacts::guest("log-guest"), logging())
        .await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
    host.stop_workload("w2").await;
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_a_parameter_of_another_type() {
    let place = "parameter `message`";
    let parts = [
        "`custom-logger`",
        "`wasi:logging/logging#log`",
        place,
        "`list<u8>`",
        "`string`",
    ];
    refused("mismatch", &parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_another_number_of_parameters() {
    let level = "enum { trace, debug, info, warn, error, critical }";
    let given = format!("(level: {level}, message: string)");
    let served = format!("(level: {level}, context: string, message: string)");
    let parts = [
        "`custom-logger`",
        "`wasi:logging/logging#log`",
        &given,
        &served,
    ];
    refused("mismatch-count", &parts).await;
}
