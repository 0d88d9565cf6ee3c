//! What this host offers to a plugin.
#![allow(
    unsafe_code,
    reason = "the plugin sees the host as a pointer and functions"
)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use wash_plugin_abi::abi::{
    EXT_CHANNEL, EXT_GUEST, EXT_LOG, EXT_STREAM, EXT_THREAD, HostV1, LogV1, Slice, ThreadV1,
};

use super::channels::{self, Channels};
use super::guests::{self, Callable};
use super::host_log::{self, PluginLog};
use super::streams::{self, Streams};
use crate::inside::{self, Place};

/// The host, as one plugin sees it.
#[derive(Debug)]
pub(super) struct HostSide {
    /// Written once the address of the box is known.
    raw: OnceLock<HostV1>,
    pub(super) log: PluginLog,
    /// Where the plugin's own threads are.
    threads: Arc<Place>,
    /// The streams of components that the plugin has.
    pub(super) streams: Streams,
    /// Those of WASI 0.3, and futures.
    pub(super) channels: Channels,
    /// The components that it calls.
    pub(super) guests: Callable,
}

// SAFETY: `raw` points to the box itself, and all behind it may be shared.
unsafe impl Send for HostSide {}
// SAFETY: as above.
unsafe impl Sync for HostSide {}

impl HostSide {
    pub(super) fn new(plugin: &'static str, runtime: Handle, guests: Callable) -> Box<Self> {
        let side = Box::new(Self {
            raw: OnceLock::new(),
            log: PluginLog::new(plugin),
            threads: Arc::new(Place::new(plugin, "a thread of its own")),
            streams: Streams::new(runtime),
            channels: Channels::default(),
            guests,
        });
        let data = (&raw const *side).cast();
        side.raw.get_or_init(|| HostV1 {
            size: size_of::<HostV1>(),
            data,
            extension,
        });
        side
    }

    /// For the plugin, as long as the box lives.
    pub(super) fn raw(&self) -> *const HostV1 {
        self.raw
            .get()
            .map_or(std::ptr::null(), |raw| &raw const *raw)
    }

    /// # Safety
    ///
    /// `data` must be what [`HostSide::new`] put into `raw`, of a box that
    /// lives for all of `'a`.
    pub(super) unsafe fn from_data<'a>(data: *const c_void) -> &'a Self {
        // SAFETY: the caller's promise.
        unsafe { &*data.cast::<Self>() }
    }
}

static LOG: LogV1 = LogV1 {
    size: size_of::<LogV1>(),
    enabled: host_log::enabled,
    log: host_log::log,
};

static THREAD: ThreadV1 = ThreadV1 {
    size: size_of::<ThreadV1>(),
    started,
};

/// # Safety
///
/// As [`ThreadV1::started`]: `data` is the host's.
unsafe extern "C" fn started(data: *const c_void) {
    // SAFETY: the caller's promise.
    let side = unsafe { HostSide::from_data(data) };
    // A panic of ours must not cross into the plugin.
    let _ = catch_unwind(AssertUnwindSafe(|| inside::stay(&side.threads)));
}

/// # Safety
///
/// As [`wash_plugin_abi::abi::ExtensionFn`]: `id` is valid for the call.
unsafe extern "C" fn extension(_data: *const c_void, id: Slice) -> *const c_void {
    // SAFETY: the caller's promise.
    let id = unsafe { id.as_bytes() };
    if id == EXT_LOG.as_bytes() {
        (&raw const LOG).cast()
    } else if id == EXT_STREAM.as_bytes() {
        (&raw const streams::STREAM).cast()
    } else if id == EXT_CHANNEL.as_bytes() {
        (&raw const channels::CHANNEL).cast()
    } else if id == EXT_THREAD.as_bytes() {
        (&raw const THREAD).cast()
    } else if id == EXT_GUEST.as_bytes() {
        (&raw const guests::GUEST).cast()
    } else {
        std::ptr::null()
    }
}
