//! Streams and futures of WASI 0.3 between a component and a library: in every
//! place of parameters and results, with back-pressure both ways, and gone when
//! either end is.

use std::time::Duration;

use e2e::{Instance, TestHost, artifacts, interface, string, versions};
use wash_plugin_loader::UpdateOptions;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:channels/scenarios@0.1.0";

/// More than is buffered anywhere.
const MANY: u64 = 3_000_000;

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("channels-plugin"))
        .guest("channels-guest", ["test:channels/pipes@0.1.0"])
        .start()
        .await
        .unwrap()
}

async fn try_scenario(instance: &mut Instance, name: &str, len: u64) -> anyhow::Result<String> {
    instance
        .scenario(SCENARIOS, &[string(name), Val::U64(len)])
        .await
}

/// Runs scenarios in one instance, after each of which nothing is left.
async fn all(scenarios: &[(&str, u64, &str)]) {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    for (name, len, expected) in scenarios {
        let said = try_scenario(&mut instance, name, *len).await;
        let said = said.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(said, *expected, "{name} {len}");
        all_gone(&host).await;
    }
    assert_eq!(host.loaded()[0].faults().unwrap().last_error, None);
    host.stop().await.unwrap();
}

/// Waits until neither side has an end of the other's.
async fn all_gone(host: &TestHost) {
    let plugin = &host.loaded()[0];
    let left = || {
        let generations = plugin.generations();
        let held: u64 = generations.iter().map(|one| one.held_streams).sum();
        (plugin.live_resources(), held)
    };
    for _ in 0..500 {
        if left() == (Some(0), 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} are left", left());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_reads_what_a_plugin_makes() {
    all(&[
        ("read", 0, "0 true"),
        ("read", 1, "1 true"),
        ("read", MANY, "3000000 true"),
        ("read with a result", 50_000, "true Ok(())"),
        ("points", 0, "0 true"),
        ("points", 5_000, "5000 true"),
        ("words", 0, r#"["one", "", "drei 🦀"]"#),
        ("numbers", 100_000, "100000 true"),
        ("ticks", 12_345, "12345"),
        ("tokens", 4, "[0, 1, 2, 3]"),
        ("streams", 70_000, "[70000, 0, 1]"),
        ("later", 0, "now, later"),
        ("signal", 0, "()"),
        ("shelf", 70_000, "books [70000, 2] 2 Err(ErrorCode::Full)"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_reads_what_a_component_writes() {
    let last = "5000 Some(Point { x: 4997, y: 42941083025408, name: \"point 4999 ü\" })";
    all(&[
        ("write", 0, "0 true"),
        ("write", MANY, "3000000 true"),
        ("write with a result", MANY, "3000000 true"),
        ("write points", 5_000, last),
        ("write points", 0, "0 None"),
        ("write words", 0, r#"("one +  + drei 🦀", true)"#),
        ("write ticks", 12_345, "(12345, true)"),
        ("write tokens", 5, "(10, 0)"),
        ("write streams", 70_000, "true"),
        ("write a shelf", 4, "more books [6, 3] 2"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_a_plugin_or_a_component_may_be_passed_on() {
    let points = "3 Some(Point { x: 0, y: 17179869184, name: \"point 2 ü\" })";
    let echo = "4 Some(Point { x: 1, y: 25769803776, name: \"point 3 ü\" }) 0 and back";
    all(&[
        ("echo", 4, echo),
        ("pass bytes", MANY, "true"),
        ("pass points", 3, points),
        ("pass numbers", 100_000, "4999950000"),
        ("pass words", 0, "onecomma, latercomma, laterdrei 🦀"),
        ("pass ticks", 12_345, "12345"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_overlapping_calls_go_on_at_once() {
    all(&[("several", 500_000, "true ((500000, 250000), 500000, 10)")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_or_taken_long_before_it_is_wanted() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    // Nothing is made before it is read, and then not more than is asked for.
    let said = try_scenario(&mut instance, "read later", MANY).await;
    assert_eq!(said.unwrap(), "0 10 10");
    // As many as there is room for, those that were read, and one that waits.
    let said = try_scenario(&mut instance, "points later", 5_000).await;
    let said = said.unwrap();
    let (first, counted) = said.rsplit_once(' ').unwrap();
    assert!(first.contains("point 0"), "{said}");
    assert!((1..=9).contains(&counted.parse().unwrap()), "{said}");
    // A write waits, and is then taken as far as it is wanted.
    let said = try_scenario(&mut instance, "write later", 0).await;
    assert_eq!(said.unwrap(), "true 10 Complete(10) 990 Dropped");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn either_end_may_be_dropped_or_given_up_early() {
    all(&[
        ("read less", 1_000, "[0, 1, 2] Err(ErrorCode::Full)"),
        ("write too much", MANY, "10 10"),
        ("write and give up", 0, "true Cancelled 1000 0"),
        ("cancel a read", 0, "true Cancelled"),
        ("drop unread", MANY, "dropped"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_where_there_is_a_way() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let said = try_scenario(&mut instance, "read what fails", 1_000).await;
    assert_eq!(said.unwrap(), "true Err(ErrorCode::Broken(\"on purpose\"))");
    // A stream has no errors: it ends, and the plugin's record has it.
    for (panics, (name, expected)) in [
        ("a panic while it writes", "40"),
        ("a panic while it is read", "0"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = try_scenario(&mut instance, name, 40).await;
        assert_eq!(said.unwrap(), expected, "{name}");
        let faults = host.loaded()[0].faults().unwrap();
        assert_eq!(faults.panics, panics as u64 + 1, "{name}: {faults:?}");
        all_gone(&host).await;
    }
    // A future without a value is none: who waits for it traps.
    for (name, problem) in [
        ("a panic in a future", "panicked"),
        ("a future that is given up", "gave up a future"),
        ("a panic with a stream", "on purpose"),
        ("pass tokens", "without reading it"),
    ] {
        let mut instance = host.instance().await.unwrap();
        let error = try_scenario(&mut instance, name, 3).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(problem), "{name}: {error}");
        assert!(error.contains("plugin"), "{name}: {error}");
        drop(instance);
        all_gone(&host).await;
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_something_else_is_refused_when_it_is_bound() {
    let host = host().await;
    let needs = vec![interface("test:channels/pipes@0.1.0", [])];
    let status = host
        .workload("other", artifacts::guest("mismatch-stream"), needs)
        .await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    for part in [
        "`test:channels/pipes@0.1.0#count`",
        "the payload of the result",
        "`string` in the component",
        "`u8` in the plugin",
    ] {
        assert!(
            status.message.contains(part),
            "{part} is not in {}",
            status.message
        );
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_the_store() {
    let host = host().await;
    for name in ["keep", "trap"] {
        let mut instance = host.instance().await.unwrap();
        let kept = try_scenario(&mut instance, name, MANY).await;
        assert_eq!(kept.is_ok(), name == "keep", "{kept:?}");
        assert!(host.loaded()[0].live_resources() > Some(0));
        drop(instance);
        all_gone(&host).await;
        // What the plugin holds of the component's has ended.
        let mut instance = host.instance().await.unwrap();
        let read = try_scenario(&mut instance, "read held", 0).await;
        assert_eq!(read.unwrap(), "0", "{name}");
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_before_stays_as_long_as_its_streams() {
    let host = host().await;
    let plugin = &host.loaded()[0];
    let mut instance = host.instance().await.unwrap();
    try_scenario(&mut instance, "keep", MANY).await.unwrap();
    let library = std::fs::read(artifacts::test_plugin("channels-plugin")).unwrap();
    let newer = versions::load(&library);
    plugin
        .update(newer, serde_json::json!({}), UpdateOptions::default())
        .await
        .unwrap();
    // Two streams and two futures of the version before, one that never ends, and
    // the component's that it holds.
    let counts = || -> Vec<_> {
        let generations = plugin.generations();
        let all = generations.iter();
        all.map(|one| (one.generation, one.live_resources, one.held_streams))
            .collect()
    };
    assert_eq!(counts(), [(2, 0, 0), (1, 5, 1)]);
    // The new version serves the same component.
    let said = try_scenario(&mut instance, "read", 1_000).await;
    assert_eq!(said.unwrap(), "1000 true");
    drop(instance);
    for _ in 0..1_000 {
        if counts() == [(2, 0, 0)] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(counts(), [(2, 0, 0)]);
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_when_the_workload_goes() {
    let host = host().await;
    let mut reads = host.instance().await.unwrap();
    let mut writes = host.instance().await.unwrap();
    let reads =
        tokio::spawn(async move { try_scenario(&mut reads, "read without an end", 0).await });
    let writes =
        tokio::spawn(async move { try_scenario(&mut writes, "write without an end", 0).await });
    // A stream of the plugin's, which is read; the other is the component's.
    let open = || {
        let now = &host.loaded()[0].generations()[0];
        (now.live_resources, now.held_streams)
    };
    for _ in 0..1_000 {
        if open() == (1, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(open(), (1, 1));
    assert!(!reads.is_finished() && !writes.is_finished());
    host.stop_workload(TestHost::WORKLOAD).await;
    // Woken, they find that the stream has ended, if they are not ended before.
    for waits in [reads, writes] {
        match waits.await.unwrap() {
            Ok(said) => assert_eq!(said, "Dropped"),
            Err(error) => assert!(format!("{error:#}").contains("was stopped"), "{error:#}"),
        }
    }
    assert_eq!(open(), (0, 0));
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_gives_after_its_workload_has_gone_is_given_up() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    host.stop_workload(TestHost::WORKLOAD).await;
    match try_scenario(&mut instance, "write without an end", 0).await {
        Ok(said) => assert_eq!(said, "Dropped"),
        Err(error) => assert!(format!("{error:#}").contains("was stopped"), "{error:#}"),
    }
    host.stop().await.unwrap();
}
