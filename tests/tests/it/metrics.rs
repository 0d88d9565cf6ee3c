//! The calls of plugins are counted and timed, where the embedder asks for it.

use std::pin::pin;
use std::task::{Context, Waker};

use e2e::{Builder, LOGGING, RUN, TestHost, artifacts, string};
use metrics_exporter_prometheus::PrometheusBuilder;

/// What is measured while a host with this plugin's guest does the work.
fn measured(builder: Builder, work: impl AsyncFnOnce(&TestHost)) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    // The recorder is this thread's, and so everything happens on it.
    metrics::with_local_recorder(&recorder, || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let host = builder.guest("log-guest", [LOGGING]).start().await.unwrap();
                work(&host).await;
                host.stop().await.unwrap();
            });
    });
    recorder.handle().render()
}

fn panics_async() -> Builder {
    TestHost::builder().library(artifacts::faulty("panics-async"))
}

async fn log(host: &TestHost, message: &str) -> bool {
    host.call(RUN, "run", &[string(message)]).await.is_ok()
}

const LABELS: &str = r#"plugin="panics-async",interface="wasi:logging/logging",function="log""#;

#[track_caller]
fn assert_counted(text: &str, outcome: &str, count: u32) {
    let line = format!("wash_plugin_calls_total{{{LABELS},outcome=\"{outcome}\"}} {count}\n");
    assert!(text.contains(&line), "no {line} in\n{text}");
}

#[test]
fn by_function_and_outcome() {
    let text = measured(panics_async().metrics(), async |host| {
        assert!(log(host, "fine").await);
        assert!(log(host, "fine").await);
        assert!(!log(host, "at once").await);
        assert!(!log(host, "later").await);
        let mut guest = host.instance().await.unwrap();
        let func = guest.func(RUN, "run").unwrap();
        let args = [string("never")];
        let mut call = Box::pin(guest.call(func, &args));
        // The guest may be interrupted before it gets there.
        let plugin = host.plugin("panics-async");
        while plugin.generations()[0].pending_calls == 0 {
            let polled = pin!(&mut call).poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending(), "{polled:?}");
        }
        // A deadline does no more than this.
        drop(call);
    });
    for (outcome, count) in [
        ("ok", 2),
        ("panicked", 2),
        ("cancelled", 1),
        ("failed", 0),
        ("bad_arguments", 0),
        ("broken_abi", 0),
    ] {
        assert_counted(&text, outcome, count);
    }
    let timed = format!("wash_plugin_call_duration_seconds_count{{{LABELS}}} 5\n");
    assert!(text.contains(&timed), "{text}");
}

#[test]
fn not_unless_asked_for() {
    let text = measured(panics_async(), async |host| {
        assert!(log(host, "fine").await);
    });
    assert!(!text.contains("wash_plugin"), "{text}");
}
