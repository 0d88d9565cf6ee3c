//! `wasi:keyvalue` for components: values under keys, in buckets.
//!
//! | plugin | where a bucket is | who shares it |
//! |---|---|---|
//! | [`InMemoryKeyValue`] | in the host's memory | the components of one workload |
//! | [`FilesystemKeyValue`] | a folder | all workloads, and other hosts that use the folder |
//! | `NatsKeyValue` (feature `wasi-keyvalue-nats`) | a bucket of JetStream | all workloads |
//! | `RedisKeyValue` (feature `wasi-keyvalue-redis`) | keys of a Redis database | all workloads |
//!
//! All four have the id `wasi-keyvalue`: a host registers one of them. A
//! component gets the interfaces `store`, `atomics` and `batch` of version
//! `0.2.0-draft`, whichever of them it declares. What may be in a bucket, and
//! how it is kept, is said at [`wash_capabilities::keyvalue`], which serves
//! plugin libraries alike. A call that fails gives the component the error
//! `other` with a text; the host logs it as a warning if the store is to blame.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use wash_runtime::{host::HostBuilder, plugin::wasi_keyvalue::InMemoryKeyValue};
//!
//! # fn main() -> anyhow::Result<()> {
//! let builder = HostBuilder::new().with_plugin(Arc::new(InMemoryKeyValue::new()))?;
//! # Ok(())
//! # }
//! ```
//!
//! # From another plugin
//!
//! A plugin that keeps its own values in the host's store looks it up among the
//! plugins that are bound to the component:
//!
//! ```
//! use wash_runtime::{
//!     engine::ctx::ActiveCtx,
//!     plugin::wasi_keyvalue::InMemoryKeyValue,
//!     wasmtime,
//! };
//!
//! async fn visit(ctx: &ActiveCtx<'_>) -> wasmtime::Result<u64> {
//!     let kv = ctx.try_get_plugin::<InMemoryKeyValue>("wasi-keyvalue")?;
//!     let bucket = kv.store(&ctx.workload_id).open("visits").await?;
//!     Ok(bucket.increment("count", 1).await?)
//! }
//! ```

mod bindings;
mod filesystem;
mod functions;
mod memory;
#[cfg(feature = "wasi-keyvalue-nats")]
mod nats;
#[cfg(feature = "wasi-keyvalue-redis")]
mod redis;
mod shared;

use std::sync::Arc;

pub use filesystem::FilesystemKeyValue;
pub use memory::InMemoryKeyValue;
#[cfg(feature = "wasi-keyvalue-nats")]
pub use nats::NatsKeyValue;
#[cfg(feature = "wasi-keyvalue-redis")]
pub use redis::RedisKeyValue;
pub use shared::SharedKeyValue;
pub use wash_capabilities::keyvalue::{Bucket, Error, KeyValue, Page};

use super::attached::{Attachment, attach, is_of, serves};
use crate::{
    engine::{
        ctx::{SharedCtx, extract_active_ctx},
        workload::WorkloadItem,
    },
    wit::{WitInterface, WitWorld},
};

const ID: &str = "wasi-keyvalue";

fn world() -> WitWorld {
    serves("wasi:keyvalue/store,atomics,batch@0.2.0-draft")
}

fn claims(interface: &WitInterface) -> bool {
    is_of(interface, "keyvalue")
}

/// Where one component's buckets are.
struct Served(Arc<dyn KeyValue>);

impl Attachment for Served {
    const ID: &'static str = "wasi-keyvalue: the component's store";
}

/// Serves all interfaces to a component, from this store.
fn bind(item: &mut WorkloadItem<'_>, store: Arc<dyn KeyValue>) -> anyhow::Result<()> {
    use bindings::wasi::keyvalue;
    let linker = item.linker();
    keyvalue::store::add_to_linker::<_, SharedCtx>(linker, extract_active_ctx)?;
    keyvalue::atomics::add_to_linker::<_, SharedCtx>(linker, extract_active_ctx)?;
    keyvalue::batch::add_to_linker::<_, SharedCtx>(linker, extract_active_ctx)?;
    attach(item, Arc::new(Served(store)));
    Ok(())
}
