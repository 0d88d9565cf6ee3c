//! From the description of a workload to compiled components.

use std::sync::Arc;

use anyhow::{Context, bail};
use wasmtime::component::{Component, Linker};

use super::{
    Engine,
    ctx::SharedCtx,
    inspect,
    sockets::{self, Loopback},
    volumes::Volumes,
    workload::{InstancePolicy, Origin, UnresolvedWorkload, WorkloadComponent, WorkloadService},
};
use crate::types::{self, LocalResources, Workload};

impl Engine {
    /// Compiles a workload and links WASI into its service and components.
    ///
    /// This takes as long as compiling takes, and does not yield: call it
    /// where blocking is allowed.
    ///
    /// # Errors
    ///
    /// If a volume's directory is missing, a component does not compile, the
    /// service has no entry point, or something is asked for that this version
    /// of the runtime does not support. The error names workload and item.
    pub fn initialize_workload(
        &self,
        id: impl AsRef<str>,
        workload: Workload,
    ) -> anyhow::Result<UnresolvedWorkload> {
        let Workload {
            namespace,
            name,
            service,
            components,
            host_interfaces,
            volumes,
            annotations: _,
        } = workload;
        let context = WorkloadContext {
            engine: self,
            id: Arc::from(id.as_ref()),
            origin: Origin {
                volumes: Arc::new(
                    Volumes::open(&volumes).with_context(|| format!("workload '{name}'"))?,
                ),
                loopback: Arc::new(Loopback::default()),
                ticker: self.ticker.clone(),
                deadlines: self.deadlines,
            },
            name: Arc::from(name),
            namespace: Arc::from(namespace),
        };
        let service = service
            .map(|service| context.service(service))
            .transpose()?;
        let components = components
            .into_iter()
            .map(|component| context.component(component))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(UnresolvedWorkload::new(
            context.id,
            context.name,
            context.namespace,
            service,
            components,
            host_interfaces,
        ))
    }

    fn compile(&self, bytes: &[u8], digest: Option<&str>) -> wasmtime::Result<Component> {
        let compile = || Component::new(&self.inner, bytes);
        match digest {
            Some(digest) => self.cache.get_or_compile(digest, bytes, compile),
            None => compile(),
        }
    }

    /// A linker with WASI, and with `wasi:http` if the component uses it.
    fn linker(&self, component: &Component) -> Linker<SharedCtx> {
        if inspect::uses_wasi_http(component) {
            self.linkers.wasi_and_http.clone()
        } else {
            self.linkers.wasi.clone()
        }
    }
}

/// What the items of one workload have in common.
struct WorkloadContext<'a> {
    engine: &'a Engine,
    id: Arc<str>,
    name: Arc<str>,
    namespace: Arc<str>,
    origin: Origin,
}

impl WorkloadContext<'_> {
    fn service(&self, service: types::Service) -> anyhow::Result<WorkloadService> {
        let initialize = || {
            self.check_supported(&service.local_resources)?;
            let component = self
                .engine
                .compile(&service.bytes, service.digest.as_deref())?;
            let linker = self.engine.linker(&component);
            WorkloadService::new(
                Arc::clone(&self.id),
                Arc::clone(&self.name),
                Arc::clone(&self.namespace),
                component,
                linker,
                self.origin.volumes.mounts(&service.local_resources)?,
                service.local_resources.clone(),
                service.max_restarts,
            )
        };
        let mut service: WorkloadService =
            initialize().with_context(|| format!("service of workload '{}'", self.name))?;
        service.set_origin(self.origin.clone());
        Ok(service)
    }

    fn component(&self, component: types::Component) -> anyhow::Result<WorkloadComponent> {
        let policy = InstancePolicy::new(
            component.pool_size,
            component.max_invocations,
            component.max_concurrency,
        );
        let initialize = || {
            self.check_supported(&component.local_resources)?;
            let compiled = self
                .engine
                .compile(&component.bytes, component.digest.as_deref())?;
            let linker = self.engine.linker(&compiled);
            anyhow::Ok(WorkloadComponent::new(
                Arc::clone(&self.id),
                Arc::clone(&self.name),
                Arc::clone(&self.namespace),
                component.name.as_str(),
                compiled,
                linker,
                self.origin.volumes.mounts(&component.local_resources)?,
                component.local_resources.clone(),
            ))
        };
        let mut component = initialize().with_context(|| {
            format!("component '{}' of workload '{}'", component.name, self.name)
        })?;
        component.set_origin(self.origin.clone());
        component.set_instance_policy(policy);
        Ok(component)
    }

    /// Refuses what would otherwise be silently left out.
    fn check_supported(&self, resources: &LocalResources) -> anyhow::Result<()> {
        if resources.cpu_limit > 0 && self.origin.ticker.is_none() {
            bail!(
                "cpu_limit is {}, but this host's engine was built without interruption \
                 (EngineBuilder::with_interruption), so it cannot hold a guest to it; leave it at \
                 -1, or build the engine with interruption",
                resources.cpu_limit
            );
        }
        if let Err(problem) = sockets::check_names(&resources.allowed_ip_name_lookups) {
            bail!(problem);
        }
        Ok(())
    }
}
