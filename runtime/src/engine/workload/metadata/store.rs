//! The store of an item, with what the guests in it may use.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::Context;
use wasmtime::Store;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::{super::WorkloadComponent, WorkloadMetadata};
use crate::{
    engine::ctx::{CtxBuilder, Limits, MemoryLimit, SharedCtx},
    host::http::HostHandler,
    types::VolumeMount,
};

impl WorkloadMetadata {
    /// A store for one instance, and nothing in it yet. `components` are those
    /// of the workload; it has contexts for all that are linked to this item.
    pub(in super::super) fn new_store(
        &self,
        components: &BTreeMap<Arc<str>, WorkloadComponent>,
        http_handler: Arc<dyn HostHandler>,
    ) -> anyhow::Result<Store<SharedCtx>> {
        let linked: Vec<&WorkloadMetadata> = self
            .linked
            .iter()
            .filter_map(|id| components.get(id))
            .map(|component| &**component)
            .collect();
        let everybody: Vec<&WorkloadMetadata> = [self].into_iter().chain(linked.clone()).collect();
        let ctx = self.new_ctx(&everybody, Arc::clone(&http_handler))?.build();
        let store_id = Arc::clone(&ctx.store_id);
        let mut data = SharedCtx::new(ctx);
        for item in linked {
            let ctx = item
                .new_ctx(&everybody, Arc::clone(&http_handler))?
                .with_store_id(Arc::clone(&store_id))
                .build();
            data.contexts.insert(item.shared_id(), ctx);
        }
        let mut store = Store::new(self.engine(), data);
        store.limiter(|data| &mut data.active_ctx.limits.memory);
        if self.engine().get_consume_fuel() {
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
            None if self.engine().get_epoch_interruption() => store.set_epoch_deadline(1 << 62),
            None => {}
        }
        Ok(store)
    }

    /// `everybody` are the components in the store.
    fn new_ctx(
        &self,
        everybody: &[&Self],
        http_handler: Arc<dyn HostHandler>,
    ) -> anyhow::Result<CtxBuilder> {
        Ok(CtxBuilder::new(&self.workload_id, &self.id)
            .with_wasi_ctx(self.wasi_ctx(everybody)?)
            .with_http_handler(http_handler)
            .with_plugins(self.plugins.clone().unwrap_or_default())
            .with_allowed_hosts(Arc::clone(&self.local_resources.allowed_hosts))
            .with_sockets(Arc::clone(&self.sockets))
            .with_limits(Limits {
                memory: MemoryLimit::from_mib(self.local_resources.memory_limit_mb),
                cpu: self.cpu.clone(),
                stopped: Arc::clone(&self.stopped),
            }))
    }

    fn wasi_ctx(&self, everybody: &[&Self]) -> anyhow::Result<WasiCtx> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.inherit_stdout().inherit_stderr();
        self.sockets
            .apply(&mut wasi, &self.local_resources.allowed_ip_name_lookups);
        for (name, value) in &self.local_resources.environment {
            wasi.env(name, value);
        }
        for (directory, mount) in self.all_mounts(everybody) {
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
