//! The host: it owns the engine, the plugins and the running workloads.
//!
//! A [`HostBuilder`] collects the parts, [`HostBuilder::build`] makes them a
//! [`Host`], and [`Host::start`] starts the plugins. After that, workloads are
//! started, watched and stopped through [`HostApi`], until [`Host::stop`].

mod api;
mod builder;
mod config;
mod heartbeat;
mod interfaces;
mod lifecycle;
mod names;
mod plugins;
mod service;
mod start;
mod workloads;

pub mod http;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

pub use api::HostApi;
pub use builder::HostBuilder;
pub use config::HostConfig;

use crate::{engine::Engine, observability::Meters, plugin::WorkloadFailure};
use heartbeat::SystemMonitor;
use http::HostHandler;
use plugins::Plugins;
use workloads::Workloads;

/// Runs workloads. See [`HostApi`] for what it can be asked to do.
pub struct Host {
    id: String,
    hostname: String,
    friendly_name: String,
    environment: String,
    labels: HashMap<String, String>,
    started_at: DateTime<Utc>,
    config: HostConfig,
    engine: Engine,
    plugins: Plugins,
    http_handler: Arc<dyn HostHandler>,
    meters: Meters,
    workloads: Arc<Workloads>,
    failures: FailureChannel,
    system: SystemMonitor,
    lifecycle: Mutex<lifecycle::Lifecycle>,
}

/// How plugins report failed workloads. [`Host::start`] takes the receiver.
struct FailureChannel {
    sender: UnboundedSender<WorkloadFailure>,
    receiver: Mutex<Option<UnboundedReceiver<WorkloadFailure>>>,
}

impl Host {
    /// A builder with the default settings.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::new()
    }

    /// The host's id, made up when it was built.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The machine's name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// A name for people.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        &self.friendly_name
    }

    /// The environment given to the builder.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The labels given to the builder.
    #[must_use]
    pub fn labels(&self) -> &HashMap<String, String> {
        &self.labels
    }

    /// The value of one label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&String> {
        self.labels.get(key)
    }

    /// The version of this crate.
    #[must_use]
    pub fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// The configuration given to the builder.
    #[must_use]
    pub fn config(&self) -> &HostConfig {
        &self.config
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("id", &self.id)
            .field("friendly_name", &self.friendly_name)
            .field("plugins", &self.plugins.all().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
