//! The trait that an author implements.

use std::any::type_name;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{ConfigSchema, Result};
use crate::event::{Interface, Item, Workload};

/// A plugin's life: how it is made, and what it may want to know.
///
/// Only [`Plugin::new`] is required. The host makes one instance and shares it
/// between all calls and threads, so state that changes lives behind a lock or
/// an atomic. Each hook may be asynchronous, on the plugin's own tokio runtime;
/// an error or a panic in one fails what the host was doing, and nothing else.
///
/// ```
/// # wash_plugin_abi::bindgen!({ inline: "
/// #     package demo:count;
/// #     interface counter { next: func() -> u64; }
/// #     world plugin { export counter; }
/// # " });
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result, serde::Deserialize, tracing};
///
/// /// Where to begin.
/// #[derive(Deserialize, ConfigSchema)]
/// #[serde(crate = "wash_plugin_abi::serde")]
/// struct Config {
///     /// The first number.
///     #[serde(default)]
///     first: u64,
/// }
///
/// struct Counter(AtomicU64);
///
/// impl Plugin for Counter {
///     type Config = Config;
///     fn new(config: Config) -> Result<Self> {
///         Ok(Counter(config.first.into()))
///     }
///     async fn stop(&self) -> Result<()> {
///         tracing::info!(next = self.0.load(Ordering::Relaxed), "stopped");
///         Ok(())
///     }
/// }
/// # impl exports::demo::count::counter::Guest for Counter {
/// #     fn next(&self, _: &Call<'_>) -> u64 { self.0.fetch_add(1, Ordering::Relaxed) }
/// # }
/// # wash_plugin_abi::export!(Counter);
/// # fn main() {}
/// ```
pub trait Plugin: Sized + Send + Sync + 'static {
    /// The plugin's configuration, as the host's operator writes it; `()` if
    /// it takes none.
    type Config: ConfigSchema;

    /// Makes the plugin. Runs before [`Plugin::start`], and should only look
    /// at the configuration: what takes time or can fail for reasons outside
    /// belongs into `start`.
    ///
    /// # Errors
    ///
    /// If the configuration makes no sense. The host then does not start.
    fn new(config: Self::Config) -> Result<Self>;

    /// The host starts: connect, open, warm up.
    fn start(&self) -> impl Future<Output = Result<()>> + Send {
        Nothing
    }

    /// The host stops. It waits three seconds, then goes on without.
    fn stop(&self) -> impl Future<Output = Result<()>> + Send {
        Nothing
    }

    /// A workload that uses the plugin is being bound. An error refuses it.
    fn workload_bound(
        &self,
        workload: &Workload,
        interfaces: &[Interface],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (workload, interfaces);
        Nothing
    }

    /// One of the workload's components, or its service, is being bound. An
    /// error refuses the workload.
    fn item_bound(
        &self,
        item: &Item,
        interfaces: &[Interface],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (item, interfaces);
        Nothing
    }

    /// The item is ready, and calls may come. An error refuses the workload.
    fn workload_resolved(&self, item: &Item) -> impl Future<Output = Result<()>> + Send {
        let _ = item;
        Nothing
    }

    /// A newer version of this plugin has started, and takes over: what it
    /// should know, in a form that both understand. `None` hands nothing over.
    ///
    /// Calls go on meanwhile, so what they change after this is not handed over.
    fn export_state(&self) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send {
        async { Ok(None) }
    }

    /// What the version before hands over, between `start` and the first call.
    /// An error keeps the version before.
    fn import_state(&self, state: &[u8]) -> impl Future<Output = Result<()>> + Send {
        let _ = state;
        async { Ok(()) }
    }

    /// The workload is gone: forget what belongs to it.
    ///
    /// It may come more than once, and for a workload that was only bound in
    /// part.
    fn workload_unbound(&self, workload_id: &str) -> impl Future<Output = Result<()>> + Send {
        let _ = workload_id;
        Nothing
    }
}

/// The future of a hook that an author leaves out: done at once. Known by its
/// type, so that it is not even polled, and a plugin without hooks and
/// asynchronous functions never starts a runtime.
struct Nothing;

impl Future for Nothing {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Whether a hook is one that the author left out; it is not called.
pub(crate) fn is_left_out<'a, P: 'a, E: 'a, F>(_hook: impl FnOnce(&'a P, &'a E) -> F) -> bool {
    // An `async` block has a size, and no other type has this name. Should the
    // compiler print another one some day, the hook is called.
    size_of::<F>() == 0 && type_name::<F>() == type_name::<Nothing>()
}
