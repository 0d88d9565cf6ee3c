//! [`InMemoryKeyValue`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use wash_capabilities::keyvalue::{KeyValue, Memory};

use super::{ID, bind, claims, world};
use crate::{
    engine::workload::{UnresolvedWorkload, WorkloadItem},
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// `wasi:keyvalue` in the host's memory. Each workload has buckets of its own,
/// which are empty when it starts and gone when it stops.
#[derive(Debug, Default)]
pub struct InMemoryKeyValue {
    workloads: Mutex<HashMap<String, Arc<Memory>>>,
}

impl InMemoryKeyValue {
    /// Nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The buckets of a workload.
    #[must_use]
    pub fn store(&self, workload_id: &str) -> Arc<dyn KeyValue> {
        let mut workloads = self.workloads();
        let store = workloads.entry(workload_id.to_owned()).or_default();
        Arc::clone(store) as _
    }

    /// No code panics while it holds the lock, so a poisoned one is sound.
    fn workloads(&self) -> MutexGuard<'_, HashMap<String, Arc<Memory>>> {
        self.workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HostPlugin for InMemoryKeyValue {
    fn id(&self) -> &'static str {
        ID
    }

    fn world(&self) -> WitWorld {
        world()
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        claims(interface)
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.workloads()
            .insert(workload.id().to_owned(), Arc::default());
        Ok(())
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let store = self.store(item.workload_id());
        bind(item, store)
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.workloads().remove(workload_id);
        Ok(())
    }
}
