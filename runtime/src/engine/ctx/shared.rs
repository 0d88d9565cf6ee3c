//! [`SharedCtx`], the data of a store, and [`ActiveCtx`], a view of it.

use std::{
    collections::HashMap,
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use wasmtime::{
    UpdateDeadline, bail,
    component::{HasData, ResourceTable},
    format_err,
};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::{Ctx, Links};
use crate::engine::{epochs::Ticking, sockets::StorePorts};

/// A guest that is interrupted so soon after a tick was computing when it came.
const WAS_COMPUTING: Duration = Duration::from_millis(1);

/// The data of a store.
///
/// The component that is running has its context in
/// [`active_ctx`](Self::active_ctx), where it is read without a lookup.
pub struct SharedCtx {
    /// The context of the component that is running.
    pub active_ctx: Ctx,
    /// The resources of all components in the store.
    pub table: ResourceTable,
    /// The contexts of the other components in the store, by component id.
    pub contexts: HashMap<Arc<str>, Ctx>,
    pub(crate) links: Links,
    pub(crate) ports: StorePorts,
}

impl SharedCtx {
    /// The data of a store with a single component.
    #[must_use]
    pub fn new(ctx: Ctx) -> Self {
        Self {
            active_ctx: ctx,
            table: ResourceTable::new(),
            contexts: HashMap::new(),
            links: Links::default(),
            ports: StorePorts::default(),
        }
    }

    /// Makes another component's context the active one. Nothing happens if it
    /// is active already.
    ///
    /// # Errors
    ///
    /// `Context for component {id} not found`.
    pub fn set_active_ctx(&mut self, component_id: &Arc<str>) -> wasmtime::Result<()> {
        if self.active_ctx.component_id == *component_id {
            return Ok(());
        }
        let next = self
            .contexts
            .remove(component_id)
            .ok_or_else(|| format_err!("Context for component {component_id} not found"))?;
        let previous = mem::replace(&mut self.active_ctx, next);
        self.contexts
            .insert(Arc::clone(&previous.component_id), previous);
        Ok(())
    }
}

impl SharedCtx {
    /// The limit that the running component has hit, if it has; to be told
    /// with the trap that most guests answer it with.
    #[must_use]
    pub fn reached_limit(&self) -> Option<String> {
        let mib = self.active_ctx.limits.memory.refused()?;
        Some(format!(
            "it wanted more memory than its memory_limit_mb of {mib} (MiB for each instance): if \
             it needs that much, raise `memoryLimitMb` in the workload file, or else the host's \
             default (--memory-limit)"
        ))
    }

    /// What a guest does that has computed until a tick: it gives way, for
    /// longer if it has used up its share, and for ever if its workload was
    /// stopped.
    pub(crate) fn on_tick(&self, ticking: &Ticking) -> wasmtime::Result<UpdateDeadline> {
        let limits = &self.active_ctx.limits;
        if limits.stopped.load(Ordering::Relaxed) {
            bail!("workload '{}' was stopped", self.active_ctx.workload_id);
        }
        let pause = limits
            .cpu
            .as_ref()
            .filter(|_| ticking.since_tick() < WAS_COMPUTING)
            .and_then(|share| share.charge(Instant::now()));
        Ok(match pause {
            Some(pause) => UpdateDeadline::YieldCustom(1, Box::pin(tokio::time::sleep(pause))),
            None => UpdateDeadline::Yield(1),
        })
    }
}

impl fmt::Debug for SharedCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCtx")
            .field("active_ctx", &self.active_ctx)
            .field("contexts", &self.contexts)
            .finish_non_exhaustive()
    }
}

/// The running component's context together with the store's resources.
///
/// Plugins implement their generated `Host` traits for it.
#[derive(Debug)]
pub struct ActiveCtx<'a> {
    /// The resources of all components in the store.
    pub table: &'a mut ResourceTable,
    /// The context of the component that is running.
    pub ctx: &'a mut Ctx,
}

/// The getter to pass to a generated `add_to_linker`.
pub fn extract_active_ctx(ctx: &mut SharedCtx) -> ActiveCtx<'_> {
    ActiveCtx {
        table: &mut ctx.table,
        ctx: &mut ctx.active_ctx,
    }
}

impl Deref for ActiveCtx<'_> {
    type Target = Ctx;

    fn deref(&self) -> &Ctx {
        self.ctx
    }
}

impl DerefMut for ActiveCtx<'_> {
    fn deref_mut(&mut self) -> &mut Ctx {
        self.ctx
    }
}

impl HasData for SharedCtx {
    type Data<'a> = ActiveCtx<'a>;
}

impl WasiView for SharedCtx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.active_ctx.ctx,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for SharedCtx {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.active_ctx.outgoing,
            table: &mut self.table,
            ctx: &mut self.active_ctx.http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_context_can_be_switched_and_switched_back() {
        let mut shared = SharedCtx::new(Ctx::builder("w", "a").build());
        shared
            .contexts
            .insert(Arc::from("b"), Ctx::builder("w", "b").build());

        shared.set_active_ctx(&Arc::from("b")).unwrap();
        assert_eq!(&*extract_active_ctx(&mut shared).component_id, "b");
        shared.set_active_ctx(&Arc::from("b")).unwrap();
        shared.set_active_ctx(&Arc::from("a")).unwrap();
        assert_eq!(&*extract_active_ctx(&mut shared).component_id, "a");

        let error = shared.set_active_ctx(&Arc::from("c")).unwrap_err();
        assert_eq!(error.to_string(), "Context for component c not found");
        assert_eq!(&*shared.active_ctx.component_id, "a");
    }
}
