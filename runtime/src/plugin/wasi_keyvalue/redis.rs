//! [`RedisKeyValue`].

use std::sync::Arc;

use async_trait::async_trait;
use wash_capabilities::keyvalue::{KeyValue, Redis};

use super::{ID, bind, claims, world};
use crate::{
    engine::workload::WorkloadItem,
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// `wasi:keyvalue` in a database of Redis, where key `k` of bucket `b` is `b:k`:
/// see [`Redis`]. All workloads share them.
#[derive(Clone, Debug)]
pub struct RedisKeyValue {
    store: Arc<dyn KeyValue>,
}

impl RedisKeyValue {
    /// Buckets in the database that the client is for.
    #[must_use]
    pub fn new(client: redis::Client) -> Self {
        Self {
            store: Arc::new(Redis::new(client)),
        }
    }

    /// Buckets in the database of this URL; see [`Redis::from_url`].
    ///
    /// # Errors
    ///
    /// If it is no URL of Redis.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            store: Arc::new(Redis::from_url(url)?),
        })
    }

    /// The buckets.
    #[must_use]
    pub fn store(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.store)
    }
}

#[async_trait]
impl HostPlugin for RedisKeyValue {
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
