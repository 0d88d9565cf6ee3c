//! The host, as plugins that come and go need it.

use std::sync::{Arc, Weak};

use anyhow::Context as _;
use async_trait::async_trait;
use wash_plugin_loader::live::Registry;
use wash_runtime::{host::Host, plugin::HostPlugin};

use crate::capabilities;

/// A host that runs. Its plugins do not keep it.
pub(crate) struct HostRegistry {
    host: Weak<Host>,
    /// What is compiled in, and makes room for plugins.
    capabilities: Vec<Arc<dyn HostPlugin>>,
}

impl HostRegistry {
    pub(crate) fn new(host: &Arc<Host>, capabilities: &[Arc<dyn HostPlugin>]) -> Self {
        Self {
            host: Arc::downgrade(host),
            capabilities: capabilities.to_vec(),
        }
    }

    fn host(&self) -> anyhow::Result<Arc<Host>> {
        self.host.upgrade().context("the host has stopped")
    }
}

#[async_trait]
impl Registry for HostRegistry {
    async fn add(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let host = self.host()?;
        let rivals = capabilities::make_room(plugin.as_ref(), &self.capabilities)?;
        let id = plugin.id();
        host.add_plugin(plugin).await?;
        for rival in rivals {
            if host.remove_plugin(rival).is_some() {
                tracing::info!("plugin `{id}` takes the place of the compiled-in `{rival}`");
            }
        }
        Ok(())
    }

    fn remove(&self, id: &str) {
        if let Ok(host) = self.host() {
            host.remove_plugin(id);
        }
    }

    fn restore(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        self.host()?.restore_plugin(plugin)
    }

    fn fail_workload(&self, id: &str, reason: &str) {
        if let Ok(host) = self.host() {
            host.fail_workload(id, reason);
        }
    }
}
