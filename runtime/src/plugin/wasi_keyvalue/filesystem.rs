//! [`FilesystemKeyValue`].

use std::sync::Arc;

use async_trait::async_trait;
use wash_capabilities::keyvalue::{Filesystem, KeyValue};

use super::{ID, bind, claims, world};
use crate::{
    engine::workload::WorkloadItem,
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// `wasi:keyvalue` in folders, one for each bucket, with a file for each key:
/// see [`Filesystem`]. All workloads share them.
#[derive(Clone, Debug)]
pub struct FilesystemKeyValue {
    store: Arc<dyn KeyValue>,
}

impl FilesystemKeyValue {
    /// Buckets below `root`, which is made when the first bucket is opened.
    #[must_use]
    pub fn new(root: impl Into<std::path::PathBuf>) -> Self {
        Self {
            store: Arc::new(Filesystem::new(root)),
        }
    }

    /// The buckets.
    #[must_use]
    pub fn store(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.store)
    }
}

#[async_trait]
impl HostPlugin for FilesystemKeyValue {
    fn id(&self) -> &'static str {
        ID
    }

    fn world(&self) -> WitWorld {
        world()
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        claims(interface)
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        bind(item, self.store())
    }
}
