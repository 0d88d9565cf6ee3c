//! `wasi:keyvalue` as a plugin library: the same stores that the host's own
//! `wasi-keyvalue` plugins have, chosen by configuration.
//!
//! ```toml
//! # plugins.toml
//! [plugins.wasi-keyvalue]
//! backend = "redis" # or in-memory, filesystem, nats
//! url = "redis://127.0.0.1:6379"
//! ```
//!
//! In memory, each workload has buckets of its own, gone when it stops. The
//! other stores are shared by all workloads, and by other hosts that use them.

mod config;
mod stores;

use std::iter;
use std::sync::Arc;

use wash_capabilities::keyvalue as backend;
use wash_plugin_abi::{Call, Plugin, Workload, tracing};

use config::Config;
use exports::wasi::keyvalue::store::{
    Bucket, BucketBorrow, Error, Guest, GuestBucket, KeyResponse,
};
use exports::wasi::keyvalue::{atomics, batch};
use stores::Stores;

wash_plugin_abi::bindgen!({ async: true });

type Result<T, E = Error> = std::result::Result<T, E>;

/// The plugin.
struct WasiKeyValue {
    stores: Stores,
}

/// What is behind a component's handle of a bucket.
struct OpenBucket(Arc<dyn backend::Bucket>);

impl Plugin for WasiKeyValue {
    type Config = Config;

    fn new(config: Config) -> wash_plugin_abi::Result<Self> {
        let stores = Stores::new(config.backend()?)?;
        Ok(Self { stores })
    }

    async fn start(&self) -> wash_plugin_abi::Result<()> {
        self.stores.start().await
    }

    async fn workload_bound(
        &self,
        workload: &Workload,
        _: &[wash_plugin_abi::Interface],
    ) -> wash_plugin_abi::Result<()> {
        // Whatever an earlier workload of this id left.
        self.stores.forget(&workload.id);
        Ok(())
    }

    async fn workload_unbound(&self, workload_id: &str) -> wash_plugin_abi::Result<()> {
        self.stores.forget(workload_id);
        Ok(())
    }
}

impl Guest for WasiKeyValue {
    type Bucket = OpenBucket;

    async fn open(&self, call: &Call<'_>, identifier: &str) -> Result<Bucket> {
        let store = self
            .stores
            .of(call.workload_id())
            .ok_or_else(|| Error::Other("the plugin has not started".into()))?;
        let bucket = answer(call, store.open(identifier).await)?;
        Ok(Bucket::new(OpenBucket(bucket)))
    }
}

impl GuestBucket<WasiKeyValue> for OpenBucket {
    async fn get(&self, _: &WasiKeyValue, call: &Call<'_>, key: &str) -> Result<Option<Vec<u8>>> {
        answer(call, self.0.get(key).await)
    }

    async fn set(&self, _: &WasiKeyValue, call: &Call<'_>, key: &str, value: &[u8]) -> Result<()> {
        answer(call, self.0.set(key, value.to_vec()).await)
    }

    async fn delete(&self, _: &WasiKeyValue, call: &Call<'_>, key: &str) -> Result<()> {
        answer(call, self.0.delete(key).await)
    }

    async fn exists(&self, _: &WasiKeyValue, call: &Call<'_>, key: &str) -> Result<bool> {
        answer(call, self.0.exists(key).await)
    }

    async fn list_keys(
        &self,
        _: &WasiKeyValue,
        call: &Call<'_>,
        cursor: Option<u64>,
    ) -> Result<KeyResponse> {
        let page = answer(call, self.0.list_keys(cursor).await)?;
        Ok(KeyResponse {
            keys: page.keys,
            cursor: page.cursor,
        })
    }
}

impl atomics::Guest for WasiKeyValue {
    async fn increment(
        &self,
        call: &Call<'_>,
        bucket: BucketBorrow<'_>,
        key: &str,
        delta: u64,
    ) -> Result<u64> {
        answer(call, opened(&bucket)?.increment(key, delta).await)
    }
}

impl batch::Guest for WasiKeyValue {
    async fn get_many(
        &self,
        call: &Call<'_>,
        bucket: BucketBorrow<'_>,
        keys: Vec<&str>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>> {
        let keys = owned(keys);
        let values = answer(call, opened(&bucket)?.get_many(&keys).await)?;
        let pairs = iter::zip(keys, values).map(|(key, value)| Some((key, value?)));
        Ok(pairs.collect())
    }

    async fn set_many(
        &self,
        call: &Call<'_>,
        bucket: BucketBorrow<'_>,
        key_values: Vec<(&str, &[u8])>,
    ) -> Result<()> {
        let entries = key_values
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_vec()))
            .collect();
        answer(call, opened(&bucket)?.set_many(entries).await)
    }

    async fn delete_many(
        &self,
        call: &Call<'_>,
        bucket: BucketBorrow<'_>,
        keys: Vec<&str>,
    ) -> Result<()> {
        answer(call, opened(&bucket)?.delete_many(&owned(keys)).await)
    }
}

fn opened(bucket: &BucketBorrow<'_>) -> Result<Arc<dyn backend::Bucket>> {
    let bucket = bucket.get::<OpenBucket>();
    bucket
        .map(|bucket| Arc::clone(&bucket.0))
        .ok_or(Error::NoSuchStore)
}

fn owned(keys: Vec<&str>) -> Vec<String> {
    keys.into_iter().map(str::to_owned).collect()
}

/// An error as the component sees it. It cannot mend a store that is away, so
/// the host's log has that, too.
fn answer<T>(call: &Call<'_>, result: Result<T, backend::Error>) -> Result<T> {
    result.map_err(|error| {
        if matches!(error, backend::Error::Store { .. }) {
            tracing::warn!(
                workload_id = call.workload_id(),
                component_id = call.component_id(),
                "{error}",
            );
        }
        Error::Other(error.to_string())
    })
}

wash_plugin_abi::export!(WasiKeyValue);
