//! The plugin's `tracing` events, on their way to the host's log.
#![allow(unsafe_code, reason = "the host's log is a vtable behind a pointer")]

use std::fmt::{self, Write};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::host::{Extending, Extension};
use crate::abi::{
    EXT_LOG, HostV1, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO, LEVEL_TRACE, LEVEL_WARN, LogFieldV1,
    LogRecordV1, LogV1, Slice,
};

static LOG: Extension<LogV1> = Extension::new(EXT_LOG);

/// Makes the host's log this library's `tracing` subscriber. A host without
/// one, or a library that has installed its own, is left as it is.
///
/// # Safety
///
/// As [`Extension::install`].
pub(super) unsafe fn install(host: *const HostV1) {
    // SAFETY: the caller's promise.
    if unsafe { LOG.install(host) } {
        let subscriber = tracing_subscriber::registry().with(HostLayer);
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// Lets go of the host, when its log is in no use any more.
pub(super) fn uninstall() {
    LOG.uninstall();
}

/// Prints events to standard error, for a plugin in a unit test. A subscriber that is
/// installed already is left as it is.
pub(super) fn print() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(PrintLayer);
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

impl Extending<LogV1> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = Slice::new(metadata.target().as_bytes());
        // SAFETY: as the ABI says of `enabled`; the target is lent to the call.
        unsafe { (self.vtable.enabled)(self.data, level(metadata.level()), target) }
    }

    fn log(&self, metadata: &Metadata<'_>, fields: &Fields) {
        let raw: Vec<_> = fields
            .others
            .iter()
            .map(|(name, value)| value.raw(name))
            .collect();
        let record = LogRecordV1 {
            size: size_of::<LogRecordV1>(),
            level: level(metadata.level()),
            line: metadata.line().unwrap_or(0),
            target: Slice::new(metadata.target().as_bytes()),
            message: Slice::new(fields.message.as_bytes()),
            file: Slice::new(metadata.file().unwrap_or_default().as_bytes()),
            fields: raw.as_ptr(),
            fields_len: raw.len(),
        };
        // SAFETY: as the ABI says of `log`; all of the record is lent to the call.
        unsafe { (self.vtable.log)(self.data, &record) }
    }
}

fn level(level: &Level) -> u32 {
    match *level {
        Level::ERROR => LEVEL_ERROR,
        Level::WARN => LEVEL_WARN,
        Level::INFO => LEVEL_INFO,
        Level::DEBUG => LEVEL_DEBUG,
        Level::TRACE => LEVEL_TRACE,
    }
}

/// Prints events of the level INFO and above, without spans.
struct PrintLayer;

impl<S: Subscriber> Layer<S> for PrintLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = format!(
            "{} {}: {}",
            metadata.level(),
            metadata.target(),
            fields.message
        );
        for (name, value) in &fields.others {
            // Writing to a string does not fail.
            let _ = write!(line, " {name}={value}");
        }
        eprintln!("{line}");
    }
}

struct HostLayer;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HostLayer {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The host's filter may change, so nothing is decided for good here.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        LOG.with(|host| host.enabled(metadata)).unwrap_or(false)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                for (name, value) in &outer.others {
                    fields.put(name, value.clone());
                }
            }
        }
        event.record(&mut fields);
        LOG.with(|host| host.log(event.metadata(), &fields));
    }
}

/// An event's fields, and those of the spans around it; an inner field hides
/// an outer one of its name.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, name: &'static str, value: Value) {
        match self.others.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.others.push((name, value)),
        }
    }
}

#[derive(Clone)]
enum Value {
    Text(String),
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(value) => fmt::Debug::fmt(value, f),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

impl Value {
    fn raw(&self, name: &str) -> LogFieldV1 {
        let (kind, bits, text) = match self {
            Self::Text(text) => (LogFieldV1::KIND_TEXT, 0, Slice::new(text.as_bytes())),
            Self::I64(value) => (LogFieldV1::KIND_I64, value.cast_unsigned(), Slice::EMPTY),
            Self::U64(value) => (LogFieldV1::KIND_U64, *value, Slice::EMPTY),
            Self::F64(value) => (LogFieldV1::KIND_F64, value.to_bits(), Slice::EMPTY),
            Self::Bool(value) => (LogFieldV1::KIND_BOOL, u64::from(*value), Slice::EMPTY),
        };
        LogFieldV1 {
            name: Slice::new(name.as_bytes()),
            kind,
            reserved: 0,
            bits,
            text,
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), Value::U64(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), Value::F64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field.name(), Value::Text(value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A `Debug` of the author's that fails leaves what it wrote so far.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}
