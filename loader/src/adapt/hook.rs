//! The steps of a plugin's life, each on a thread of its own and within a
//! deadline.
#![allow(unsafe_code, reason = "a hook is a raw function of the plugin")]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use wash_plugin_abi::abi::{Buffer, LifecycleFn, Slice, Status};

use super::driver::{self, PluginFuture};
use super::instance::Instance;
use crate::inside::{self, Place};
use crate::library::Tables;

/// A step of a plugin's life did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// The plugin said that it failed.
    #[error("plugin `{plugin}` failed in {step}: {message}")]
    Failed {
        /// The plugin's id.
        plugin: &'static str,
        /// The step.
        step: &'static str,
        /// What the plugin said.
        message: String,
    },
    /// The plugin panicked.
    #[error("plugin `{plugin}` panicked in {step}: {message}")]
    Panicked {
        /// The plugin's id.
        plugin: &'static str,
        /// The step.
        step: &'static str,
        /// Message and place.
        message: String,
    },
    /// The plugin took too long.
    #[error("plugin `{plugin}` did not finish {step} within {seconds} seconds")]
    TimedOut {
        /// The plugin's id.
        plugin: &'static str,
        /// The step.
        step: &'static str,
        /// How long it was given.
        seconds: u64,
    },
}

/// The step that makes a plugin from its configuration.
pub(super) const CREATE: &str = "create";

impl LifecycleError {
    /// Returns whether the plugin refused its configuration: it is made from
    /// nothing else, so that is why one says that it cannot be made.
    #[must_use]
    pub fn is_about_configuration(&self) -> bool {
        matches!(self, Self::Failed { step, .. } if *step == CREATE)
    }
}

/// A step in a plugin's life.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hook {
    Start,
    Stop,
    WorkloadBound,
    ItemBound,
    WorkloadResolved,
    WorkloadUnbound,
    /// Answered with the state behind a byte, or nothing.
    ExportState,
    ImportState,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::WorkloadBound => "workload_bound",
            Self::ItemBound => "item_bound",
            Self::WorkloadResolved => "workload_resolved",
            Self::WorkloadUnbound => "workload_unbound",
            Self::ExportState => "export_state",
            Self::ImportState => "import_state",
        }
    }

    /// `None` if the plugin has no such step.
    fn entry(self, tables: &Tables) -> Option<LifecycleFn> {
        let vtable = tables.plugin;
        Some(match self {
            Self::Start => vtable.start,
            Self::Stop => vtable.stop,
            Self::WorkloadBound => vtable.workload_bound,
            Self::ItemBound => vtable.item_bound,
            Self::WorkloadResolved => vtable.workload_resolved,
            Self::WorkloadUnbound => vtable.workload_unbound,
            Self::ExportState => tables.state?.export,
            Self::ImportState => tables.state?.import,
        })
    }
}

/// Runs a hook of the plugin, with its event (JSON), and returns what it
/// answers. A hook that the plugin lacks answers nothing.
pub(super) async fn run(
    instance: Arc<Instance>,
    hook: Hook,
    event: Vec<u8>,
    deadline: Duration,
) -> Result<Vec<u8>, LifecycleError> {
    let (id, name) = (instance.id(), hook.name());
    let runtime = Handle::current();
    let work = move |given_up: oneshot::Receiver<()>| {
        runtime.block_on(async {
            tokio::select! {
                ended = instance.drive(hook, &event) => ended,
                // Nobody listens any more: the plugin's future is cancelled.
                _ = given_up => Ok(Vec::new()),
            }
        })
    };
    on_own_thread(id, name, deadline, work).await
}

/// Runs `work` where it may block, and stops waiting at the deadline or when
/// the host gives up; `work` is told by its argument. The thread is none of the
/// runtime's: a runtime that shuts down waits for its own, and a plugin that
/// never returns would keep the host from ending.
pub(super) async fn on_own_thread<R: Send + 'static>(
    plugin: &'static str,
    step: &'static str,
    deadline: Duration,
    work: impl FnOnce(oneshot::Receiver<()>) -> Result<R, LifecycleError> + Send + 'static,
) -> Result<R, LifecycleError> {
    let failed = |message| LifecycleError::Failed {
        plugin,
        step,
        message,
    };
    // Dropped with this future, however that ends.
    let (_waiting, given_up) = oneshot::channel();
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("{plugin} {step}"))
        .spawn(move || {
            // There may be nobody any more who wants to know.
            let _ = done.send(work(given_up));
        })
        .map_err(|error| failed(format!("there is no thread for it: {error}")))?;
    match tokio::time::timeout(deadline, ended).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => Err(failed(String::from("the thread that ran it panicked"))),
        Err(_) => Err(LifecycleError::TimedOut {
            plugin,
            step,
            seconds: deadline.as_secs(),
        }),
    }
}

impl Instance {
    async fn drive(&self, hook: Hook, event: &[u8]) -> Result<Vec<u8>, LifecycleError> {
        let Some(entry) = hook.entry(self.tables()) else {
            return Ok(Vec::new());
        };
        let place = Place::new(self.id(), format_args!("its hook `{}`", hook.name()));
        let mut out = Buffer::new();
        let mut running: Option<PluginFuture> = None;
        let status = poll_fn(|cx| {
            let status = match &mut running {
                Some(future) => inside::run(&place, || future.poll(cx, &mut out)),
                None => {
                    // SAFETY: the entry is this plugin's, which outlives the
                    // future in `running`; the event is only read by the call.
                    let (status, future) = inside::run(&place, || unsafe {
                        driver::begin(cx, &mut out, |out, pending| {
                            entry(self.raw(), Slice::new(event), out, pending)
                        })
                    });
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
        inside::run(&place, || drop(running));
        if status == Status::OK {
            return Ok(out.as_slice().to_vec());
        }
        let error = failure(self.id(), hook.name(), status, &out);
        self.record(status == Status::PANICKED, &error);
        Err(error)
    }
}

/// A step that ended with `status`, and what the plugin wrote.
pub(super) fn failure(
    plugin: &'static str,
    step: &'static str,
    status: Status,
    out: &Buffer,
) -> LifecycleError {
    let message = String::from_utf8_lossy(out.as_slice()).into_owned();
    if status == Status::PANICKED {
        LifecycleError::Panicked {
            plugin,
            step,
            message,
        }
    } else {
        LifecycleError::Failed {
            plugin,
            step,
            message,
        }
    }
}
