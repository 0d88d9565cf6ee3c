//! The operator's choice of a store, and which containers a workload sees.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use wash_capabilities::PerWorkload;
use wash_capabilities::blobstore::{BlobStore, Filesystem, Memory};
use wash_plugin_abi::ConfigSchema;
use wash_plugin_abi::anyhow::{Result, bail};

/// Where containers are kept.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The kind of store: in-memory unless it is said.
    #[serde(default)]
    backend: Kind,
    /// Of the backend `filesystem`: the folder that the containers' folders are
    /// in.
    root: Option<PathBuf>,
    /// Of the backend `in-memory`: how many bytes an object may have; a million
    /// unless it is said.
    max_object_size: Option<u64>,
}

#[derive(Debug, Default, Deserialize, ConfigSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    InMemory,
    Filesystem,
}

/// As the compiled-in plugins have it: objects in memory are the host's memory.
const MAX_OBJECT_SIZE: u64 = 1_000_000;

/// The stores of all workloads.
#[derive(Debug)]
pub(crate) enum Stores {
    /// Each workload has its own, while it runs.
    Separate {
        stores: PerWorkload<Memory>,
        max_object_size: u64,
    },
    /// All workloads have the same.
    Shared(Arc<dyn BlobStore>),
}

impl Stores {
    pub(crate) fn new(config: Config) -> Result<Self> {
        match (config.backend, config.root, config.max_object_size) {
            (Kind::InMemory, None, limit) => Ok(Self::Separate {
                stores: PerWorkload::default(),
                max_object_size: limit.unwrap_or(MAX_OBJECT_SIZE),
            }),
            (Kind::Filesystem, Some(root), None) => {
                Ok(Self::Shared(Arc::new(Filesystem::new(root))))
            }
            (Kind::Filesystem, None, _) => {
                bail!("the backend `filesystem` needs `root`, the folder of the containers: set it")
            }
            (Kind::InMemory, Some(_), _) => {
                bail!("`root` is for the backend `filesystem`: set `backend`, or remove `root`")
            }
            (Kind::Filesystem, _, Some(_)) => {
                bail!("`max_object_size` is for the backend `in-memory`: remove it")
            }
        }
    }

    /// What a workload's calls go to.
    pub(crate) fn of(&self, workload_id: &str) -> Arc<dyn BlobStore> {
        match self {
            Self::Separate {
                stores,
                max_object_size,
            } => stores.of(workload_id, || Memory::new(*max_object_size)),
            Self::Shared(store) => Arc::clone(store),
        }
    }

    /// Forgets what belongs to a workload alone.
    pub(crate) fn forget(&self, workload_id: &str) {
        if let Self::Separate { stores, .. } = self {
            stores.forget(workload_id);
        }
    }
}
