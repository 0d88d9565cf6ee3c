//! [`NatsKeyValue`].

use wash_capabilities::keyvalue::Nats;

use super::SharedKeyValue;

/// `wasi:keyvalue` in the key-value buckets of NATS JetStream: see [`Nats`]. All
/// workloads share them.
pub type NatsKeyValue = SharedKeyValue<Nats>;

impl NatsKeyValue {
    /// Buckets of the account that the client is connected to.
    #[must_use]
    pub fn new(client: &async_nats::Client) -> Self {
        Self::of(Nats::new(client))
    }

    /// Buckets of the server at this URL; see [`Nats::connect`].
    ///
    /// # Errors
    ///
    /// If it is no URL of NATS, or no server answers there.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        Ok(Self::of(Nats::connect(url).await?))
    }
}
