//! A plugin in one of the hosts that it lives through: [`Attached`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wit::WitWorld;

use super::LoadedPlugin;

/// A plugin as a host that is rebuilt registers it.
///
/// A library makes its plugin once, so the plugin stays when the host goes: the
/// first host starts it, and none stops it. Of each host it is given, it keeps
/// the workloads apart by the host's number.
#[derive(Debug)]
pub(crate) struct Attached {
    plugin: Arc<LoadedPlugin>,
    /// Later hosts have larger ones, from 1.
    host: u64,
    /// Set when no further workload is to be bound.
    is_removed: Arc<AtomicBool>,
}

impl Attached {
    pub(crate) fn new(plugin: Arc<LoadedPlugin>, host: u64, is_removed: Arc<AtomicBool>) -> Self {
        Self {
            plugin,
            host,
            is_removed,
        }
    }

    /// Unbinds what the host has bound: it goes, or does not end.
    pub(crate) async fn leave(&self) {
        self.plugin.leave(self.host).await;
    }

    /// Whether it is none of this workload's business any more.
    fn is_out_of(&self, workload_id: &str) -> bool {
        self.is_removed.load(Ordering::Acquire) && !self.plugin.has_bound(self.host, workload_id)
    }
}

#[async_trait]
impl HostPlugin for Attached {
    fn id(&self) -> &'static str {
        self.plugin.id()
    }

    fn world(&self) -> WitWorld {
        if self.is_removed.load(Ordering::Acquire) {
            return WitWorld::default();
        }
        self.plugin.world()
    }

    async fn start(&self) -> anyhow::Result<()> {
        self.plugin.start_once().await
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        if self.is_out_of(workload.id()) {
            return Ok(());
        }
        self.plugin.bind(self.host, workload, interfaces).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        if self.is_out_of(item.workload_id()) {
            return Ok(());
        }
        self.plugin.bind_item(self.host, item, interfaces).await
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        if self.is_out_of(workload.id()) {
            return Ok(());
        }
        self.plugin.resolve(self.host, workload, component_id).await
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        _interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        if self.is_out_of(workload_id) {
            return Ok(());
        }
        self.plugin.unbind_from(self.host, workload_id).await
    }

    /// The host goes, and the plugin stays.
    async fn stop(&self) -> anyhow::Result<()> {
        self.leave().await;
        Ok(())
    }
}
