//! [`HostBuilder`].

use std::{
    collections::{HashMap, btree_map::Entry},
    fmt,
    sync::{Arc, Mutex},
};

use anyhow::bail;
use chrono::Utc;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    FailureChannel, Host, HostConfig,
    heartbeat::{self, SystemMonitor},
    http::{HostHandler, NullServer},
    lifecycle::Lifecycle,
    names::friendly_name,
    plugins::{PluginMap, Plugins},
    workloads::Workloads,
};
use crate::{engine::Engine, observability::Meters, plugin::HostPlugin};

/// Collects what a [`Host`] is made of.
pub struct HostBuilder {
    id: String,
    engine: Option<Engine>,
    http_handler: Option<Arc<dyn HostHandler>>,
    plugins: PluginMap,
    meters: Meters,
    hostname: Option<String>,
    friendly_name: Option<String>,
    environment: String,
    labels: HashMap<String, String>,
    config: HostConfig,
}

impl HostBuilder {
    /// A builder with a fresh id and no plugins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            engine: None,
            http_handler: None,
            plugins: PluginMap::new(),
            meters: Meters::default(),
            hostname: None,
            friendly_name: None,
            environment: String::new(),
            labels: HashMap::new(),
            config: HostConfig::default(),
        }
    }

    /// The id that the host will have.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The engine; without, one with the default settings is built.
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Who takes and sends HTTP requests; without, a [`NullServer`].
    #[must_use]
    pub fn with_http_handler(mut self, handler: Arc<dyn HostHandler>) -> Self {
        self.http_handler = Some(handler);
        self
    }

    /// Registers a plugin.
    ///
    /// # Errors
    ///
    /// If a plugin with the same id is registered already.
    pub fn with_plugin(mut self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<Self> {
        let id = plugin.id();
        match self.plugins.entry(id) {
            Entry::Occupied(_) => {
                bail!("Duplicate plugin ID '{id}' - plugin IDs must be unique")
            }
            Entry::Vacant(entry) => entry.insert(plugin),
        };
        Ok(self)
    }

    /// The instruments that the host hands out.
    #[must_use]
    pub fn with_meters(mut self, meters: Meters) -> Self {
        self.meters = meters;
        self
    }

    /// The machine's name; without, the operating system is asked.
    #[must_use]
    pub fn with_hostname(mut self, hostname: impl AsRef<str>) -> Self {
        self.hostname = Some(hostname.as_ref().to_string());
        self
    }

    /// A name for people; without, one is made up.
    #[must_use]
    pub fn with_friendly_name(mut self, name: impl AsRef<str>) -> Self {
        self.friendly_name = Some(name.as_ref().to_string());
        self
    }

    /// The environment that the host belongs to, such as `staging`.
    #[must_use]
    pub fn with_environment(mut self, environment: impl AsRef<str>) -> Self {
        self.environment = environment.as_ref().to_string();
        self
    }

    /// A label for schedulers to select hosts by.
    #[must_use]
    pub fn with_label(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.labels
            .insert(key.as_ref().to_string(), value.as_ref().to_string());
        self
    }

    /// How the host fetches components.
    #[must_use]
    pub fn with_config(mut self, config: HostConfig) -> Self {
        self.config = config;
        self
    }

    /// The host. It does nothing before [`Host::start`].
    ///
    /// # Errors
    ///
    /// If no engine was given and the default one cannot be built.
    pub fn build(self) -> anyhow::Result<Host> {
        let engine = match self.engine {
            Some(engine) => engine,
            None => Engine::builder().build()?,
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        Ok(Host {
            id: self.id,
            hostname: self.hostname.unwrap_or_else(heartbeat::hostname),
            friendly_name: self.friendly_name.unwrap_or_else(friendly_name),
            environment: self.environment,
            labels: self.labels,
            started_at: Utc::now(),
            config: self.config,
            engine,
            plugins: Plugins::new(self.plugins),
            http_handler: self
                .http_handler
                .unwrap_or_else(|| Arc::new(NullServer::default())),
            meters: self.meters,
            workloads: Arc::new(Workloads::default()),
            failures: FailureChannel {
                sender,
                receiver: Mutex::new(Some(receiver)),
            },
            system: SystemMonitor::default(),
            lifecycle: Mutex::new(Lifecycle::default()),
        })
    }
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder")
            .field("id", &self.id)
            .field("plugins", &self.plugins.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
