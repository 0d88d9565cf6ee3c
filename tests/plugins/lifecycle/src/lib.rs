//! Records what its host tells it, and shows it to the guest that asks.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Interface, Item, Plugin, Result, Workload, tracing};

wash_plugin_abi::bindgen!({ path: "../../wit/lifecycle", world: "plugin" });
use exports::test::lifecycle::probe::Guest;

/// What is recorded, and where else.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Part of the first event.
    #[serde(default)]
    label: String,
    /// A file that each event is written to as well: no guest can ask for what
    /// comes after the last workload.
    #[serde(default)]
    record: Option<PathBuf>,
}

struct Lifecycle {
    events: Mutex<Vec<String>>,
    record: Option<PathBuf>,
}

impl Lifecycle {
    fn add(&self, event: String) -> Result<()> {
        if let Some(path) = &self.record {
            let mut file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(path)?;
            writeln!(file, "{event}")?;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        Ok(())
    }
}

impl Plugin for Lifecycle {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let made = Self {
            events: Mutex::default(),
            record: config.record,
        };
        made.add(format!("new {:?}", config.label))?;
        Ok(made)
    }

    async fn start(&self) -> Result<()> {
        self.add("start".into())
    }

    async fn stop(&self) -> Result<()> {
        self.add("stop".into())
    }

    async fn workload_bound(&self, workload: &Workload, interfaces: &[Interface]) -> Result<()> {
        let workload = describe_workload(workload);
        self.add(format!("workload-bound {workload}{}", describe(interfaces)))?;
        allow("workload-bound", interfaces)
    }

    async fn item_bound(&self, item: &Item, interfaces: &[Interface]) -> Result<()> {
        let item = describe_item(item);
        self.add(format!("item-bound {item}{}", describe(interfaces)))?;
        allow("item-bound", interfaces)
    }

    async fn workload_resolved(&self, item: &Item) -> Result<()> {
        self.add(format!("workload-resolved {}", describe_item(item)))
    }

    async fn workload_unbound(&self, workload_id: &str) -> Result<()> {
        self.add(format!("workload-unbound {workload_id}"))
    }
}

/// Refuses a workload that asks for it by its interface's configuration.
fn allow(hook: &str, interfaces: &[Interface]) -> Result<()> {
    let refused = |interface: &Interface| interface.config.get("refuse").is_some_and(|h| h == hook);
    if interfaces.iter().any(refused) {
        return Err(wash_plugin_abi::anyhow::anyhow!("it asked to be refused"));
    }
    Ok(())
}

fn describe_workload(workload: &Workload) -> String {
    format!("{}={}/{}", workload.id, workload.namespace, workload.name)
}

fn describe_item(item: &Item) -> String {
    let kind = item.kind.map(|kind| format!("{kind:?}").to_lowercase());
    let kind = kind.as_deref().unwrap_or("item");
    format!(
        "{kind} {} of {}",
        item.id,
        describe_workload(&item.workload)
    )
}

/// ` ns:pkg/a,b@version [name] {key=value}` for each, in an order that does not change.
fn describe(interfaces: &[Interface]) -> String {
    let mut all: Vec<String> = interfaces
        .iter()
        .map(|interface| {
            let mut text = format!(
                " {}:{}/{}",
                interface.namespace,
                interface.package,
                interface.interfaces.join(",")
            );
            if let Some(version) = &interface.version {
                let _ = write!(text, "@{version}");
            }
            if let Some(name) = &interface.name {
                let _ = write!(text, " [{name}]");
            }
            let mut config: Vec<_> = interface.config.iter().collect();
            config.sort();
            let config: Vec<_> = config.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let _ = write!(text, " {{{}}}", config.join(","));
            text
        })
        .collect();
    all.sort();
    all.concat()
}

impl Guest for Lifecycle {
    fn events(&self, _call: &Call<'_>) -> Vec<String> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.clone()
    }

    fn whoami(&self, call: &Call<'_>) -> (String, String) {
        (
            call.workload_id().to_owned(),
            call.component_id().to_owned(),
        )
    }

    fn emit_log(&self, _call: &Call<'_>) {
        tracing::error!(target: "lifecycle::custom", code = -7, "an error");
        tracing::warn!(count = 7_u64, "a warning");
        tracing::info!(
            ratio = 0.5,
            ok = true,
            who = "a \"guest\"",
            "some {}",
            "news"
        );
        tracing::debug!(shown = ?Some(1), "a detail");
        tracing::trace!("everything");
        let span = tracing::info_span!("outer", request = 5_u64, who = "outside");
        span.in_scope(|| tracing::info!(who = "inside", "in a span"));
    }
}

wash_plugin_abi::export!(Lifecycle);
