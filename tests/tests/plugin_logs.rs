//! What a plugin logs reaches the host's `tracing`: with level, target, place
//! and fields, and with the plugin's id.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;

use e2e::events::{Event, Events, Value};
use e2e::{LOGGING, RUN, TestHost, artifacts, string};
use serde_json::json;
use tracing::Level;

const PROBE: &str = "test:lifecycle/probe@0.1.0";

fn fields<const N: usize>(of: &Event, expected: [(&str, Value); N]) {
    let mut given = of.fields.clone();
    given.remove("plugin");
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect();
    assert_eq!(given, expected);
}

// One test, as a process has one subscriber.
#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_as_the_plugin_made_them() {
    let events = Events::install().await;
    let host = TestHost::builder()
        .library(artifacts::test_plugin("lifecycle-plugin"))
        .guest("lifecycle", [PROBE])
        .start()
        .await
        .unwrap();
    host.call(PROBE, "emit-log", &[]).await.unwrap();

    let mut all = events.with("plugin", &"lifecycle-plugin".into());
    // The host names the plugin in events of its own.
    all.retain(|event| event.target.starts_with("lifecycle"));
    let [error, warn, info, debug, trace, span] = all.as_slice() else {
        panic!("six events, and not {all:#?}");
    };
    let levels = [error, warn, info, debug, trace, span].map(|event| event.level);
    let all_levels = [
        Level::ERROR,
        Level::WARN,
        Level::INFO,
        Level::DEBUG,
        Level::TRACE,
    ];
    assert_eq!(levels[..5], all_levels);
    assert_eq!(error.target, "lifecycle::custom");
    assert_eq!(warn.target, "lifecycle_plugin");
    assert!(all.iter().all(|event| event.has_place), "{all:#?}");

    fields(
        error,
        [("message", "an error".into()), ("code", Value::I64(-7))],
    );
    fields(
        warn,
        [("message", "a warning".into()), ("count", Value::U64(7))],
    );
    fields(
        info,
        [
            ("message", "some news".into()),
            ("ratio", Value::F64(0.5)),
            ("ok", Value::Bool(true)),
            ("who", "a \"guest\"".into()),
        ],
    );
    fields(
        debug,
        [("message", "a detail".into()), ("shown", "Some(1)".into())],
    );
    fields(trace, [("message", "everything".into())]);
    // An inner field hides the outer one of its name.
    fields(
        span,
        [
            ("message", "in a span".into()),
            ("request", Value::U64(5)),
            ("who", "inside".into()),
        ],
    );
    host.stop().await.unwrap();

    // Sad path: a panic is in the log as well, and not on standard error.
    let host = TestHost::builder()
        .library(artifacts::faulty("panics"))
        .config("panics", json!({ "entry": "log" }))
        .guest("log-guest", [LOGGING])
        .start()
        .await
        .unwrap();
    host.call(RUN, "run", &[string("panic")]).await.unwrap_err();
    let panics = events.with("plugin", &"panics".into());
    let message = |event: &Event| format!("{:?}", event.fields["message"]);
    assert!(
        panics
            .iter()
            .any(|event| event.level == Level::ERROR && message(event).contains("a panic in Log")),
        "{panics:#?}"
    );
    host.stop().await.unwrap();
}
