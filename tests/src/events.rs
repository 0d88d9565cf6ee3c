//! What reaches the host's `tracing`, to look at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};

use tokio::sync::MutexGuard;
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its level.
    pub level: Level,
    /// What it is about.
    pub target: String,
    /// Whether it says which file it comes from.
    pub has_place: bool,
    /// Its fields, with the message, each with its type.
    pub fields: BTreeMap<String, Value>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// What `Debug` makes of it.
    Debug(String),
    /// A signed number.
    I64(i64),
    /// A number.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// A flag.
    Bool(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Every event of this process, for whoever has the turn.
static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());

/// A process has one subscriber, and may have several tests.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

static SUBSCRIBED: Once = Once::new();

/// Every event since it was installed, of other tests that run at the same time as
/// well. There is one at a time.
#[derive(Debug)]
pub struct Events {
    _turn: MutexGuard<'static, ()>,
}

impl Events {
    /// Keeps this process's events from now on.
    ///
    /// # Panics
    ///
    /// If the process has another subscriber.
    pub async fn install() -> Self {
        let turn = TURN.lock().await;
        SUBSCRIBED.call_once(|| {
            let subscriber = Registry::default().with(Keep);
            tracing::subscriber::set_global_default(subscriber).expect("there is no other");
        });
        all().clear();
        Self { _turn: turn }
    }

    /// The events that have this field.
    pub fn with(&self, field: &str, value: &Value) -> Vec<Event> {
        let all = all();
        let with = all.iter().filter(|e| e.fields.get(field) == Some(value));
        with.cloned().collect()
    }
}

fn all() -> std::sync::MutexGuard<'static, Vec<Event>> {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let event = Event {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            has_place: metadata.file().is_some() && metadata.line().is_some(),
            fields: fields.0,
        };
        all().push(event);
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::U64(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::F64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Debug(format!("{value:?}")));
    }
}
