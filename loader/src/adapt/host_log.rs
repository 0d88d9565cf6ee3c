//! A plugin's events, in the host's `tracing`: with their level, target and
//! fields, and the plugin's id.
//!
//! `tracing` knows an event by its callsite, a constant. A plugin's callsites
//! are not constants of this program, so one is made, and kept, for each
//! combination of level, target, place and field names that a plugin uses.
#![allow(
    unsafe_code,
    reason = "the plugin calls these functions with raw records"
)]

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, FieldSet, Value};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, callsite, metadata::Kind, subscriber::Interest};
use wash_plugin_abi::abi::{
    LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO, LEVEL_WARN, LogFieldV1, LogRecordV1, Slice,
};

use super::host::HostSide;

/// As many fields as `tracing` allows, with the message and the plugin's id.
const MAX_FIELDS: usize = 32;
/// A plugin that makes names up as it goes must not fill the host's memory.
const MAX_CALLSITES: usize = 4096;

/// Takes one plugin's events.
#[derive(Debug)]
pub(super) struct PluginLog {
    plugin: &'static str,
    callsites: Mutex<HashMap<Key, &'static PluginCallsite>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    level: Level,
    target: String,
    file: String,
    line: u32,
    fields: Vec<String>,
}

impl PluginLog {
    pub(super) fn new(plugin: &'static str) -> Self {
        Self {
            plugin,
            callsites: Mutex::new(HashMap::new()),
        }
    }

    fn callsite(&self, key: Key) -> Option<&'static PluginCallsite> {
        let mut known = self
            .callsites
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return Some(found);
        }
        if known.len() >= MAX_CALLSITES {
            return None;
        }
        let made = PluginCallsite::leak(&key);
        known.insert(key, made);
        Some(made)
    }

    fn emit(&self, key: Key, message: &str, values: &[Box<dyn Value + '_>]) {
        let level = key.level;
        let target = key.target.clone();
        let Some(metadata) = self.callsite(key).and_then(PluginCallsite::metadata) else {
            tracing::error!(
                plugin = self.plugin,
                "{level} {target}: {message} (fields left out: the plugin uses too many callsites)"
            );
            return;
        };
        let set = metadata.fields();
        let names: Vec<Field> = set.iter().collect();
        let Some(first) = names.first() else { return };
        // Places that are not used repeat the first field, without a value.
        let mut all: [(&Field, Option<&dyn Value>); MAX_FIELDS] = [(first, None); MAX_FIELDS];
        let given = [&message as &dyn Value, &self.plugin as &dyn Value];
        let values = given.into_iter().chain(values.iter().map(|value| &**value));
        for ((slot, name), value) in all.iter_mut().zip(&names).zip(values) {
            *slot = (name, Some(value));
        }
        Event::dispatch(metadata, &set.value_set(&all));
    }
}

/// A callsite made at run time. It lives for ever, as `tracing` wants.
#[derive(Debug)]
struct PluginCallsite(OnceLock<Metadata<'static>>);

impl PluginCallsite {
    fn leak(key: &Key) -> &'static Self {
        let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let names: Vec<&'static str> = ["message", "plugin"]
            .into_iter()
            .chain(key.fields.iter().map(|name| text(name)))
            .take(MAX_FIELDS)
            .collect();
        let this: &'static Self = Box::leak(Box::new(Self(OnceLock::new())));
        let fields = FieldSet::new(Vec::leak(names), callsite::Identifier(this));
        let _ = this.0.set(Metadata::new(
            "plugin event",
            text(&key.target),
            key.level,
            (!key.file.is_empty()).then(|| text(&key.file)),
            (key.line > 0).then_some(key.line),
            None,
            fields,
            Kind::EVENT,
        ));
        callsite::register(this);
        this
    }

    fn metadata(&'static self) -> Option<&'static Metadata<'static>> {
        self.0.get()
    }
}

impl tracing::Callsite for PluginCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        static NONE: OnceLock<Metadata<'static>> = OnceLock::new();
        // Set before anybody sees the callsite; the other is never used.
        self.0.get().unwrap_or_else(|| {
            NONE.get_or_init(|| {
                Metadata::new(
                    "plugin event",
                    "plugin",
                    Level::ERROR,
                    None,
                    None,
                    None,
                    FieldSet::new(&[], callsite::Identifier(&UNUSED)),
                    Kind::EVENT,
                )
            })
        })
    }
}

static UNUSED: PluginCallsite = PluginCallsite(OnceLock::new());

fn level(level: u32) -> Level {
    match level {
        LEVEL_ERROR => Level::ERROR,
        LEVEL_WARN => Level::WARN,
        LEVEL_INFO => Level::INFO,
        LEVEL_DEBUG => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// Whether an event of this level would be kept. Targets are looked at when
/// the event comes, by whichever filter the host has.
///
/// # Safety
///
/// As [`wash_plugin_abi::abi::LogV1::enabled`].
pub(super) unsafe extern "C" fn enabled(_: *const c_void, of: u32, _target: Slice) -> bool {
    level(of) <= LevelFilter::current()
}

/// Takes an event.
///
/// # Safety
///
/// As [`wash_plugin_abi::abi::LogV1::log`]: `data` is the host's, and the
/// record valid for the call.
pub(super) unsafe extern "C" fn log(data: *const c_void, record: *const LogRecordV1) {
    // A subscriber's panic must not cross into the plugin.
    let _ = std::panic::catch_unwind(|| {
        // SAFETY: the caller's promise.
        let (side, record) = unsafe { (HostSide::from_data(data), &*record) };
        // SAFETY: the texts and fields of a record are valid as long as it is.
        let (target, message, file, fields) = unsafe {
            (
                record.target.to_text(),
                record.message.to_text(),
                record.file.to_text(),
                record.fields(),
            )
        };
        // SAFETY: as above.
        let named: Vec<_> = fields
            .iter()
            .map(|f| unsafe { (f.name.to_text(), value(f)) })
            .collect();
        let (names, values): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let key = Key {
            level: level(record.level),
            target,
            file,
            line: record.line,
            fields: names,
        };
        side.log.emit(key, &message, &values);
    });
}

/// # Safety
///
/// The field must be one of a record whose call has not returned.
unsafe fn value(field: &LogFieldV1) -> Box<dyn Value> {
    match field.kind {
        LogFieldV1::KIND_I64 => Box::new(field.bits.cast_signed()),
        LogFieldV1::KIND_U64 => Box::new(field.bits),
        LogFieldV1::KIND_F64 => Box::new(f64::from_bits(field.bits)),
        LogFieldV1::KIND_BOOL => Box::new(field.bits != 0),
        // SAFETY: the caller's promise.
        _ => Box::new(unsafe { field.text.to_text() }),
    }
}
