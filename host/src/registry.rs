//! The host, as plugins that come and go need it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

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
    /// Those that the host does not have now, by the plugin that took their
    /// place.
    displaced: Mutex<BTreeMap<String, Vec<Arc<dyn HostPlugin>>>>,
}

impl HostRegistry {
    pub(crate) fn new(host: &Arc<Host>, capabilities: &[Arc<dyn HostPlugin>]) -> Self {
        Self {
            host: Arc::downgrade(host),
            capabilities: capabilities.to_vec(),
            displaced: Mutex::default(),
        }
    }

    /// The compiled-in capabilities that the host has now.
    pub(crate) fn capabilities(&self) -> Vec<Arc<dyn HostPlugin>> {
        let displaced = self.displaced();
        let is_there = |capability: &&Arc<dyn HostPlugin>| {
            let mut gone = displaced.values().flatten();
            !gone.any(|gone| gone.id() == capability.id())
        };
        let there = self.capabilities.iter().filter(is_there);
        there.map(Arc::clone).collect()
    }

    /// Stops the capabilities that the host does not stop, as it does not have
    /// them any more.
    pub(crate) async fn stop(&self) {
        let displaced = std::mem::take(&mut *self.displaced());
        for capability in displaced.into_values().flatten() {
            if let Err(error) = capability.stop().await {
                tracing::warn!(plugin = capability.id(), "{error:#}");
            }
        }
    }

    fn displaced(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Arc<dyn HostPlugin>>>> {
        self.displaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the rivals of a plugin out of the host.
    fn displace(&self, host: &Host, plugin: &dyn HostPlugin) -> anyhow::Result<()> {
        let rivals = capabilities::make_room(plugin, &self.capabilities)?;
        let taken = rivals.into_iter().filter_map(|rival| {
            let rival = host.remove_plugin(rival)?;
            tracing::info!(
                "plugin `{}` takes the place of the compiled-in `{}`",
                plugin.id(),
                rival.id()
            );
            Some(rival)
        });
        let taken = taken.collect();
        self.displaced().insert(plugin.id().to_owned(), taken);
        Ok(())
    }

    /// Gives them back.
    fn give_back(&self, host: &Host, id: &str) {
        let displaced = self.displaced().remove(id);
        for capability in displaced.into_iter().flatten() {
            if let Err(error) = host.restore_plugin(capability) {
                tracing::warn!("a compiled-in capability is not back: {error:#}");
            }
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
        // First, as one of them may have its id.
        self.displace(&host, plugin.as_ref())?;
        let id = plugin.id();
        let added = host.add_plugin(plugin).await;
        if added.is_err() {
            self.give_back(&host, id);
        }
        added
    }

    fn remove(&self, id: &str) {
        if let Ok(host) = self.host() {
            host.remove_plugin(id);
            self.give_back(&host, id);
        }
    }

    fn restore(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let host = self.host()?;
        self.displace(&host, plugin.as_ref())?;
        let id = plugin.id();
        let restored = host.restore_plugin(plugin);
        if restored.is_err() {
            self.give_back(&host, id);
        }
        restored
    }

    fn fail_workload(&self, id: &str, reason: &str) {
        if let Ok(host) = self.host() {
            host.fail_workload(id, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use wash_runtime::{host::HostBuilder, wit::WitInterface, wit::WitWorld};

    use super::*;

    /// Serves an interface, if it starts.
    struct Serves {
        id: &'static str,
        interface: &'static str,
        starts: bool,
    }

    impl Serves {
        fn plugin(id: &'static str, interface: &'static str, starts: bool) -> Arc<dyn HostPlugin> {
            Arc::new(Self {
                id,
                interface,
                starts,
            })
        }
    }

    #[async_trait]
    impl HostPlugin for Serves {
        fn id(&self) -> &'static str {
            self.id
        }

        fn world(&self) -> WitWorld {
            WitWorld {
                imports: HashSet::from([WitInterface::from(self.interface)]),
                ..WitWorld::default()
            }
        }

        async fn start(&self) -> anyhow::Result<()> {
            anyhow::ensure!(self.starts, "it does not start");
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_compiled_in_makes_room_and_comes_back() {
        let config = Serves::plugin("wasi-config", "wasi:config/store", true);
        let logging = Serves::plugin("tracing", "wasi:logging/logging", true);
        let compiled_in = [config, logging];
        let mut builder = HostBuilder::new();
        for capability in &compiled_in {
            builder = builder.with_plugin(Arc::clone(capability)).unwrap();
        }
        let host = builder.build().unwrap().start().await.unwrap();
        let registry = HostRegistry::new(&host, &compiled_in);
        let left = || -> Vec<&str> { registry.capabilities().iter().map(|c| c.id()).collect() };
        assert_eq!(left(), ["wasi-config", "tracing"]);

        // One of the same id, and one that serves the same.
        let same_id = Serves::plugin("wasi-config", "wasi:config/store", true);
        registry.add(Arc::clone(&same_id)).await.unwrap();
        assert_eq!(left(), ["tracing"]);
        let logger = Serves::plugin("logger", "wasi:logging/logging", true);
        registry.add(Arc::clone(&logger)).await.unwrap();
        assert_eq!(left(), [""; 0]);

        registry.remove("logger");
        assert_eq!(left(), ["tracing"]);
        registry.restore(logger).unwrap();
        assert_eq!(left(), [""; 0]);
        registry.remove("logger");
        registry.remove("wasi-config");
        assert_eq!(left(), ["wasi-config", "tracing"]);
        assert!(host.remove_plugin("wasi-config").is_some_and(|there| {
            !Arc::ptr_eq(&there, &same_id) && host.restore_plugin(there).is_ok()
        }));

        // Nor does one that does not start take its place.
        let broken = Serves::plugin("wasi-config", "wasi:config/store", false);
        registry.add(broken).await.unwrap_err();
        assert_eq!(left(), ["wasi-config", "tracing"]);
        host.stop().await.unwrap();
    }
}
