//! `wasi:logging`: what a component logs, as events.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};
use wash_runtime::plugin::{HostPlugin, wasi_logging::TracingLogger};

use crate::{
    Guests, common,
    wrapped::{Bound, Wrapped},
};

type Fields = BTreeMap<&'static str, String>;

/// The events that have a context.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(Level, Fields)>>>);

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Recorded::default();
        event.record(&mut fields);
        if fields.0.contains_key("context") {
            let event = (*event.metadata().level(), fields.0);
            self.0.lock().unwrap().push(event);
        }
    }
}

#[derive(Default)]
struct Recorded(Fields);

impl Visit for Recorded {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[tokio::test]
async fn a_message_is_an_event_that_says_who_logs() {
    let events = Events::default();
    let _here = tracing::subscriber::set_default(Registry::default().with(events.clone()));
    let guests = Guests::any().await;
    guests.start("w", |_| {}).await;
    // Braces mean nothing.
    let message = "{level} of \"{}\"\n";
    () = guests.results("w", "log", ("the context", message)).await;

    let events = std::mem::take(&mut *events.0.lock().unwrap());
    let levels: Vec<Level> = events.iter().map(|(level, _)| *level).collect();
    assert_eq!(
        levels,
        [
            Level::TRACE,
            Level::DEBUG,
            Level::INFO,
            Level::WARN,
            Level::ERROR,
            Level::ERROR,
        ]
    );
    let (_, component_id) = guests.bound.of("w");
    let expected: Fields = [
        ("message", message),
        ("context", "the context"),
        ("workload_id", "w"),
        ("workload_name", "demo"),
        ("workload_namespace", "test"),
        ("component_id", component_id.as_str()),
        ("component_name", "guest"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .into();
    for (_, fields) in events {
        assert_eq!(fields, expected);
    }
}

#[tokio::test]
async fn the_interface_is_served_in_the_version_that_is_imported() {
    for version in ["", "@0.1.0-draft", "@7.0.0"] {
        let name = format!("wasi:logging/logging{version}");
        let component = format!(
            r#"(component (import "{name}" (instance
                (type $enum (enum "trace" "debug" "info" "warn" "error" "critical"))
                (export "level" (type $level (eq $enum)))
                (export "log" (func
                    (param "level" $level) (param "context" string) (param "message" string)))
            )))"#
        );
        let bound = Bound::default();
        let logger = Arc::new(Wrapped::new(TracingLogger::new(), &bound));
        let host = common::host([logger as Arc<dyn HostPlugin>]).await;
        let workload = common::workload(&[&component], &[&name]);
        common::start(&host, "w", workload).await;
        let (workload, id) = bound.of("w");
        workload.instantiate_pre(&id).await.unwrap();
        host.stop().await.unwrap();
    }
}
