//! A call of a WIT function, from wasmtime's closure to the plugin's entry.
#![allow(unsafe_code, reason = "the plugin's entry is a raw function")]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use wash_plugin_abi::abi::{Buffer, CallContextV1, CallFn, Slice, Status};
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::wasmtime;

use super::driver::{self, PluginFuture};
use super::instance::Instance;
use super::resources::{self, Owner, Taken};
use crate::flat::{Args, Give, PooledBuffer, Results};
use crate::observability::{CallMetrics, CallTimer, Outcome, Tally};
use crate::world::Function;

/// On whose behalf a function is called.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) workload_id: String,
    pub(super) component_id: String,
}

/// A function of a plugin, ready to be called for a component.
pub(super) struct Target {
    instance: Arc<Instance>,
    entry: CallFn,
    /// As `namespace:package/interface@version`.
    interface: String,
    function: String,
    metrics: Option<CallMetrics>,
    /// Whether it takes care of resources in its result.
    give: Option<Arc<dyn Give>>,
    /// On whose behalf it is called: borrows from the two below.
    context: CallContextV1,
    _workload_id: Box<str>,
    _component_id: Box<str>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("interface", &self.interface)
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

/// A call to a plugin did not end well. The component that made it traps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` {fault} in `{interface}#{function}`: {message}")]
pub struct CallError {
    /// The plugin's id.
    pub plugin: String,
    /// What happened.
    pub fault: CallFault,
    /// The interface, as `namespace:package/interface@version`.
    pub interface: String,
    /// The function in it.
    pub function: String,
    /// What the plugin said.
    pub message: String,
}

/// How a call to a plugin ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallFault {
    /// The plugin said that it failed.
    Failed,
    /// The plugin panicked.
    Panicked,
    /// The plugin could not read the arguments.
    BadArguments,
    /// The plugin answered what the ABI does not know.
    Unknown,
}

impl std::fmt::Display for CallFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::BadArguments => "could not read the arguments",
            Self::Unknown => "broke the ABI",
        })
    }
}

impl Target {
    /// A function of the plugin, for one item of a workload.
    pub(super) fn new(
        instance: &Arc<Instance>,
        entry: CallFn,
        interface: &str,
        function: &Function,
        caller: &Caller,
        metrics: Option<&Arc<Tally>>,
    ) -> Self {
        // Their contents do not move with the struct.
        let workload_id: Box<str> = caller.workload_id.as_str().into();
        let component_id: Box<str> = caller.component_id.as_str().into();
        Self {
            instance: Arc::clone(instance),
            entry,
            interface: interface.to_owned(),
            function: function.name.clone(),
            metrics: metrics
                .map(|tally| CallMetrics::new(tally, instance.id(), interface, &function.name)),
            give: function
                .gives_resources
                .then(|| Arc::new(Owner(Arc::clone(instance))) as Arc<dyn Give>),
            context: CallContextV1 {
                size: size_of::<CallContextV1>(),
                workload_id: Slice::new(workload_id.as_bytes()),
                component_id: Slice::new(component_id.as_bytes()),
                workload: instance.workload(&workload_id),
            },
            _workload_id: workload_id,
            _component_id: component_id,
        }
    }

    /// Whether this plugin instance answers it.
    pub(super) fn is_of(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(&self.instance, instance)
    }

    /// Finds the resources among the arguments.
    pub(super) fn resolve<const N: usize>(
        &self,
        store: &mut SharedCtx,
        args: &mut Args<N>,
    ) -> wasmtime::Result<Taken> {
        if args.handles.is_empty() {
            return Ok(Taken::default());
        }
        resources::resolve(
            store,
            &self.instance,
            &mut args.buffer,
            &args.handles,
            self.context.workload,
        )
    }

    /// Calls a function that answers at once.
    pub(super) fn call<const M: usize>(
        &self,
        args: &Buffer,
        taken: Taken,
    ) -> Result<Results<M>, CallError> {
        let mut out = PooledBuffer::take();
        let timer = CallTimer::start(self.metrics.as_ref());
        // SAFETY: `entry` is of this plugin and synchronous, so it takes no
        // pending slot; all that it borrows lives until it returns.
        let status = unsafe {
            (self.entry)(
                self.instance.raw(),
                &self.context,
                Slice::new(args.as_slice()),
                out.out(),
                std::ptr::null_mut(),
            )
        };
        timer.end(Outcome::of(status));
        self.outcome(status, out, taken)
    }

    /// Calls a function that may answer later.
    pub(super) async fn call_async<const M: usize>(
        self: Arc<Self>,
        args: PooledBuffer,
        taken: Taken,
    ) -> Result<Results<M>, CallError> {
        let timer = CallTimer::start(self.metrics.as_ref());
        let _pending = self.instance.pending();
        let mut out = PooledBuffer::take();
        // Declared last, dropped first: it borrows from what stands above.
        let mut running: Option<PluginFuture> = None;
        let status = poll_fn(|cx| {
            let status = match &mut running {
                Some(future) => future.poll(cx, &mut out),
                None => {
                    // SAFETY: the entry is of this plugin; context and
                    // arguments are behind pointers that this future owns, and
                    // outlive the one that it may leave in `running`.
                    let (status, future) = unsafe {
                        driver::begin(cx, &mut out, |out, pending| {
                            (self.entry)(
                                self.instance.raw(),
                                &raw const self.context,
                                Slice::new(args.as_slice()),
                                out,
                                pending,
                            )
                        })
                    };
                    running = future;
                    status
                }
            };
            match status {
                Status::PENDING => Poll::Pending,
                ended => Poll::Ready(ended),
            }
        })
        .await;
        drop(running);
        timer.end(Outcome::of(status));
        self.outcome(status, out, taken)
    }

    fn outcome<const M: usize>(
        &self,
        status: Status,
        buffer: PooledBuffer,
        taken: Taken,
    ) -> Result<Results<M>, CallError> {
        if status == Status::OK {
            taken.by_plugin();
            return Ok(Results {
                buffer,
                give: self.give.clone(),
            });
        }
        Err(self.failed(status, &buffer))
    }

    #[cold]
    fn failed(&self, status: Status, out: &Buffer) -> CallError {
        let fault = match Outcome::of(status) {
            Outcome::Failed => CallFault::Failed,
            Outcome::Panicked => CallFault::Panicked,
            Outcome::BadArguments => CallFault::BadArguments,
            _ => CallFault::Unknown,
        };
        let message = String::from_utf8_lossy(out.as_slice()).into_owned();
        let error = CallError {
            plugin: self.instance.id().to_owned(),
            fault,
            interface: self.interface.clone(),
            function: self.function.clone(),
            message,
        };
        self.instance.record(fault == CallFault::Panicked, &error);
        tracing::error!(
            plugin = error.plugin,
            interface = error.interface,
            function = error.function,
            "a plugin {fault}: {}",
            error.message
        );
        error
    }
}
