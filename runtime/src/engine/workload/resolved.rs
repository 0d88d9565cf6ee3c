//! [`ResolvedWorkload`]: bound, ready to run.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, anyhow, bail};
use tokio::{sync::RwLock, time::timeout};
use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use super::{
    ServiceInstance, StoreTemplate, WorkloadComponent, WorkloadMetadata, WorkloadService,
    bind::{Bindings, BoundItems},
};
use crate::{
    engine::{Deadlines, ctx::SharedCtx, explain_instance},
    host::http::HostHandler,
    plugin::{catch_panic, catch_unwind},
    wit::WitInterface,
};

/// A workload that is bound to its plugins. Cheap to clone; all clones are the
/// same workload.
#[derive(Clone)]
pub struct ResolvedWorkload {
    shared: Arc<Shared>,
}

struct Shared {
    id: Arc<str>,
    name: Arc<str>,
    namespace: Arc<str>,
    host_interfaces: Vec<WitInterface>,
    service: Option<WorkloadService>,
    components: Arc<RwLock<BTreeMap<Arc<str>, WorkloadComponent>>>,
    /// The components' ids in the order in which the workload lists them.
    order: Vec<Arc<str>>,
    bindings: Mutex<Bindings>,
    http_handler: Arc<dyn HostHandler>,
    /// Whether the HTTP handler was told of this workload.
    http_bound: AtomicBool,
    /// Ends what still runs in stores of this workload.
    stopped: Arc<AtomicBool>,
}

/// What a [`ResolvedWorkload`] is made of.
pub(super) struct Parts {
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) host_interfaces: Vec<WitInterface>,
    pub(super) service: Option<WorkloadService>,
    pub(super) components: Arc<RwLock<BTreeMap<Arc<str>, WorkloadComponent>>>,
    pub(super) order: Vec<Arc<str>>,
    pub(super) bindings: Bindings,
    pub(super) http_handler: Arc<dyn HostHandler>,
    pub(super) stopped: Arc<AtomicBool>,
}

impl ResolvedWorkload {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            shared: Arc::new(Shared {
                id: parts.id,
                name: parts.name,
                namespace: parts.namespace,
                host_interfaces: parts.host_interfaces,
                service: parts.service,
                components: parts.components,
                order: parts.order,
                bindings: Mutex::new(parts.bindings),
                http_handler: parts.http_handler,
                http_bound: AtomicBool::new(false),
                stopped: parts.stopped,
            }),
        }
    }

    /// The workload's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// The workload's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The workload's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.shared.namespace
    }

    /// What the workload declares to need from the host.
    #[must_use]
    pub fn host_interfaces(&self) -> &Vec<WitInterface> {
        &self.shared.host_interfaces
    }

    /// The service's id, if there is a service.
    #[must_use]
    pub fn service_id(&self) -> Option<Arc<str>> {
        self.shared
            .service
            .as_ref()
            .map(|service| service.shared_id())
    }

    /// The components by id. The service is not among them.
    #[must_use]
    pub fn components(&self) -> Arc<RwLock<BTreeMap<Arc<str>, WorkloadComponent>>> {
        Arc::clone(&self.shared.components)
    }

    /// How many components there are, not counting the service.
    pub async fn component_count(&self) -> usize {
        self.shared.components.read().await.len()
    }

    /// The HTTP handler of the host.
    #[must_use]
    pub fn http_handler(&self) -> Arc<dyn HostHandler> {
        Arc::clone(&self.shared.http_handler)
    }

    /// A store for an instance of a component, or of the service, with its
    /// environment, its mounts and its plugins.
    ///
    /// # Errors
    ///
    /// If there is no such component, a mounted directory cannot be opened, or
    /// the workload was stopped.
    pub async fn new_store(&self, component_id: &str) -> anyhow::Result<Store<SharedCtx>> {
        self.store_template(component_id).await?.new_store()
    }

    /// What [`new_store`](Self::new_store) makes stores from. It knows nothing of
    /// the plugins that are added to the component later.
    pub(crate) async fn store_template(&self, component_id: &str) -> anyhow::Result<StoreTemplate> {
        let http_handler = self.http_handler();
        let components = self.shared.components.read().await;
        if let Some(service) = self.service(component_id) {
            return Ok(service.store_template(&components, http_handler));
        }
        let component = components
            .get(component_id)
            .with_context(|| unknown_id(component_id))?;
        Ok(component.store_template(&components, http_handler))
    }

    /// Resolves the imports of a component, or of the service, with what is in
    /// its linker now: nothing is kept between calls, so functions that a
    /// plugin added meanwhile are found.
    ///
    /// # Errors
    ///
    /// If there is no such component, an import is missing from its linker, or
    /// has another type there.
    pub async fn instantiate_pre(
        &self,
        component_id: &str,
    ) -> anyhow::Result<InstancePre<SharedCtx>> {
        if let Some(service) = self.service(component_id) {
            return Ok(service.pre_instantiate()?);
        }
        let components = self.shared.components.read().await;
        let component = components
            .get(component_id)
            .with_context(|| unknown_id(component_id))?;
        Ok(component.pre_instantiate_ref()?)
    }

    /// A fresh instance of a component, or of the service, in a store of its
    /// own.
    ///
    /// wasmCloud's own crate has no such method.
    ///
    /// # Errors
    ///
    /// Those of [`new_store`](Self::new_store) and
    /// [`instantiate_pre`](Self::instantiate_pre); if the guest's initialisers
    /// trap, or take longer than the engine's
    /// [deadline](crate::engine::EngineBuilder::with_instantiation_deadline).
    pub async fn instantiate(
        &self,
        component_id: &str,
    ) -> anyhow::Result<(Store<SharedCtx>, Instance)> {
        let mut store = self.new_store(component_id).await?;
        let pre = self.instantiate_pre(component_id).await?;
        let (label, deadlines) = self.about(component_id).await?;
        match timeout(deadlines.instantiation, pre.instantiate_async(&mut store)).await {
            Ok(Ok(instance)) => Ok((store, instance)),
            Ok(Err(error)) => Err(match store.data().reached_limit() {
                Some(limit) => anyhow::Error::from(error).context(limit),
                None => explain_instance(error).into(),
            }),
            Err(_) => bail!(
                "{label} could not be instantiated within {:?}, the host's instantiation \
                 deadline: its initialisers compute or wait for too long",
                deadlines.instantiation
            ),
        }
    }

    /// Waits for a call into a component no longer than the engine's
    /// [deadline](crate::engine::EngineBuilder::with_call_deadline) for calls.
    /// The call is given up then, and the guest ended.
    ///
    /// wasmCloud's own crate has no such method.
    ///
    /// # Errors
    ///
    /// The call's own; that it took too long; or that there is no such
    /// component.
    pub async fn within_deadline<T>(
        &self,
        component_id: &str,
        call: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let (label, deadlines) = self.about(component_id).await?;
        match timeout(deadlines.call, call).await {
            Ok(result) => result,
            Err(_) => bail!(
                "a call of {label} did not end within {:?}, the host's call deadline \
                 (WASH_SHARED_STORE_CALL_TIMEOUT_SECS)",
                deadlines.call
            ),
        }
    }

    async fn about(&self, component_id: &str) -> anyhow::Result<(String, Deadlines)> {
        let about = |item: &WorkloadMetadata| (item.label().to_string(), item.deadlines());
        if let Some(service) = self.service(component_id) {
            return Ok(about(service));
        }
        let components = self.shared.components.read().await;
        let component = components
            .get(component_id)
            .with_context(|| unknown_id(component_id))?;
        Ok(about(component))
    }

    /// Unbinds the HTTP handler and then all plugins, in the reverse order of
    /// their binding. Each is unbound once, however often this is called.
    ///
    /// Their errors are logged. Guests of this workload that are still
    /// computing trap: what their plugins served is gone.
    pub async fn unbind_all_plugins(&self) {
        self.unroute_http().await;
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.http_handler.forget_workload(self.id());
        let mut bindings = std::mem::take(
            &mut *self
                .shared
                .bindings
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        bindings.unbind_all(self.id()).await;
    }

    /// Tells the plugins, and the HTTP handler if the workload takes requests,
    /// that the workload is ready.
    pub(super) async fn notify_resolved(&self, bindings: Vec<BoundItems>) -> anyhow::Result<()> {
        for (plugin, items) in bindings {
            for item in items {
                catch_panic(plugin.id(), "on_workload_resolved", async {
                    plugin.on_workload_resolved(self, &item).await
                })
                .await?;
            }
        }
        self.warn_of_missing_imports().await;
        self.route_http().await
    }

    /// A component with missing imports is not refused here, since a plugin
    /// may still add to its linker; but it is likely a mistake.
    async fn warn_of_missing_imports(&self) {
        for component in self.shared.components.read().await.values() {
            if let Err(error) = component.pre_instantiate_ref() {
                tracing::warn!(
                    workload = self.name(),
                    component = component.name(),
                    error = format!("{error:#}"),
                    "component cannot be instantiated as it is; is the interface missing from \
                     the workload's host_interfaces?"
                );
            }
        }
    }

    async fn route_http(&self) -> anyhow::Result<()> {
        let takes_requests = self
            .host_interfaces()
            .iter()
            .any(WitInterface::is_incoming_http_handler);
        if !takes_requests {
            return Ok(());
        }
        let exporter = {
            let components = self.shared.components.read().await;
            self.shared
                .order
                .iter()
                .find(|id| components.get(*id).is_some_and(|c| c.exports_wasi_http()))
                .cloned()
        };
        if let Some(component_id) = exporter {
            // Recorded first: a handler that fails half way is unbound as well.
            self.shared.http_bound.store(true, Ordering::Release);
            let handler = self.http_handler();
            catch_unwind(handler.on_workload_resolved(self, &component_id))
                .await
                .unwrap_or_else(|panic| Err(anyhow!("the HTTP handler panicked: {panic}")))?;
        }
        Ok(())
    }

    async fn unroute_http(&self) {
        if !self.shared.http_bound.swap(false, Ordering::AcqRel) {
            return;
        }
        let handler = self.http_handler();
        let unbound = catch_unwind(handler.on_workload_unbind(self.id()))
            .await
            .unwrap_or_else(|panic| Err(anyhow!("it panicked: {panic}")));
        if let Err(error) = unbound {
            tracing::warn!(
                workload_id = self.id(),
                error = format!("{error:#}"),
                "the HTTP handler failed to unbind a workload"
            );
        }
    }

    /// How often the service is run again after a failure.
    pub(crate) fn max_restarts(&self) -> u64 {
        self.shared
            .service
            .as_ref()
            .map_or(0, WorkloadService::max_restarts)
    }

    pub(crate) fn has_service(&self) -> bool {
        self.shared.service.is_some()
    }

    /// A fresh instance of the service in a fresh store.
    pub(crate) async fn instantiate_service(&self) -> anyhow::Result<ServiceInstance> {
        let Some(service) = &self.shared.service else {
            bail!("workload '{}' has no service", self.name());
        };
        let (store, instance) = self
            .instantiate(service.id())
            .await
            .with_context(|| format!("failed to instantiate the service of '{}'", self.name()))?;
        service.enter(store, &instance)
    }

    fn service(&self, id: &str) -> Option<&WorkloadService> {
        self.shared
            .service
            .as_ref()
            .filter(|service| service.id() == id)
    }
}

fn unknown_id(component_id: &str) -> String {
    format!("component ID not found in workload: '{component_id}'")
}

impl fmt::Debug for ResolvedWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolvedWorkload")
            .field("id", &self.shared.id)
            .field("name", &self.shared.name)
            .field("namespace", &self.shared.namespace)
            .field("service", &self.shared.service)
            .field("components", &self.shared.order)
            .field("host_interfaces", &self.shared.host_interfaces)
            .finish_non_exhaustive()
    }
}
