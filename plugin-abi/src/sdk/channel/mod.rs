//! Streams and futures of WASI 0.3, as a plugin makes and reads them.

mod future;
mod host;
mod items;
mod pipe;
mod reader;
mod served;
mod sources;

use std::fmt;

pub use future::{FutureReader, FutureWriter, future};
pub use pipe::{StreamWriter, stream};
pub use reader::StreamReader;

pub(super) use host::{install, uninstall};
pub(super) use served::CHANNEL;

use super::runtime;

/// As many bytes as are read at once where the reader does not say.
const BATCH_BYTES: usize = 64 * 1024;

/// How many items of `T` are read at once where the reader does not say.
const fn batch<T>() -> usize {
    let size = if size_of::<T>() == 0 {
        1
    } else {
        size_of::<T>()
    };
    let items = BATCH_BYTES / size;
    if items == 0 { 1 } else { items }
}

/// The other end is gone: of a stream that is written to, its reader; of a future
/// that is waited for, its writer, before it had written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other end of the stream or future is closed")
    }
}

impl std::error::Error for Closed {}

/// The task that should have written panicked.
#[derive(Clone, Copy, Debug)]
struct Panicked;

/// Runs a task on the plugin's own runtime, from a synchronous function too.
///
/// It ends with the plugin, or by itself; see [`StreamReader::spawn`] and
/// [`FutureReader::spawn`] for tasks that write to a stream or a future.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    match runtime::enter() {
        Ok(_entered) => drop(tokio::spawn(task)),
        // What the task has is dropped, so whoever waits for it is told.
        Err(error) => tracing::error!("the plugin's async runtime cannot start: {error}"),
    }
}
