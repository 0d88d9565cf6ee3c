//! Which buckets a workload sees.

use std::sync::{Arc, PoisonError, RwLock};

use wash_capabilities::PerWorkload;
use wash_capabilities::keyvalue::{Filesystem, KeyValue, Memory, Nats, Redis};
use wash_plugin_abi::anyhow::{Context, Result};

use crate::config::Backend;

/// The stores of all workloads.
#[derive(Debug)]
pub(crate) enum Stores {
    /// Each workload has its own, while it runs.
    Separate(PerWorkload<Memory>),
    /// All workloads have the same.
    Shared(Arc<dyn KeyValue>),
    /// The same, once the plugin has started.
    Nats {
        url: String,
        store: RwLock<Option<Arc<dyn KeyValue>>>,
    },
}

impl Stores {
    pub(crate) fn new(backend: Backend) -> Result<Self> {
        Ok(match backend {
            Backend::InMemory => Self::Separate(PerWorkload::default()),
            Backend::Filesystem(root) => Self::Shared(Arc::new(Filesystem::new(root))),
            Backend::Redis(url) => Self::Shared(Arc::new(Redis::from_url(&url)?)),
            Backend::Nats(url) => Self::Nats {
                url,
                store: RwLock::default(),
            },
        })
    }

    /// Connects, where that has to be done before the first call.
    pub(crate) async fn start(&self) -> Result<()> {
        if let Self::Nats { url, store } = self {
            // Not quoted: there may be a password in it.
            let connected: Arc<dyn KeyValue> = Arc::new(
                Nats::connect(url)
                    .await
                    .context("NATS cannot be reached: start the server, or correct `url`")?,
            );
            *store.write().unwrap_or_else(PoisonError::into_inner) = Some(connected);
        }
        Ok(())
    }

    /// What a workload's calls go to; `None` before the plugin has started.
    pub(crate) fn of(&self, workload_id: &str) -> Option<Arc<dyn KeyValue>> {
        match self {
            Self::Separate(stores) => Some(stores.of(workload_id, Memory::new)),
            Self::Shared(store) => Some(Arc::clone(store)),
            Self::Nats { store, .. } => {
                store.read().unwrap_or_else(PoisonError::into_inner).clone()
            }
        }
    }

    /// Forgets what belongs to a workload alone.
    pub(crate) fn forget(&self, workload_id: &str) {
        if let Self::Separate(stores) = self {
            stores.forget(workload_id);
        }
    }
}
