//! The data of a store: which component is running, and what it may use.
//!
//! Every store's data is a [`SharedCtx`]. The functions that a plugin links
//! get at it through [`extract_active_ctx`], which yields the [`ActiveCtx`] of
//! the component that is making the call:
//!
//! ```
//! use wash_runtime::{
//!     engine::ctx::{ActiveCtx, SharedCtx, extract_active_ctx},
//!     wasmtime::component::Linker,
//! };
//!
//! // As a bindgen!-generated `add_to_linker::<SharedCtx, SharedCtx>(linker,
//! // extract_active_ctx)` does; written by hand here:
//! fn link(linker: &mut Linker<SharedCtx>) -> wash_runtime::wasmtime::Result<()> {
//!     linker
//!         .instance("demo:greeter/greet@0.1.0")?
//!         .func_wrap("who-am-i", |mut store, (): ()| {
//!             let ctx: ActiveCtx<'_> = extract_active_ctx(store.data_mut());
//!             Ok((format!("{} of {}", ctx.component_id, ctx.workload_id),))
//!         })
//! }
//! ```

mod builder;
mod cpu;
mod limits;
mod links;
mod lookup;
mod outgoing;
mod shared;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

pub use builder::CtxBuilder;
pub(crate) use cpu::CpuShare;
pub(crate) use limits::MemoryLimit;
pub(crate) use links::{LinkedInstance, Links};
pub use shared::{ActiveCtx, SharedCtx, extract_active_ctx};

use super::sockets::SocketPolicy;
use crate::plugin::HostPlugin;
use outgoing::OutgoingHttp;

/// The plugins bound to one component or service, by id.
pub(crate) type BoundPlugins = HashMap<&'static str, Arc<dyn HostPlugin + Send + Sync>>;

/// What one component in a store may use.
///
/// Siblings among the plugins are looked up here: see
/// [`try_get_plugin`](Self::try_get_plugin).
pub struct Ctx {
    /// Unique for each context.
    pub id: Arc<str>,
    /// The same for all contexts in one store.
    pub store_id: Arc<str>,
    /// The component's, or service's, id.
    pub component_id: Arc<str>,
    /// The workload's id.
    pub workload_id: Arc<str>,
    /// The WASI state: environment, arguments, directories, streams.
    pub ctx: WasiCtx,
    /// The `wasi:http` state.
    pub http: WasiHttpCtx,
    outgoing: OutgoingHttp,
    plugins: Arc<Option<BoundPlugins>>,
    pub(crate) sockets: Arc<SocketPolicy>,
    pub(crate) limits: Limits,
}

/// The limits of one component in a store.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) memory: MemoryLimit,
    pub(crate) cpu: Option<Arc<CpuShare>>,
    /// Set when the workload has been stopped.
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Ctx {
    /// A builder; see [`CtxBuilder::new`].
    #[must_use]
    pub fn builder(workload_id: impl AsRef<str>, component_id: impl AsRef<str>) -> CtxBuilder {
        CtxBuilder::new(workload_id, component_id)
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("id", &self.id)
            .field("workload_id", &self.workload_id)
            .finish_non_exhaustive()
    }
}
