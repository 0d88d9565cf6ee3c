//! A plugin has a runtime, and a thread for it, once it needs one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::time::Duration;

use e2e::{LOGGING, RUN, TestHost, artifacts, string};

/// What hangs is to fail.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The ids of the plugins, whose runtimes' threads are called so.
const IDS: [&str; 2] = ["panics-async", "slow"];

/// Counts the threads of plugins' runtimes.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter(|task| {
            let name = task.as_ref().unwrap().path().join("comm");
            std::fs::read_to_string(name).is_ok_and(|name| IDS.contains(&name.trim()))
        })
        .count()
}

// One test, as the threads are the process's.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_for_hooks_and_asynchronous_functions_only() {
    let host = TestHost::builder()
        .library(artifacts::faulty("slow"))
        .start()
        .await
        .unwrap();
    // `slow` has one hook, `stop`, and that was not called.
    assert_eq!(threads(), 0);
    drop(host);

    let host = TestHost::builder()
        .library(artifacts::faulty("panics-async"))
        .guest("log-guest", [LOGGING])
        .start()
        .await
        .unwrap();
    assert_eq!(threads(), 0);
    host.call(RUN, "run", &[string("fine")]).await.unwrap();
    // The thread is there, but may not have its name yet.
    tokio::time::timeout(TIMEOUT, async {
        while threads() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the runtime has a thread");
    assert_eq!(threads(), 1);
    host.stop().await.unwrap();
}
