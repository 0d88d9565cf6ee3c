//! [`WorkloadMetadata`]: what a component and a service have in common.

mod store;

pub(crate) use store::StoreTemplate;

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use uuid::Uuid;
use wasmtime::component::{Component, InstancePre, Linker, types::ComponentItem};

use crate::{
    engine::{
        Deadlines,
        ctx::{BoundPlugins, CpuShare, SharedCtx},
        epochs::Ticker,
        foreign, inspect,
        sockets::{Loopback, SocketPolicy},
        volumes::Volumes,
    },
    plugin::HostPlugin,
    types::{LocalResources, VolumeMount},
    wit::WitWorld,
};

/// One component or service of a workload: its identity, its code, and the
/// linker that plugins add to.
#[derive(Clone)]
pub struct WorkloadMetadata {
    id: Arc<str>,
    workload_id: Arc<str>,
    workload_name: Arc<str>,
    workload_namespace: Arc<str>,
    component: Component,
    linker: Linker<SharedCtx>,
    mounts: Vec<(PathBuf, VolumeMount)>,
    local_resources: Arc<LocalResources>,
    plugins: Arc<Option<BoundPlugins>>,
    /// What it is, for messages.
    label: Arc<str>,
    is_service: bool,
    cpu: Option<Arc<CpuShare>>,
    /// Nothing is allowed without an origin.
    sockets: Arc<SocketPolicy>,
    /// Shared by the items of a workload, and set when it stops.
    stopped: Arc<AtomicBool>,
    /// The components that may run in this item's stores besides it.
    linked: Vec<Arc<str>>,
    /// Absent if the item was not made by an [`Engine`](crate::engine::Engine).
    origin: Option<Origin>,
}

/// What an item has from the engine that initialized its workload.
#[derive(Clone)]
pub(crate) struct Origin {
    /// Keeps the temporary directories among the mounts.
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) loopback: Arc<Loopback>,
    pub(crate) ticker: Option<Ticker>,
    pub(crate) deadlines: Deadlines,
}

impl WorkloadMetadata {
    #[expect(clippy::too_many_arguments, reason = "the fields of a plain record")]
    pub(super) fn new(
        workload_id: Arc<str>,
        workload_name: Arc<str>,
        workload_namespace: Arc<str>,
        component: Component,
        linker: Linker<SharedCtx>,
        mounts: Vec<(PathBuf, VolumeMount)>,
        local_resources: LocalResources,
        label: String,
    ) -> Self {
        let label: Arc<str> = Arc::from(label);
        let cpu = CpuShare::from_millicores(local_resources.cpu_limit, &label);
        Self {
            id: Arc::from(Uuid::new_v4().to_string()),
            workload_id,
            workload_name,
            workload_namespace,
            component,
            linker,
            mounts,
            local_resources: Arc::new(local_resources),
            plugins: Arc::default(),
            label,
            is_service: false,
            cpu: cpu.map(Arc::new),
            sockets: Arc::default(),
            stopped: Arc::default(),
            linked: Vec::new(),
            origin: None,
        }
    }

    /// The item's own id, made up when the workload was initialized.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workload's id.
    #[must_use]
    pub fn workload_id(&self) -> &str {
        &self.workload_id
    }

    /// The workload's name.
    #[must_use]
    pub fn workload_name(&self) -> &str {
        &self.workload_name
    }

    /// The workload's namespace.
    #[must_use]
    pub fn workload_namespace(&self) -> &str {
        &self.workload_namespace
    }

    /// The engine that the component was compiled for.
    #[must_use]
    pub fn engine(&self) -> &wasmtime::Engine {
        self.component.engine()
    }

    /// The linker, for a plugin to add its functions to.
    pub fn linker(&mut self) -> &mut Linker<SharedCtx> {
        &mut self.linker
    }

    /// The compiled component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Environment, limits, mounts.
    #[must_use]
    pub fn local_resources(&self) -> &LocalResources {
        &self.local_resources
    }

    /// The plugins bound to this item; `None` if there are none.
    #[must_use]
    pub fn plugins(&self) -> &Option<HashMap<&'static str, Arc<dyn HostPlugin + Send + Sync>>> {
        &self.plugins
    }

    /// Adds a plugin to the ones that are found from within this item's calls.
    pub fn add_plugin(&mut self, id: &'static str, plugin: Arc<dyn HostPlugin + Send + Sync>) {
        Arc::make_mut(&mut self.plugins)
            .get_or_insert_default()
            .insert(id, plugin);
    }

    /// Replaces the plugins that are found from within this item's calls.
    pub fn with_plugins(
        &mut self,
        plugins: HashMap<&'static str, Arc<dyn HostPlugin + Send + Sync>>,
    ) {
        self.plugins = Arc::new(Some(plugins));
    }

    /// The instances that the component exports, with their types.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn component_exports(&self) -> anyhow::Result<Vec<(String, ComponentItem)>> {
        Ok(self
            .component
            .component_type()
            .exports(self.engine())
            .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
            .map(|(name, item)| (name.to_string(), item.ty))
            .collect())
    }

    /// Whether an interface of `wasi:http` is imported or exported.
    #[must_use]
    pub fn uses_wasi_http(&self) -> bool {
        inspect::uses_wasi_http(&self.component)
    }

    /// Whether an interface of `wasi:http` is imported.
    #[must_use]
    pub fn imports_wasi_http(&self) -> bool {
        inspect::imports_wasi_http(&self.component)
    }

    /// Whether an interface of `wasi:http` is exported.
    #[must_use]
    pub fn exports_wasi_http(&self) -> bool {
        inspect::exports_wasi_http(&self.component)
    }

    /// Whether an interface of WASI 0.3 is imported or exported.
    #[must_use]
    pub fn targets_p3(&self) -> bool {
        inspect::targets_wasip3(&self.component)
    }

    /// The interfaces that the component imports and exports, read from the
    /// component itself. Interfaces of one package and version are one entry.
    #[must_use]
    pub fn world(&self) -> WitWorld {
        inspect::world(&self.component)
    }

    pub(super) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// What it is, as in "component 'c' of workload 'w'".
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn set_service(&mut self) {
        self.is_service = true;
    }

    pub(crate) fn set_origin(&mut self, origin: Origin) {
        let resources = &self.local_resources;
        self.sockets = Arc::new(SocketPolicy::new(
            &self.label,
            &origin.loopback,
            self.is_service,
            resources,
        ));
        self.origin = Some(origin);
    }

    pub(super) fn set_stopped(&mut self, stopped: Arc<AtomicBool>) {
        self.stopped = stopped;
    }

    pub(super) fn set_linked(&mut self, linked: Vec<Arc<str>>) {
        self.linked = linked;
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        self.origin
            .as_ref()
            .map_or_else(Deadlines::from_environment, |origin| origin.deadlines)
    }

    /// Resolves the imports with what is in the linker now.
    pub(super) fn instantiate_pre(&self) -> wasmtime::Result<InstancePre<SharedCtx>> {
        self.linker
            .instantiate_pre(&self.component)
            .map_err(|error| {
                let error = foreign::explain_link(error, &self.label);
                match inspect::unknown_wasi(&self.component).as_slice() {
                    [] => error,
                    unknown => error.context(format!(
                        "{} imports '{}', and this host has WASI 0.2 and 0.3.0 as released; build \
                         it against one of these",
                        self.label,
                        unknown.join("', '")
                    )),
                }
            })
    }
}

impl fmt::Debug for WorkloadMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadMetadata")
            .field("id", &self.id)
            .field("workload_id", &self.workload_id)
            .field("workload_name", &self.workload_name)
            .field("workload_namespace", &self.workload_namespace)
            .field(
                "plugins",
                &self
                    .plugins()
                    .as_ref()
                    .map(|plugins| plugins.keys().collect::<Vec<_>>()),
            )
            .finish_non_exhaustive()
    }
}
