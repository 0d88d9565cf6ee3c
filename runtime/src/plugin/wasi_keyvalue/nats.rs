//! [`NatsKeyValue`].

use std::sync::Arc;

use async_trait::async_trait;
use wash_capabilities::keyvalue::{KeyValue, Nats};

use super::{ID, bind, claims, world};
use crate::{
    engine::workload::WorkloadItem,
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

/// `wasi:keyvalue` in the key-value buckets of NATS JetStream: see [`Nats`]. All
/// workloads share them.
#[derive(Clone, Debug)]
pub struct NatsKeyValue {
    store: Arc<dyn KeyValue>,
}

impl NatsKeyValue {
    /// Buckets of the account that the client is connected to.
    #[must_use]
    pub fn new(client: &async_nats::Client) -> Self {
        Self {
            store: Arc::new(Nats::new(client)),
        }
    }

    /// Buckets of the server at this URL; see [`Nats::connect`].
    ///
    /// # Errors
    ///
    /// If it is no URL of NATS, or no server answers there.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            store: Arc::new(Nats::connect(url).await?),
        })
    }

    /// The buckets.
    #[must_use]
    pub fn store(&self) -> Arc<dyn KeyValue> {
        Arc::clone(&self.store)
    }
}

#[async_trait]
impl HostPlugin for NatsKeyValue {
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
