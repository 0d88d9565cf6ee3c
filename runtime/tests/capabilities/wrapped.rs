//! A plugin put before another, which keeps what is needed to call the
//! components that they are bound to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wash_runtime::{
    engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem},
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// The components of running workloads.
#[derive(Clone, Default)]
pub(crate) struct Bound(Arc<Mutex<Vec<(ResolvedWorkload, String)>>>);

impl Bound {
    pub(crate) fn of(&self, workload_id: &str) -> (ResolvedWorkload, String) {
        let all = self.0.lock().unwrap();
        let found = all.iter().find(|(w, _)| w.id() == workload_id);
        found.unwrap().clone()
    }
}

pub(crate) struct Wrapped<P> {
    inner: P,
    bound: Bound,
}

impl<P> Wrapped<P> {
    pub(crate) fn new(inner: P, bound: &Bound) -> Self {
        let bound = bound.clone();
        Self { inner, bound }
    }
}

#[async_trait]
impl<P: HostPlugin> HostPlugin for Wrapped<P> {
    fn id(&self) -> &'static str {
        self.inner.id()
    }

    fn world(&self) -> WitWorld {
        self.inner.world()
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        self.inner.claims(interface)
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.inner.on_workload_bind(workload, interfaces).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.inner.on_workload_item_bind(item, interfaces).await
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let bound = (workload.clone(), component_id.to_owned());
        self.bound.0.lock().unwrap().push(bound);
        Ok(())
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.bound
            .0
            .lock()
            .unwrap()
            .retain(|(w, _)| w.id() != workload_id);
        self.inner.on_workload_unbind(workload_id, interfaces).await
    }
}
