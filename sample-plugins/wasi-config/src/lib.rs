//! `wasi:config` as a plugin library: what a component reads is put together
//! when its workload is bound. Of these, the later ones override the earlier:
//!
//! 1. the plugin's own configuration, for all workloads of the host;
//! 2. the configuration of the interface that the workload declares, first
//!    without a name, then with one, in the names' order;
//! 3. the component's own configuration.
//!
//! ```toml
//! # plugins.toml
//! [plugins.wasi-config.values]
//! region = "north"
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Interface, Item, Plugin, Result};

wash_plugin_abi::bindgen!();
use exports::wasi::config::store::{Error, Guest};

/// What every component can read.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Keys and their values.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

type Values = Arc<BTreeMap<String, String>>;

/// The plugin: the operator's values, and those of each component.
struct WasiConfig {
    values: BTreeMap<String, String>,
    items: RwLock<HashMap<String, Bound>>,
}

/// A component that is bound.
struct Bound {
    workload_id: String,
    values: Values,
}

impl WasiConfig {
    fn of(&self, call: &Call<'_>) -> Result<Values, Error> {
        let items = self.items.read().unwrap_or_else(PoisonError::into_inner);
        let bound = items.get(call.component_id());
        bound
            .map(|bound| Arc::clone(&bound.values))
            .ok_or_else(|| Error::Upstream("the component's workload is gone".into()))
    }
}

impl Plugin for WasiConfig {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            values: config.values,
            items: RwLock::default(),
        })
    }

    async fn item_bound(&self, item: &Item, interfaces: &[Interface]) -> Result<()> {
        let mut declared: Vec<_> = interfaces
            .iter()
            .filter(|interface| interface.namespace == "wasi" && interface.package == "config")
            .collect();
        declared.sort_by_key(|interface| &interface.name);
        let mut values = self.values.clone();
        let declared = declared.into_iter().map(|interface| &interface.config);
        for (key, value) in declared.chain([&item.config]).flatten() {
            values.insert(key.clone(), value.clone());
        }
        let bound = Bound {
            workload_id: item.workload.id.clone(),
            values: Arc::new(values),
        };
        let mut items = self.items.write().unwrap_or_else(PoisonError::into_inner);
        items.insert(item.id.clone(), bound);
        Ok(())
    }

    async fn workload_unbound(&self, workload_id: &str) -> Result<()> {
        let mut items = self.items.write().unwrap_or_else(PoisonError::into_inner);
        items.retain(|_, bound| bound.workload_id != workload_id);
        Ok(())
    }
}

impl Guest for WasiConfig {
    fn get(&self, call: &Call<'_>, key: &str) -> Result<Option<String>, Error> {
        Ok(self.of(call)?.get(key).cloned())
    }

    fn get_all(&self, call: &Call<'_>) -> Result<Vec<(String, String)>, Error> {
        let values = self.of(call)?;
        let pairs = values
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        Ok(pairs.collect())
    }
}

wash_plugin_abi::export!(WasiConfig);
