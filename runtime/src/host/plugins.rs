//! The plugins of a host, which can change while it runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context, bail};

use super::Host;
use crate::plugin::{HostPlugin, WorkloadFailureSink, catch_panic};

/// In ascending order of the ids, the order in which they start.
pub(super) type PluginMap = BTreeMap<&'static str, Arc<dyn HostPlugin>>;

/// The plugins that workloads can be bound to.
pub(super) struct Plugins(RwLock<Arc<PluginMap>>);

impl Plugins {
    pub(super) fn new(plugins: PluginMap) -> Self {
        Self(RwLock::new(Arc::new(plugins)))
    }

    /// Those that there are now.
    pub(super) fn all(&self) -> Arc<PluginMap> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut PluginMap) -> T) -> T {
        let mut plugins = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut plugins))
    }
}

impl Host {
    /// Starts a plugin on a host that runs. Workloads that are started from
    /// then on can be bound to it.
    ///
    /// wasmCloud's own crate takes plugins only before a host starts.
    ///
    /// # Errors
    ///
    /// If the host has a plugin of this id, or stops, or the plugin does not
    /// start.
    pub async fn add_plugin(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let id = plugin.id();
        if self.plugins.all().contains_key(id) {
            bail!("Duplicate plugin ID '{id}' - plugin IDs must be unique");
        }
        if self.workloads.is_closed() {
            bail!("plugin '{id}' came too late: the host stops");
        }
        self.start_plugin(&plugin).await?;
        let added = self.plugins.change(|plugins| match plugins.get(id) {
            Some(_) => false,
            None => plugins.insert(id, Arc::clone(&plugin)).is_none(),
        });
        if added && !self.workloads.is_closed() {
            return Ok(());
        }
        // Whoever was faster stays. A host that stops may have missed it.
        self.remove_plugin_if(id, &plugin);
        let stopped = catch_panic(id, "stop", async { plugin.stop().await }).await;
        stopped.with_context(|| format!("plugin '{id}' came too late, and did not stop"))?;
        bail!("plugin '{id}' came too late: there is another of its id, or the host stops");
    }

    /// Gives back a plugin that was taken away by
    /// [`remove_plugin`](Self::remove_plugin) and has not been stopped since.
    ///
    /// wasmCloud's own crate has no such method.
    ///
    /// # Errors
    ///
    /// If the host has another plugin of this id.
    pub fn restore_plugin(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let id = plugin.id();
        let restored = self.plugins.change(|plugins| match plugins.get(id) {
            Some(_) => false,
            None => plugins.insert(id, Arc::clone(&plugin)).is_none(),
        });
        if !restored {
            bail!("Duplicate plugin ID '{id}' - plugin IDs must be unique");
        }
        self.note_started(&plugin);
        Ok(())
    }

    /// Takes a plugin away from a host that runs. Workloads that are bound to
    /// it go on using it; none that is started from then on is bound to it. To
    /// stop it is up to the caller.
    ///
    /// wasmCloud's own crate has no such method.
    pub fn remove_plugin(&self, id: &str) -> Option<Arc<dyn HostPlugin>> {
        let removed = self.plugins.change(|plugins| plugins.remove(id))?;
        self.forget_started(&removed);
        Some(removed)
    }

    fn remove_plugin_if(&self, id: &str, plugin: &Arc<dyn HostPlugin>) {
        self.plugins.change(|plugins| {
            if plugins
                .get(id)
                .is_some_and(|known| Arc::ptr_eq(known, plugin))
            {
                plugins.remove(id);
            }
        });
        self.forget_started(plugin);
    }

    /// Starts one plugin, for a stop of the host to stop.
    pub(super) async fn start_plugin(&self, plugin: &Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let id = plugin.id();
        let start = async {
            plugin.inject_meters(&self.meters).await;
            plugin
                .set_workload_failure_sink(WorkloadFailureSink::new(self.failures.sender.clone()));
            plugin.start().await
        };
        catch_panic(id, "start", start)
            .await
            .with_context(|| format!("failed to start plugin '{id}'"))?;
        self.note_started(plugin);
        Ok(())
    }
}
