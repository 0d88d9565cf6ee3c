//! Compiling workloads and giving their components what every component gets.
//!
//! [`Engine`] wraps a [`wasmtime::Engine`]. It turns a
//! [`types::Workload`](crate::types::Workload) into an
//! [`UnresolvedWorkload`](workload::UnresolvedWorkload): compiled, with WASI in
//! its linkers, and not yet bound to any plugin.
//!
//! ```
//! use wash_runtime::engine::Engine;
//!
//! let engine = Engine::builder()
//!     .with_pooling_allocator(false)
//!     .with_fuel_consumption(true)
//!     .build()?;
//! # anyhow::Ok(())
//! ```

mod builder;
mod cache;
mod deadlines;
mod epochs;
mod foreign;
mod inspect;
mod names;
mod pooling;
mod proposal;
pub(crate) mod reason;
mod sockets;
mod volumes;

mod init;

pub mod ctx;
pub mod workload;

use std::{fmt, sync::Arc};

use wasmtime::component::Linker;

pub use builder::EngineBuilder;
pub use inspect::{
    exports_messaging_handler, exports_wasi_http, imports_wasi_http, targets_wasip3,
    targets_wasip3_http, uses_wasi_http,
};
pub(crate) use names::interfaces;
pub use proposal::{ParseWasmProposalError, WasmProposal};

use cache::CompilationCache;
use ctx::SharedCtx;
pub(crate) use deadlines::Deadlines;
use epochs::Ticker;
pub(crate) use foreign::explain_instance;

/// Compiles components and creates their linkers. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    cache: Arc<CompilationCache>,
    linkers: Arc<BaseLinkers>,
    total_core_instances: Option<u32>,
    /// Absent if the engine was built without interruption.
    ticker: Option<Ticker>,
    deadlines: Deadlines,
}

/// The linkers that each item's own linker starts as a copy of.
struct BaseLinkers {
    wasi: Linker<SharedCtx>,
    wasi_and_http: Linker<SharedCtx>,
}

impl Engine {
    /// A builder with the default settings.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    /// The engine of wasmtime.
    ///
    /// Its guests can be interrupted, so wasmtime traps in a store of your own
    /// at once unless it is [prepared](Self::prepare_store). Stores of
    /// [`ResolvedWorkload::new_store`](workload::ResolvedWorkload::new_store)
    /// are.
    #[must_use]
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Has guests in a store of your own, made with [`inner`](Self::inner), give
    /// way to the executor every 10 milliseconds.
    ///
    /// From here on the store takes wasmtime's `*_async` calls only.
    pub fn prepare_store<T: 'static>(&self, store: &mut wasmtime::Store<T>) {
        if let Some(ticker) = &self.ticker {
            ticker.interrupt(store, |_, _| Ok(wasmtime::UpdateDeadline::Yield(1)));
        }
    }

    /// How many core instances can exist at once; `None` without the pooling
    /// allocator, which is the only one to have a limit.
    #[must_use]
    pub fn total_core_instances(&self) -> Option<u32> {
        self.total_core_instances
    }
}

impl BaseLinkers {
    fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        let mut wasi = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut wasi)?;
        wasmtime_wasi::p3::add_to_linker(&mut wasi)?;
        sockets::link(&mut wasi)?;
        let mut wasi_and_http = wasi.clone();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut wasi_and_http)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut wasi_and_http)?;
        Ok(Self {
            wasi,
            wasi_and_http,
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("cache", &self.cache)
            .field("total_core_instances", &self.total_core_instances)
            .finish_non_exhaustive()
    }
}
