//! The functions that components call.

use std::{iter, sync::Arc};

use wash_capabilities::keyvalue::{Bucket, Error};
use wasmtime::component::Resource;

use super::{
    Served,
    bindings::wasi::keyvalue::{atomics, batch, store},
};
use crate::{
    engine::ctx::{ActiveCtx, Ctx},
    plugin::attached::attached,
};

/// What is behind a component's handle of a bucket.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct OpenBucket(Arc<dyn Bucket>);

/// Outer errors trap the component; it gets to see the inner ones.
type Answer<T> = wasmtime::Result<Result<T, store::Error>>;

impl store::Host for ActiveCtx<'_> {
    async fn open(&mut self, identifier: String) -> Answer<Resource<OpenBucket>> {
        let served = attached::<Served>(self)?;
        match served.0.open(&identifier).await {
            Ok(bucket) => Ok(Ok(self.table.push(OpenBucket(bucket))?)),
            Err(error) => answer(self, Err(error)),
        }
    }
}

impl store::HostBucket for ActiveCtx<'_> {
    async fn get(&mut self, bucket: Resource<OpenBucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let result = self.bucket(&bucket)?.get(&key).await;
        answer(self, result)
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let result = self.bucket(&bucket)?.set(&key, value).await;
        answer(self, result)
    }

    async fn delete(&mut self, bucket: Resource<OpenBucket>, key: String) -> Answer<()> {
        let result = self.bucket(&bucket)?.delete(&key).await;
        answer(self, result)
    }

    async fn exists(&mut self, bucket: Resource<OpenBucket>, key: String) -> Answer<bool> {
        let result = self.bucket(&bucket)?.exists(&key).await;
        answer(self, result)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<OpenBucket>,
        cursor: Option<u64>,
    ) -> Answer<store::KeyResponse> {
        let result = self.bucket(&bucket)?.list_keys(cursor).await;
        let result = result.map(|page| store::KeyResponse {
            keys: page.keys,
            cursor: page.cursor,
        });
        answer(self, result)
    }

    async fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for ActiveCtx<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        delta: u64,
    ) -> Answer<u64> {
        let result = self.bucket(&bucket)?.increment(&key, delta).await;
        answer(self, result)
    }
}

impl batch::Host for ActiveCtx<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let result = self.bucket(&bucket)?.get_many(&keys).await;
        let result = result.map(|values| {
            iter::zip(keys, values)
                .map(|(key, value)| Some((key, value?)))
                .collect()
        });
        answer(self, result)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenBucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let result = self.bucket(&bucket)?.set_many(key_values).await;
        answer(self, result)
    }

    async fn delete_many(&mut self, bucket: Resource<OpenBucket>, keys: Vec<String>) -> Answer<()> {
        let result = self.bucket(&bucket)?.delete_many(&keys).await;
        answer(self, result)
    }
}

impl ActiveCtx<'_> {
    fn bucket(&self, bucket: &Resource<OpenBucket>) -> wasmtime::Result<Arc<dyn Bucket>> {
        Ok(Arc::clone(&self.table.get(bucket)?.0))
    }
}

fn answer<T>(ctx: &Ctx, result: Result<T, Error>) -> Answer<T> {
    Ok(result.map_err(|error| {
        // The component may keep it to itself, and cannot mend it.
        if matches!(error, Error::Store { .. }) {
            tracing::warn!(
                workload_id = %ctx.workload_id,
                component_id = %ctx.component_id,
                "wasi-keyvalue: {error}",
            );
        }
        store::Error::Other(error.to_string())
    }))
}
