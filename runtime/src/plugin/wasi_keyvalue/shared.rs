//! [`SharedKeyValue`].

use std::sync::Arc;

use async_trait::async_trait;
use wash_capabilities::keyvalue::KeyValue;

use super::{ID, bind, claims, world};
use crate::{
    engine::workload::WorkloadItem,
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// `wasi:keyvalue` in a store that all workloads share, and that outlives them.
///
/// It is used by the names of its stores, as
/// [`FilesystemKeyValue`](super::FilesystemKeyValue).
#[derive(Debug)]
pub struct SharedKeyValue<S> {
    store: Arc<S>,
}

impl<S: KeyValue> SharedKeyValue<S> {
    pub(super) fn of(store: S) -> Self {
        Self {
            store: Arc::new(store),
        }
    }

    /// The buckets.
    #[must_use]
    pub fn store(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.store) as _
    }
}

impl<S> Clone for SharedKeyValue<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
        }
    }
}

#[async_trait]
impl<S: KeyValue> HostPlugin for SharedKeyValue<S> {
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
