//! A request that fails leaves one line in the log.

use std::sync::{Arc, Mutex};

use tracing::{Event, Level, Subscriber, subscriber::DefaultGuard};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

use crate::support::{answer, dev};

/// Warnings and errors, each with its fields.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Those of this thread, and so of this test's runtime only, until the guard
    /// is dropped.
    pub(crate) fn record() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        (lines, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?};");
            }
        }
        if *event.metadata().level() <= Level::WARN {
            let mut fields = Fields(String::new());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

async fn lines_of(path: &str) -> Vec<String> {
    let (lines, guard) = Lines::record();
    let (host, ingress) = dev().await;
    answer(ingress.addr(), path).await;
    host.stop().await.unwrap();
    drop(guard);
    lines.all()
}

#[tokio::test]
async fn a_trap_is_one_line_with_workload_component_and_cause() {
    let lines = lines_of("/trap").await;
    let [line] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    for part in [
        "workload=\"demo\"",
        "workload_id=\"hello\"",
        "component=\"c0\"",
        "cause=wasm trap: wasm `unreachable` instruction executed",
        "backtrace=",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("\\n") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_missing_response_is_one_line() {
    let lines = lines_of("/no-response").await;
    let [line] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    assert!(line.contains("without setting a response"), "{line}");
}

#[tokio::test]
async fn a_good_request_is_none() {
    assert_eq!(lines_of("/").await, [""; 0]);
}
