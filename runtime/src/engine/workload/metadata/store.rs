//! The store of an item, with what the guests in it may use.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail};
use wasmtime::Store;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::{super::WorkloadComponent, Origin, WorkloadMetadata};
use crate::{
    engine::{
        ctx::{BoundPlugins, CpuShare, Ctx, CtxBuilder, Limits, MemoryLimit, SharedCtx},
        sockets::SocketPolicy,
    },
    host::http::HostHandler,
    types::{LocalResources, VolumeMount},
};

/// What all stores of an item have in common. Whoever makes many keeps it.
pub(crate) struct StoreTemplate {
    engine: wasmtime::Engine,
    origin: Option<Origin>,
    http_handler: Arc<dyn HostHandler>,
    stopped: Arc<AtomicBool>,
    workload_name: Arc<str>,
    item: CtxTemplate,
    /// Of the components that are linked to it.
    linked: Vec<CtxTemplate>,
}

/// What all contexts of an item have in common.
struct CtxTemplate {
    workload_id: Arc<str>,
    component_id: Arc<str>,
    resources: Arc<LocalResources>,
    plugins: Arc<Option<BoundPlugins>>,
    sockets: Arc<SocketPolicy>,
    cpu: Option<Arc<CpuShare>>,
    stopped: Arc<AtomicBool>,
    mounts: Vec<(PathBuf, VolumeMount)>,
}

impl WorkloadMetadata {
    /// What stores for one instance are made from. `components` are those of
    /// the workload; there will be contexts for all that are linked to this
    /// item.
    pub(in super::super) fn store_template(
        &self,
        components: &BTreeMap<Arc<str>, WorkloadComponent>,
        http_handler: Arc<dyn HostHandler>,
    ) -> StoreTemplate {
        let linked: Vec<&Self> = self
            .linked
            .iter()
            .filter_map(|id| components.get(id))
            .map(|component| &**component)
            .collect();
        let everybody: Vec<&Self> = [self].into_iter().chain(linked.clone()).collect();
        StoreTemplate {
            engine: self.engine().clone(),
            origin: self.origin.clone(),
            http_handler,
            stopped: Arc::clone(&self.stopped),
            workload_name: Arc::clone(&self.workload_name),
            item: self.ctx_template(&everybody),
            linked: linked
                .iter()
                .map(|item| item.ctx_template(&everybody))
                .collect(),
        }
    }

    /// `everybody` are the components in the store.
    fn ctx_template(&self, everybody: &[&Self]) -> CtxTemplate {
        CtxTemplate {
            workload_id: Arc::clone(&self.workload_id),
            component_id: Arc::clone(&self.id),
            resources: Arc::clone(&self.local_resources),
            plugins: Arc::clone(&self.plugins),
            sockets: Arc::clone(&self.sockets),
            cpu: self.cpu.clone(),
            stopped: Arc::clone(&self.stopped),
            mounts: self.all_mounts(everybody).into_iter().cloned().collect(),
        }
    }

    /// The item's own mounts, and those of others in the store: a descriptor
    /// can be handed from one to another. Its own count where a path is taken.
    fn all_mounts<'a>(&'a self, everybody: &[&'a Self]) -> Vec<&'a (PathBuf, VolumeMount)> {
        let mut mounts: Vec<_> = self.mounts.iter().collect();
        for item in everybody.iter().filter(|item| item.id != self.id) {
            for mount in &item.mounts {
                if !mounts
                    .iter()
                    .any(|own| own.1.mount_path == mount.1.mount_path)
                {
                    mounts.push(mount);
                }
            }
        }
        mounts
    }
}

impl StoreTemplate {
    /// A store for one instance, and nothing in it yet.
    ///
    /// # Errors
    ///
    /// If a mounted directory cannot be opened, or the workload was stopped.
    pub(crate) fn new_store(&self) -> anyhow::Result<Store<SharedCtx>> {
        if self.stopped.load(Ordering::Relaxed) {
            bail!("workload '{}' was stopped", self.workload_name);
        }
        let ctx = self.item.new_ctx(&self.http_handler, None)?;
        let store_id = Arc::clone(&ctx.store_id);
        let mut data = SharedCtx::new(ctx);
        for item in &self.linked {
            let ctx = item.new_ctx(&self.http_handler, Some(&store_id))?;
            data.contexts.insert(Arc::clone(&item.component_id), ctx);
        }
        let mut store = Store::new(&self.engine, data);
        store.limiter(|data| &mut data.active_ctx.limits.memory);
        if self.engine.get_consume_fuel() {
            // Fuel is counted here, not rationed.
            store.set_fuel(u64::MAX)?;
        }
        match self
            .origin
            .as_ref()
            .and_then(|origin| origin.ticker.as_ref())
        {
            Some(ticker) => {
                ticker.interrupt(&mut store, |store, tick| store.data().on_tick(tick));
            }
            // Far away, in case that the clock of another engine ticks.
            None if self.engine.get_epoch_interruption() => store.set_epoch_deadline(1 << 62),
            None => {}
        }
        Ok(store)
    }
}

impl CtxTemplate {
    /// A context, in the store of another one if that is given.
    fn new_ctx(
        &self,
        http_handler: &Arc<dyn HostHandler>,
        store_id: Option<&Arc<str>>,
    ) -> anyhow::Result<Ctx> {
        let workload_id = Arc::clone(&self.workload_id);
        let builder = CtxBuilder::of_item(workload_id, Arc::clone(&self.component_id))
            .with_wasi_ctx(self.wasi_ctx()?)
            .with_http_handler(Arc::clone(http_handler))
            .with_shared_plugins(Arc::clone(&self.plugins))
            .with_allowed_hosts(Arc::clone(&self.resources.allowed_hosts))
            .with_sockets(Arc::clone(&self.sockets))
            .with_limits(Limits {
                memory: MemoryLimit::from_mib(self.resources.memory_limit_mb),
                cpu: self.cpu.clone(),
                stopped: Arc::clone(&self.stopped),
            });
        Ok(match store_id {
            Some(store_id) => builder.with_store_id(Arc::clone(store_id)).build(),
            None => builder.build(),
        })
    }

    fn wasi_ctx(&self) -> anyhow::Result<WasiCtx> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.inherit_stdout().inherit_stderr();
        self.sockets
            .apply(&mut wasi, &self.resources.allowed_ip_name_lookups);
        for (name, value) in &self.resources.environment {
            wasi.env(name, value);
        }
        for (directory, mount) in &self.mounts {
            let permissions = if mount.read_only {
                FsPerms::ReadOnly
            } else {
                FsPerms::ReadWrite
            };
            wasi.preopened_dir(directory, &mount.mount_path, permissions)
                .map_err(anyhow::Error::from)
                .with_context(|| {
                    format!(
                        "cannot mount volume '{}' at '{}'",
                        mount.name, mount.mount_path
                    )
                })?;
        }
        Ok(wasi.build())
    }
}
