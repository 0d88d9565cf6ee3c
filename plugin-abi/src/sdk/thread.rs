//! The plugin's own threads, of which the host is told.
#![allow(
    unsafe_code,
    reason = "the host's function is a vtable behind a pointer"
)]

use super::host::Extension;
use crate::abi::{EXT_THREAD, HostV1, ThreadV1};

static THREAD: Extension<ThreadV1> = Extension::new(EXT_THREAD);

/// Finds the host's way to be told of threads.
///
/// # Safety
///
/// As [`Extension::install`].
pub(super) unsafe fn install(host: *const HostV1) {
    // SAFETY: the caller's promise.
    unsafe { THREAD.install(host) };
}

/// Lets go of the host.
pub(super) fn uninstall() {
    THREAD.uninstall();
}

/// Tells the host that this thread is one of the plugin's: if it crashes, the host says
/// whose it was.
pub(super) fn started() {
    THREAD.with(|host| {
        // SAFETY: as the ABI says of `started`.
        unsafe { (host.vtable.started)(host.data) }
    });
}
