//! Streams and pollables between a component and a library: all that the
//! library makes works as the host's own, and what a component gives or lends
//! is the library's for as long as the WIT says.

use std::time::Duration;

use e2e::{Instance, TestHost, artifacts, string};
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:streams/scenarios@0.1.0";

/// More than is buffered anywhere.
const MANY: u64 = 3_000_000;

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("streams-plugin"))
        .guest("streams-guest", ["test:streams/pipes@0.1.0"])
        .start()
        .await
        .unwrap()
}

async fn try_scenario(instance: &mut Instance, name: &str, len: u64) -> anyhow::Result<String> {
    instance
        .scenario(SCENARIOS, &[string(name), Val::U64(len)])
        .await
}

/// How many streams of the library's there are, once the tasks that close them
/// have ended.
async fn all_gone(host: &TestHost) {
    for _ in 0..500 {
        if host.loaded()[0].live_resources() == Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are left", host.loaded()[0].live_resources());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_work_in_every_place() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    for (name, len, expected) in [
        ("read", 0, "true 0 closed"),
        ("read", 1, "true 1 closed"),
        ("read", MANY, "true 3000000 closed"),
        ("write", 0, "Ok(()) false true"),
        ("write", 1, "Ok(()) false true"),
        ("write", MANY, "Ok(()) false true"),
        ("write without flushing", 0, "true"),
        ("write to what is stuck", 0, "true 0"),
        ("splice", MANY, "3000000 closed true"),
        ("give", MANY, "true"),
        ("lend", MANY, "true true"),
        ("lend with a pollable", MANY, "true closed"),
        ("lend what waits", 0, "true Ok(0)"),
        ("give a sink", MANY, "true"),
        ("lend a sink", MANY, "true"),
        ("wait for several", 0, "[1] false"),
        ("lend a time", 0, "it has come"),
        ("lend the plugin's own", 0, "0"),
        ("lend several", 0, "2 [1, 2]"),
        ("lend in a record", 0, "now"),
    ] {
        let said = try_scenario(&mut instance, name, len).await;
        let said = said.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(said, expected, "{name} {len}");
        all_gone(&host).await;
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_what_never_comes_can_be_given_up() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let begun = async {
        // The stream, which is there once the call for it has ended.
        while host.loaded()[0].live_resources() != Some(1) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    tokio::select! {
        said = try_scenario(&mut instance, "lend what never comes", 0) => panic!("{said:?}"),
        () = begun => {}
    }
    drop(instance);
    all_gone(&host).await;
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_long_before_it_is_read() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let said = try_scenario(&mut instance, "read later", MANY)
        .await
        .unwrap();
    let (first, counted) = said.split_once(' ').unwrap();
    assert_eq!(first, "Ok(10)");
    let counted: u64 = counted.parse().unwrap();
    assert!((10..=64 * 1024).contains(&counted), "{counted}");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_the_components_to_see() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let said = try_scenario(&mut instance, "read what breaks", 100_000).await;
    let said = said.unwrap();
    assert!(said.starts_with("true 100000 "), "{said}");
    assert!(said.contains("the counter is broken"), "{said}");
    assert!(said.contains("`streams-plugin`"), "{said}");
    assert!(said.ends_with(" closed"), "{said}");
    let said = try_scenario(&mut instance, "write to what is full", 0).await;
    let said = said.unwrap();
    assert!(said.contains("the disk is full"), "{said}");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_traps() {
    let host = host().await;
    for (name, problem) in [
        ("write more than there is room", "call `check-write` first"),
        ("give what has a pollable", "children"),
        ("give to a panic", "on purpose"),
    ] {
        let mut instance = host.instance().await.unwrap();
        let error = try_scenario(&mut instance, name, 10).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(problem), "{name}: {error}");
        drop(instance);
        all_gone(&host).await;
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_the_store_or_the_workload() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    try_scenario(&mut instance, "keep", MANY).await.unwrap();
    // Three streams and a pollable.
    assert_eq!(host.loaded()[0].live_resources(), Some(4));
    drop(instance);
    all_gone(&host).await;

    let mut instance = host.instance().await.unwrap();
    try_scenario(&mut instance, "keep", MANY).await.unwrap();
    host.stop_workload(TestHost::WORKLOAD).await;
    all_gone(&host).await;
    drop(instance);
    host.stop().await.unwrap();
}
