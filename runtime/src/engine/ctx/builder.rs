//! [`CtxBuilder`].

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpCtx;

use super::{BoundPlugins, Ctx, Limits, outgoing::OutgoingHttp};
use crate::{
    engine::sockets::SocketPolicy,
    host::http::{HostHandler, NullServer},
    plugin::HostPlugin,
    types::AllowedHost,
};

/// Builds a [`Ctx`].
pub struct CtxBuilder {
    workload_id: Arc<str>,
    component_id: Arc<str>,
    wasi: Option<WasiCtx>,
    http_handler: Option<Arc<dyn HostHandler>>,
    plugins: Arc<Option<BoundPlugins>>,
    allowed_hosts: Arc<[AllowedHost]>,
    store_id: Option<Arc<str>>,
    sockets: Arc<SocketPolicy>,
    limits: Limits,
}

impl CtxBuilder {
    /// Starts with no plugins, no HTTP, and a WASI context whose only argument
    /// is `main.wasm` and whose standard error is the host's.
    #[must_use]
    pub fn new(workload_id: impl AsRef<str>, component_id: impl AsRef<str>) -> Self {
        Self::of_item(
            Arc::from(workload_id.as_ref()),
            Arc::from(component_id.as_ref()),
        )
    }

    /// As [`new`](Self::new), without copying the ids.
    pub(crate) fn of_item(workload_id: Arc<str>, component_id: Arc<str>) -> Self {
        Self {
            workload_id,
            component_id,
            wasi: None,
            http_handler: None,
            plugins: Arc::default(),
            allowed_hosts: Arc::from([]),
            store_id: None,
            sockets: Arc::default(),
            limits: Limits::default(),
        }
    }

    /// Replaces the WASI context.
    #[must_use]
    pub fn with_wasi_ctx(mut self, wasi: WasiCtx) -> Self {
        self.wasi = Some(wasi);
        self
    }

    /// Sets who sends outgoing HTTP requests.
    #[must_use]
    pub fn with_http_handler(mut self, handler: Arc<dyn HostHandler>) -> Self {
        self.http_handler = Some(handler);
        self
    }

    /// Sets the plugins that [`Ctx::try_get_plugin`] finds.
    #[must_use]
    pub fn with_plugins(
        mut self,
        plugins: HashMap<&'static str, Arc<dyn HostPlugin + Send + Sync>>,
    ) -> Self {
        self.plugins = Arc::new(Some(plugins));
        self
    }

    /// As [`with_plugins`](Self::with_plugins), without copying them.
    pub(crate) fn with_shared_plugins(mut self, plugins: Arc<Option<BoundPlugins>>) -> Self {
        self.plugins = plugins;
        self
    }

    /// Sets the hosts that outgoing HTTP requests may go to; without, none.
    #[must_use]
    pub fn with_allowed_hosts(mut self, allowed_hosts: Arc<[AllowedHost]>) -> Self {
        self.allowed_hosts = allowed_hosts;
        self
    }

    /// Puts the context into the store of another one.
    pub(crate) fn with_store_id(mut self, store_id: Arc<str>) -> Self {
        self.store_id = Some(store_id);
        self
    }

    /// What the guest may use sockets for; without, nothing. The WASI context
    /// has to check it too.
    pub(crate) fn with_sockets(mut self, sockets: Arc<SocketPolicy>) -> Self {
        self.sockets = sockets;
        self
    }

    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The context.
    #[must_use]
    pub fn build(self) -> Ctx {
        let id = fresh_id();
        Ctx {
            store_id: self.store_id.unwrap_or_else(|| Arc::clone(&id)),
            id,
            outgoing: OutgoingHttp {
                handler: self
                    .http_handler
                    .unwrap_or_else(|| Arc::new(NullServer::default())),
                workload_id: Arc::clone(&self.workload_id),
                allowed_hosts: self.allowed_hosts,
            },
            component_id: self.component_id,
            workload_id: self.workload_id,
            ctx: self.wasi.unwrap_or_else(|| {
                WasiCtxBuilder::new()
                    .arg("main.wasm")
                    .inherit_stderr()
                    .build()
            }),
            http: WasiHttpCtx::new(),
            plugins: self.plugins,
            sockets: self.sockets,
            limits: self.limits,
        }
    }
}

/// A UUID that is no other context's of this process, and of no other process's
/// either. Only the first one asks the system for something random: there is
/// one for each HTTP request.
fn fresh_id() -> Arc<str> {
    static FIRST: LazyLock<u128> = LazyLock::new(|| Uuid::new_v4().as_u128());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // What is counted are the last bits, which say nothing of the version.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let id = Uuid::from_u128(*FIRST ^ u128::from(count & (u64::MAX >> 2)));
    let mut text = Uuid::encode_buffer();
    Arc::from(&*id.hyphenated().encode_lower(&mut text))
}

impl fmt::Debug for CtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtxBuilder")
            .field("workload_id", &self.workload_id)
            .field("component_id", &self.component_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::{Uuid, Variant, Version};

    use super::fresh_id;

    #[test]
    fn ids_are_random_uuids_and_differ() {
        let ids: HashSet<_> = (0..1000).map(|_| fresh_id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let id: Uuid = id.parse().unwrap();
            assert_eq!(id.get_version(), Some(Version::Random));
            assert_eq!(id.get_variant(), Variant::RFC4122);
        }
    }
}
