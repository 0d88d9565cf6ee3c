//! Panics in the entry that its configuration names.
#![allow(clippy::panic, reason = "that is what this plugin is for")]

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Interface, Item, Plugin, Result, Workload};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

/// Where to panic.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The entry; none unless it is given.
    #[serde(default = "nowhere")]
    entry: Entry,
}

fn nowhere() -> Entry {
    Entry::Nowhere
}

/// A plugin's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ConfigSchema)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    Nowhere,
    New,
    Start,
    Stop,
    WorkloadBound,
    ItemBound,
    WorkloadResolved,
    WorkloadUnbound,
    /// The served function, if the message asks for it: `panic`, or `payload`
    /// for a panic whose payload is no text and panics when it is dropped.
    Log,
}

struct Panics(Entry);

impl Panics {
    fn reached(&self, entry: Entry) {
        if self.0 == entry {
            panic!("a panic in {entry:?}");
        }
    }
}

impl Plugin for Panics {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let made = Self(config.entry);
        made.reached(Entry::New);
        Ok(made)
    }

    async fn start(&self) -> Result<()> {
        self.reached(Entry::Start);
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        self.reached(Entry::Stop);
        Ok(())
    }

    async fn workload_bound(&self, _: &Workload, _: &[Interface]) -> Result<()> {
        self.reached(Entry::WorkloadBound);
        Ok(())
    }

    async fn item_bound(&self, _: &Item, _: &[Interface]) -> Result<()> {
        self.reached(Entry::ItemBound);
        Ok(())
    }

    async fn workload_resolved(&self, _: &Item) -> Result<()> {
        self.reached(Entry::WorkloadResolved);
        Ok(())
    }

    async fn workload_unbound(&self, _: &str) -> Result<()> {
        self.reached(Entry::WorkloadUnbound);
        Ok(())
    }
}

impl Guest for Panics {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, message: &str) {
        match message {
            "panic" => self.reached(Entry::Log),
            "payload" => std::panic::panic_any(Explosive),
            _ => {}
        }
    }
}

/// Panics once more when it is dropped.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("a panic in a payload");
    }
}

wash_plugin_abi::export!(Panics);
