//! Runs a plugin in a unit test, without a host.
//!
//! [`start`] makes the plugin as a host does: from its configuration, and with its hook
//! [`Plugin::start`]. What it returns stands for the plugin, so the functions that the
//! plugin serves are called on it, and hooks, too:
//!
//! ```
//! # wash_plugin_abi::bindgen!({ inline: "
//! #     package demo:guest@0.1.0;
//! #     interface run { run: func(message: string) -> string; }
//! #     world shouter { export run; }
//! # " });
//! # use exports::demo::guest::run::Guest;
//! # use wash_plugin_abi::{Call, Plugin, Result};
//! # struct Shouter;
//! # impl Plugin for Shouter {
//! #     type Config = ();
//! #     fn new((): ()) -> Result<Self> { Ok(Shouter) }
//! # }
//! # impl Guest for Shouter {
//! #     fn run(&self, _: &Call<'_>, message: &str) -> String { message.to_uppercase() }
//! # }
//! use wash_plugin_abi::testing;
//!
//! # fn main() -> Result<()> {
//! let plugin = testing::start::<Shouter>(())?;
//! assert_eq!(plugin.run(&plugin.call(), "hi"), "HI");
//! # Ok(())
//! # }
//! ```
//!
//! * **Configuration:** anything that serde makes a JSON object of, such as
//!   `json!({"prefix": "a"})` with [`json!`](json), or `()` for none.
//! * **Who calls:** [`Started::call`], or [`Caller`] to say which workload and component.
//! * **Asynchronous functions and hooks:** [`Started::block_on`].
//! * **Workloads:** [`Started::bind`] and [`Started::unbind`] call the hooks in the host's
//!   order.
//! * **Resources:** make one with `Own::new(value)`, and lend it with [`lend`]. The value's
//!   own methods are called on the value.
//! * **Components that the plugin calls:** [`FakeComponent`] answers for one.
//! * **Logs:** events of `tracing` of the level INFO and above are printed to standard
//!   error, which the test runner shows of tests that fail.
//!
//! A test calls the author's methods directly: nothing is written to a call's buffer, and
//! a panic fails the test.

mod fake;

use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;

use anyhow::Context as _;
use serde::Serialize;
pub use serde_json::json;

pub use fake::FakeComponent;
pub(crate) use fake::answer;

use super::{Borrow, Call, ConfigSchema, Own, Plugin, ResourceType, Result, log, runtime};
use crate::abi::{CallContextV1, Slice};
use crate::event::{Interface, Item, Workload};

/// Makes a plugin from a configuration and starts it.
///
/// `config` becomes JSON: `()` stands for a configuration that the operator did not
/// write, `{}`.
///
/// # Errors
///
/// If the configuration does not fit the plugin's [`Plugin::Config`], or
/// [`Plugin::new`] or [`Plugin::start`] fails.
pub fn start<P: Plugin>(config: impl Serialize) -> Result<Started<P>> {
    log::print();
    let config = match serde_json::to_value(config).context("the configuration is not JSON")? {
        serde_json::Value::Null => json!({}),
        config if config.is_object() => config,
        other => anyhow::bail!("a plugin's configuration is a table of keys, and this is {other}"),
    };
    let config = P::Config::from_json(config.to_string().as_bytes())
        .context("the configuration does not fit")?;
    let started = Started {
        plugin: P::new(config)?,
        caller: Caller::new("workload", "component"),
    };
    started.block_on(started.plugin.start())?;
    Ok(started)
}

/// A plugin that was started for a test. It dereferences to the plugin.
///
/// A function of the plugin's that is called as a method of this type, such as `call`,
/// is called by its trait instead: `Guest::call(&*plugin, …)`.
#[derive(Debug)]
pub struct Started<P> {
    plugin: P,
    caller: Caller,
}

impl<P> Deref for Started<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.plugin
    }
}

impl<P: Plugin> Started<P> {
    /// Returns the first argument of a call by the component `component` of the workload
    /// `workload`.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        self.caller.call()
    }

    /// Runs a future to its end on this thread, with the plugin's tokio runtime entered, as
    /// a host does. It may not be called from a task of that runtime.
    ///
    /// # Panics
    ///
    /// If the machine refuses to start the runtime's thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }

    /// Binds a workload: calls the hook `workload_bound`, then `item_bound` for each item,
    /// then `workload_resolved` for each. `interfaces` is what the workload and each of its
    /// items want of the plugin.
    ///
    /// # Errors
    ///
    /// What the first hook that fails returns. A host would not start the workload.
    pub fn bind(
        &self,
        workload: &Workload,
        interfaces: &[Interface],
        items: &[&Item],
    ) -> Result<()> {
        block_on(async {
            self.plugin.workload_bound(workload, interfaces).await?;
            for item in items {
                self.plugin.item_bound(item, interfaces).await?;
            }
            for item in items {
                self.plugin.workload_resolved(item).await?;
            }
            Ok(())
        })
    }

    /// Unbinds a workload: calls the hook `workload_unbound`.
    ///
    /// # Errors
    ///
    /// What the hook returns. A host logs it.
    pub fn unbind(&self, workload: &Workload) -> Result<()> {
        block_on(self.plugin.workload_unbound(&workload.id))
    }

    /// Hands the plugin's state over to another plugin, as an update does: what the hook
    /// `export_state` of this one returns goes to `import_state` of the other. Returns
    /// whether there was a state.
    ///
    /// # Errors
    ///
    /// What the hook that fails returns. A host would keep the previous version.
    pub fn hand_over<Q: Plugin>(&self, to: &Started<Q>) -> Result<bool> {
        let Some(state) = block_on(self.plugin.export_state())? else {
            return Ok(false);
        };
        block_on(to.plugin.import_state(&state))?;
        Ok(true)
    }

    /// Stops the plugin: calls the hook `stop`, then drops it. A plugin that is only dropped
    /// is not stopped.
    ///
    /// # Errors
    ///
    /// What the hook returns. A host logs it.
    pub fn stop(self) -> Result<()> {
        block_on(self.plugin.stop())
    }
}

/// A component of a workload that calls the plugin.
#[derive(Debug)]
pub struct Caller {
    /// Borrows from the two below, whose contents do not move with this.
    context: CallContextV1,
    _workload_id: Box<str>,
    _component_id: Box<str>,
}

impl Caller {
    /// A caller with these ids.
    #[must_use]
    pub fn new(workload_id: &str, component_id: &str) -> Self {
        let workload_id: Box<str> = workload_id.into();
        let component_id: Box<str> = component_id.into();
        Self {
            context: CallContextV1 {
                size: size_of::<CallContextV1>(),
                workload_id: Slice::new(workload_id.as_bytes()),
                component_id: Slice::new(component_id.as_bytes()),
                workload: 1,
            },
            _workload_id: workload_id,
            _component_id: component_id,
        }
    }

    /// Returns the first argument of a call by this caller.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call::new(&self.context)
    }
}

/// Lends a resource, as a component does when it passes a `borrow` of it.
#[must_use]
pub fn lend<R: ResourceType>(resource: &Own<R>) -> Borrow<'_, R> {
    resource.lend()
}

/// Wakes the thread that waits in [`block_on`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    #[allow(
        clippy::expect_used,
        reason = "a test has nobody to tell of a machine without threads"
    )]
    let _entered = runtime::enter().expect("the plugin's async runtime starts");
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
