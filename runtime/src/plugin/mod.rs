//! Host plugins: what serves the imports of workloads.
//!
//! # The life of a plugin
//!
//! | step | when |
//! |---|---|
//! | registered | [`HostBuilder::with_plugin`](crate::host::HostBuilder::with_plugin); each id once |
//! | [`start`](HostPlugin::start) | the host starts, plugins in ascending order of their ids |
//! | [`on_workload_bind`](HostPlugin::on_workload_bind) | once per workload that needs the plugin |
//! | [`on_workload_item_bind`](HostPlugin::on_workload_item_bind) | for each component or service of it that does |
//! | [`on_workload_resolved`](HostPlugin::on_workload_resolved) | all plugins have bound; for each item again |
//! | [`on_workload_unbind`](HostPlugin::on_workload_unbind) | the workload stops, or its start failed after the bind began |
//! | [`stop`](HostPlugin::stop) | the host stops, in reverse order, 3 seconds each |
//!
//! # Example
//!
//! ```
//! use std::collections::HashSet;
//! use async_trait::async_trait;
//! use wash_runtime::{
//!     engine::workload::WorkloadItem,
//!     plugin::{HostPlugin, WitInterfaces},
//!     wit::{WitInterface, WitWorld},
//! };
//!
//! struct Greeter;
//!
//! #[async_trait]
//! impl HostPlugin for Greeter {
//!     fn id(&self) -> &'static str {
//!         "greeter"
//!     }
//!
//!     fn world(&self) -> WitWorld {
//!         WitWorld {
//!             imports: HashSet::from([WitInterface::from("demo:greeter/greet@0.1.0")]),
//!             exports: HashSet::new(),
//!         }
//!     }
//!
//!     async fn on_workload_item_bind<'a>(
//!         &self,
//!         item: &mut WorkloadItem<'a>,
//!         interfaces: WitInterfaces<'_>,
//!     ) -> anyhow::Result<()> {
//!         if interfaces.contains("demo", "greeter", &["greet"]) {
//!             item.linker()
//!                 .instance("demo:greeter/greet@0.1.0")?
//!                 .func_wrap("hello", |_store, (name,): (String,)| {
//!                     Ok((format!("hello, {name}"),))
//!                 })?;
//!         }
//!         Ok(())
//!     }
//! }
//! ```

#[cfg(any(
    feature = "wasi-config",
    feature = "wasi-keyvalue",
    feature = "wasi-logging"
))]
mod attached;
mod failure;
mod guard;
mod interfaces;
mod tracker;
#[cfg(feature = "wasi-config")]
pub mod wasi_config;
#[cfg(feature = "wasi-keyvalue")]
pub mod wasi_keyvalue;
#[cfg(feature = "wasi-logging")]
pub mod wasi_logging;

use std::any::Any;

use async_trait::async_trait;

pub use failure::{WorkloadFailure, WorkloadFailureSink};
pub(crate) use guard::{catch_panic, catch_unwind};
pub use interfaces::WitInterfaces;
pub use tracker::{WorkloadTracker, WorkloadTrackerItem};

use crate::{
    engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem},
    observability::Meters,
    wit::{WitInterface, WitWorld},
};

/// A capability of the host that is linked into components.
///
/// Only [`id`](Self::id) and [`world`](Self::world) must be written. The
/// methods may be called for several workloads at once.
///
/// A panic in any of the asynchronous methods is caught and treated as an
/// error of that method.
#[async_trait]
pub trait HostPlugin: Any + Send + Sync + 'static {
    /// The plugin's name, unique among the plugins of a host.
    fn id(&self) -> &'static str;

    /// The interfaces that the plugin serves, listed as imports or as exports.
    ///
    /// The plugin is bound to a workload only if the workload declares one of
    /// them and uses it.
    fn world(&self) -> WitWorld;

    /// Whether the plugin takes this one declared interface, which its world
    /// covers. For a plugin whose answer depends on the configuration.
    fn claims(&self, interface: &WitInterface) -> bool {
        let _ = interface;
        true
    }

    /// Whether the plugin can serve several instances of one package to the
    /// same component, told apart by [`WitInterface::name`].
    fn supports_named_instances(&self) -> bool {
        false
    }

    /// Hands over the host's instruments, before [`start`](Self::start).
    async fn inject_meters(&self, meters: &Meters) {
        let _ = meters;
    }

    /// Hands over the way to report a running workload as failed, before
    /// [`start`](Self::start).
    fn set_workload_failure_sink(&self, sink: WorkloadFailureSink) {
        let _ = sink;
    }

    /// Prepares the plugin, for example connects to what is behind it.
    ///
    /// # Errors
    ///
    /// An error stops the host's start, and the plugins that had started are
    /// stopped again.
    async fn start(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// A workload that needs the plugin is starting. `interfaces` are the
    /// declared interfaces that the plugin serves to it, with their
    /// configuration.
    ///
    /// # Errors
    ///
    /// An error ends the workload's start. This plugin, too, then gets
    /// [`on_workload_unbind`](Self::on_workload_unbind).
    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let _ = (workload, interfaces);
        Ok(())
    }

    /// Link the plugin's functions into one component or service.
    /// `interfaces` are the declared interfaces that the plugin serves to this
    /// item.
    ///
    /// # Errors
    ///
    /// An error ends the workload's start. This plugin, too, then gets
    /// [`on_workload_unbind`](Self::on_workload_unbind).
    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let _ = (item, interfaces);
        Ok(())
    }

    /// All plugins have bound the workload. Called for each item that this
    /// plugin is bound to, a component or the service; from here on the plugin
    /// can instantiate it.
    ///
    /// # Errors
    ///
    /// An error ends the workload's start, and all its plugins are unbound.
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let _ = (workload, component_id);
        Ok(())
    }

    /// Release what is kept for a workload. Called once per workload that this
    /// plugin began to bind, whether it ran or its start failed. `interfaces`
    /// are the ones that were given to [`on_workload_bind`](Self::on_workload_bind).
    ///
    /// # Errors
    ///
    /// An error is logged; the workload ends nevertheless.
    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let _ = (workload_id, interfaces);
        Ok(())
    }

    /// The host stops. After 3 seconds it no longer waits.
    ///
    /// # Errors
    ///
    /// An error is logged; the host stops nevertheless.
    async fn stop(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
