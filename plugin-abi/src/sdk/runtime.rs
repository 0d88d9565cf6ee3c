//! The plugin's own tokio runtime: one for each library, started when the
//! first future is polled. A hook that the author left out has none.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

use super::thread;

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);
static HANDLE: OnceLock<Handle> = OnceLock::new();
static THREAD_NAME: OnceLock<&'static str> = OnceLock::new();

/// Says what the runtime's threads are called, once.
pub(crate) fn name_threads(name: &'static str) {
    let _ = THREAD_NAME.set(name);
}

/// Makes the runtime this thread's, until the guard is dropped.
///
/// The host's own runtime cannot serve: its types are another crate's as far
/// as this library is concerned.
pub(crate) fn enter() -> io::Result<EnterGuard<'static>> {
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.enter());
    }
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if HANDLE.get().is_none() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(THREAD_NAME.get().copied().unwrap_or("plugin"))
            .on_thread_start(thread::started)
            .enable_all()
            .build()?;
        let _ = HANDLE.set(runtime.handle().clone());
        *slot = Some(runtime);
    }
    drop(slot);
    HANDLE
        .get()
        .map(Handle::enter)
        .ok_or_else(|| io::Error::other("the runtime was not kept"))
}

/// Ends the runtime without waiting for what still runs in it.
///
/// Futures may be polled or dropped later; they find it shut down.
pub(crate) fn shut_down() {
    let runtime = RUNTIME
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(runtime) = runtime {
        runtime.shutdown_background();
    }
}
