//! The way to a guest's exports: a host gives a plugin what it needs to
//! instantiate the components that it is bound to, so each plugin is wrapped in
//! one that keeps it.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use async_trait::async_trait;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::observability::Meters;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wasmtime::Store;
use wash_runtime::wasmtime::component::{self, Func, ResourceAny, Val};
use wash_runtime::wit::WitWorld;

/// The components of running workloads that are bound to some plugin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<(ResolvedWorkload, String)>>>);

impl Captured {
    fn edit<R>(&self, f: impl FnOnce(&mut Vec<(ResolvedWorkload, String)>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn component_id(&self, workload_id: &str) -> anyhow::Result<String> {
        Ok(self.find(workload_id)?.1)
    }

    fn find(&self, workload_id: &str) -> anyhow::Result<(ResolvedWorkload, String)> {
        self.edit(|all| all.iter().find(|(w, _)| w.id() == workload_id).cloned())
            .with_context(|| format!("no component of workload {workload_id} is bound to a plugin"))
    }

    /// The workload's component, compiled.
    pub(crate) async fn component(
        &self,
        workload_id: &str,
    ) -> anyhow::Result<component::Component> {
        let (workload, component_id) = self.find(workload_id)?;
        let linked = workload.instantiate_pre(&component_id).await?;
        Ok(linked.component().clone())
    }

    /// A fresh instance of the workload's component.
    pub(crate) async fn instantiate(&self, workload_id: &str) -> anyhow::Result<Instance> {
        let (workload, component_id) = self.find(workload_id)?;
        let mut store = workload.new_store(&component_id).await?;
        let instance = workload
            .instantiate_pre(&component_id)
            .await?
            .instantiate_async(&mut store)
            .await?;
        Ok(Instance { store, instance })
    }
}

/// A guest, instantiated.
pub struct Instance {
    store: Store<SharedCtx>,
    instance: component::Instance,
}

impl Instance {
    /// An exported function.
    pub fn func(&mut self, interface: &str, function: &str) -> anyhow::Result<Func> {
        let missing = || format!("the guest exports no {interface}#{function}");
        let interface = self
            .instance
            .get_export_index(&mut self.store, None, interface)
            .with_context(missing)?;
        let function = self
            .instance
            .get_export_index(&mut self.store, Some(&interface), function)
            .with_context(missing)?;
        self.instance
            .get_func(&mut self.store, function)
            .with_context(missing)
    }

    /// A function that the guest exports outside of any interface.
    pub fn bare_func(&mut self, function: &str) -> anyhow::Result<Func> {
        self.instance
            .get_func(&mut self.store, function)
            .with_context(|| format!("the guest exports no {function}"))
    }

    /// The function's parameters and result.
    pub fn types(&mut self, func: Func) -> (Vec<component::Type>, Option<component::Type>) {
        let ty = func.ty(&self.store);
        let params = ty.params().map(|(_, ty)| ty).collect();
        (params, ty.results().next())
    }

    /// Calls a function. After an error, the instance is of no more use.
    pub async fn call(&mut self, func: Func, args: &[Val]) -> anyhow::Result<Vec<Val>> {
        let mut results = vec![Val::Bool(false); func.ty(&self.store).results().len()];
        func.call_async(&mut self.store, args, &mut results).await?;
        Ok(results)
    }

    /// Has the guest do what its `run` in an interface is told by name, first of
    /// the arguments: what it saw.
    ///
    /// # Errors
    ///
    /// If it traps, or has no such function.
    ///
    /// # Panics
    ///
    /// If it says something else than a text.
    pub async fn scenario(&mut self, interface: &str, args: &[Val]) -> anyhow::Result<String> {
        let func = self.func(interface, "run")?;
        match self.call(func, args).await?.as_slice() {
            [Val::String(text)] => Ok(text.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// Drops a resource that a function returned.
    pub async fn drop_resource(&mut self, resource: ResourceAny) -> anyhow::Result<()> {
        resource.resource_drop_async(&mut self.store).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// A plugin as it is, but that the components it is bound to are kept.
pub(crate) struct Capture {
    pub(crate) inner: Arc<dyn HostPlugin>,
    pub(crate) captured: Captured,
}

#[async_trait]
impl HostPlugin for Capture {
    fn id(&self) -> &'static str {
        self.inner.id()
    }

    fn world(&self) -> WitWorld {
        self.inner.world()
    }

    fn supports_named_instances(&self) -> bool {
        self.inner.supports_named_instances()
    }

    async fn inject_meters(&self, meters: &Meters) {
        self.inner.inject_meters(meters).await;
    }

    async fn start(&self) -> anyhow::Result<()> {
        self.inner.start().await
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
        self.inner
            .on_workload_resolved(workload, component_id)
            .await?;
        self.captured
            .edit(|all| all.push((workload.clone(), component_id.to_owned())));
        Ok(())
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        // A workload that is kept would keep its plugins, too.
        self.captured
            .edit(|all| all.retain(|(workload, _)| workload.id() != workload_id));
        self.inner.on_workload_unbind(workload_id, interfaces).await
    }

    async fn stop(&self) -> anyhow::Result<()> {
        self.inner.stop().await
    }
}
