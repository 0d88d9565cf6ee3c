//! [`RedisKeyValue`].

use wash_capabilities::keyvalue::Redis;

use super::SharedKeyValue;

/// `wasi:keyvalue` in a database of Redis, where key `k` of bucket `b` is `b:k`:
/// see [`Redis`]. All workloads share them.
pub type RedisKeyValue = SharedKeyValue<Redis>;

impl RedisKeyValue {
    /// Buckets in the database that the client is for.
    #[must_use]
    pub fn new(client: redis::Client) -> Self {
        Self::of(Redis::new(client))
    }

    /// Buckets in the database of this URL; see [`Redis::from_url`].
    ///
    /// # Errors
    ///
    /// If it is no URL of Redis.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        Ok(Self::of(Redis::from_url(url)?))
    }
}
