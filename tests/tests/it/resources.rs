//! Resources of a library: made, used, lent, given and given back by a
//! component, and each dropped exactly once, whatever goes first.

use e2e::{Instance, TestHost, artifacts, string};

const SCENARIOS: &str = "test:resources/scenarios@0.1.0";

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("resources-plugin"))
        .guest("resources-guest", ["test:resources/counters,shelf@0.1.0"])
        .start()
        .await
        .unwrap()
}

async fn try_scenario(instance: &mut Instance, name: &str) -> anyhow::Result<String> {
    instance.scenario(SCENARIOS, &[string(name)]).await
}

async fn scenario(instance: &mut Instance, name: &str) -> String {
    try_scenario(instance, name)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error:#}"))
}

fn live(host: &TestHost) -> u64 {
    host.loaded()[0].live_resources().unwrap()
}

#[tokio::test]
async fn components_use_them_in_every_way() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    for (name, expected) in [
        ("methods", "5 6 7"),
        ("fallible", "Ok(7) Err(\"-1 is no start for a counter\")"),
        ("merge", "7 4 alive 2"),
        ("aggregates", "Some(11) (22, 111) alive 0"),
        ("lists", "499500 1000 499500 alive 0"),
        ("lent inside", "0; none; b 1 [2, 0]; e 4 [3, 3] 0 11"),
        ("shelf", "[2, 1] alive 0"),
    ] {
        assert_eq!(scenario(&mut instance, name).await, expected, "{name}");
        assert_eq!(live(&host), 0, "{name}");
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn they_go_with_the_store() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    assert_eq!(scenario(&mut instance, "keep").await, "alive 10");
    assert_eq!(live(&host), 10);
    drop(instance);
    assert_eq!(live(&host), 0);
    let mut next = host.instance().await.unwrap();
    assert_eq!(scenario(&mut next, "count").await, "alive 0");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn they_go_with_a_component_that_traps() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    try_scenario(&mut instance, "keep and trap")
        .await
        .unwrap_err();
    drop(instance);
    assert_eq!(live(&host), 0);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn they_go_with_the_workload_even_if_a_store_stays() {
    let host = host().await;
    let mut first = host.instance().await.unwrap();
    let mut second = host.instance().await.unwrap();
    scenario(&mut first, "keep").await;
    scenario(&mut second, "keep").await;
    assert_eq!(live(&host), 20);
    host.stop_workload(TestHost::WORKLOAD).await;
    assert_eq!(live(&host), 0);
    // The stores go later, and drop nothing twice: the next ones are others'.
    drop((first, second));
    assert_eq!(live(&host), 0);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn they_go_with_the_plugin_even_if_a_store_stays() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    scenario(&mut instance, "keep").await;
    let plugin = host.loaded()[0].clone();
    host.stop().await.unwrap();
    assert_eq!(plugin.live_resources(), None, "it is stopped");
    drop(instance);
}

#[tokio::test]
async fn what_the_plugin_keeps_is_the_plugins() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    assert_eq!(scenario(&mut instance, "on the shelf").await, "alive 1");
    assert_eq!(live(&host), 0, "the component gave it away");
    drop(instance);
    let mut next = host.instance().await.unwrap();
    assert_eq!(scenario(&mut next, "count").await, "alive 1");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_handle_that_is_forged_or_used_twice_is_an_error() {
    let host = host().await;
    for name in ["forged", "dropped twice"] {
        let mut instance = host.instance().await.unwrap();
        let error = try_scenario(&mut instance, name).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("unknown handle index"),
            "{name}: {error:#}"
        );
        drop(instance);
        assert_eq!(live(&host), 0, "{name}");
    }
    host.stop().await.unwrap();
}
