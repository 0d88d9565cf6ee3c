//! A call of a WIT function, from wasmtime's closure to the plugin's entry.
#![allow(unsafe_code, reason = "the plugin's entry is a raw function")]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use wash_plugin_abi::abi::{Buffer, CallContextV1, CallFn, Slice, Status};
use wash_runtime::engine::ctx::Ctx;

use super::driver::{self, PluginFuture};
use super::instance::Instance;
use crate::flat::PooledBuffer;

/// A function of a plugin, ready to be called for a component.
#[derive(Debug)]
pub(super) struct Target {
    instance: Arc<Instance>,
    entry: CallFn,
    /// As `namespace:package/interface@version`.
    interface: String,
    function: String,
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
    pub(super) fn new(
        instance: Arc<Instance>,
        entry: CallFn,
        interface: &str,
        function: &str,
    ) -> Self {
        Self {
            instance,
            entry,
            interface: interface.to_owned(),
            function: function.to_owned(),
        }
    }

    /// Calls a function that answers at once.
    pub(super) fn call(&self, ctx: &Ctx, args: &Buffer) -> Result<PooledBuffer, CallError> {
        let mut out = PooledBuffer::take();
        let context = context(&ctx.workload_id, &ctx.component_id);
        // SAFETY: `entry` is of this plugin and synchronous, so it takes no
        // pending slot; all that it borrows lives until it returns.
        let status = unsafe {
            (self.entry)(
                self.instance.raw(),
                &context,
                Slice::new(args.as_slice()),
                out.out(),
                std::ptr::null_mut(),
            )
        };
        self.outcome(status, out)
    }

    /// Calls a function that may answer later.
    pub(super) async fn call_async(
        &self,
        workload_id: Arc<str>,
        component_id: Arc<str>,
        args: PooledBuffer,
    ) -> Result<PooledBuffer, CallError> {
        let context = context(&workload_id, &component_id);
        let mut out = PooledBuffer::take();
        // Declared last, dropped first: it borrows from what stands above.
        let mut running: Option<PluginFuture> = None;
        let status = poll_fn(|cx| {
            let status = match &mut running {
                Some(future) => future.poll(cx, &mut out),
                None => {
                    // SAFETY: the entry is of this plugin; the context and
                    // arguments do not move (they are in a pinned future, and
                    // behind a pointer) and outlive the future that it may
                    // leave in `running`.
                    let (status, future) = unsafe {
                        driver::begin(cx, &mut out, |out, pending| {
                            (self.entry)(
                                self.instance.raw(),
                                &raw const context,
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
        self.outcome(status, out)
    }

    fn outcome(&self, status: Status, out: PooledBuffer) -> Result<PooledBuffer, CallError> {
        if status == Status::OK {
            return Ok(out);
        }
        let fault = match status {
            Status::FAILED => CallFault::Failed,
            Status::PANICKED => CallFault::Panicked,
            Status::BAD_ARGUMENTS => CallFault::BadArguments,
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
            workload = tracing::field::Empty,
            interface = error.interface,
            function = error.function,
            "a plugin {fault}: {}",
            error.message
        );
        Err(error)
    }
}

fn context(workload_id: &str, component_id: &str) -> CallContextV1 {
    CallContextV1 {
        size: size_of::<CallContextV1>(),
        workload_id: Slice::new(workload_id.as_bytes()),
        component_id: Slice::new(component_id.as_bytes()),
    }
}
