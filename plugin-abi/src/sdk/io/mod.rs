//! Streams and futures, as a plugin makes and uses them: those of WASI 0.3 and
//! those of `wasi:io`.
//!
//! # Of WASI 0.3
//!
//! Where the WIT says `stream<T>`, an interface has [`StreamReader<T>`], and where
//! it says `future<T>`, [`FutureReader<T>`], anywhere in parameters and results; `()`
//! stands for no payload. Both are the readable end, which is what crosses. Nothing
//! is taken from a plugin's before the component reads, nor from a component's before
//! the plugin does. Ends may be dropped at any time: the other side is told.
//!
//! What a component has of the host's own WASI, and passes on unread, has to be a
//! `stream<u8>` or without a payload, and so has what it passes to that of a
//! plugin's: with another payload the component traps, with "host stream item type
//! mismatch". It may read it itself, and pass on what it reads.
//!
//! ```
//! use wash_plugin_abi::io::{FutureReader, StreamReader};
//! use wash_plugin_abi::{Call, Plugin, Result};
//!
//! wash_plugin_abi::bindgen!({
//!     inline: "
//!         package demo:blobs;
//!         interface blobs {
//!             read: func(name: string) -> tuple<stream<u8>, future<result<_, string>>>;
//!             write: func(data: stream<u8>) -> future<result<u64, string>>;
//!         }
//!         world plugin { export blobs; }
//!     ",
//! });
//! use exports::demo::blobs::blobs::Guest;
//!
//! struct Blobs;
//!
//! impl Plugin for Blobs {
//!     type Config = ();
//!     fn new((): ()) -> Result<Self> {
//!         Ok(Blobs)
//!     }
//! }
//!
//! impl Guest for Blobs {
//!     fn read(
//!         &self,
//!         _call: &Call<'_>,
//!         name: &str,
//!     ) -> (StreamReader<u8>, FutureReader<Result<(), String>>) {
//!         let contents = StreamReader::from_bytes(format!("the contents of {name}"));
//!         (contents, FutureReader::ready(Ok(())))
//!     }
//!
//!     fn write(
//!         &self,
//!         _call: &Call<'_>,
//!         data: StreamReader<u8>,
//!     ) -> FutureReader<Result<u64, String>> {
//!         FutureReader::spawn(async move { Ok(data.collect().await.len() as u64) })
//!     }
//! }
//!
//! wash_plugin_abi::export!(Blobs);
//! # fn main() {}
//! ```
//!
//! # Of `wasi:io`
//!
//! An interface whose WIT uses `wasi:io/streams` or `wasi:io/poll` has these
//! types where the WIT says `input-stream`, `output-stream` and `pollable`.
//! They are `tokio`'s traits, so all of `tokio::io` works with them:
//!
//! * A plugin that returns an [`InputStream`] makes it of anything that is
//!   `AsyncRead`: bytes (`std::io::Cursor`), a file, a socket, the end of a
//!   `tokio::io::duplex` that a task of its own writes to. It is read no
//!   further than the component reads.
//! * A plugin that returns an [`OutputStream`] makes it of anything that is
//!   `AsyncWrite`. The component waits while it cannot take more.
//! * Streams that a component gives are read and written as `AsyncRead` and
//!   `AsyncWrite`, from any task of the plugin's. Those that it only lends,
//!   [`InputStreamBorrow`] and [`OutputStreamBorrow`], are for the time of the
//!   call.
//! * A [`Pollable`] that a plugin returns is made of a future, and ready once that has
//!   ended. A component's may be lent to an asynchronous function, which waits for it as a
//!   [`PollableBorrow`]. It cannot be given: it is waited for with the component's store.
//!
//! ```
//! use wash_plugin_abi::{Call, Plugin, Result};
//!
//! wash_plugin_abi::bindgen!({
//!     inline: "
//!         package demo:files;
//!         interface files {
//!             use wasi:io/streams@0.2.0.{input-stream};
//!             read: func(name: string) -> input-stream;
//!         }
//!         world plugin { export files; }
//!
//!         package wasi:io@0.2.0 {
//!             interface streams { resource input-stream; }
//!         }
//!     ",
//! });
//! use exports::demo::files::files::{Guest, InputStream};
//!
//! struct Files;
//!
//! impl Plugin for Files {
//!     type Config = ();
//!     fn new((): ()) -> Result<Self> {
//!         Ok(Files)
//!     }
//! }
//!
//! impl Guest for Files {
//!     fn read(&self, _call: &Call<'_>, name: &str) -> InputStream {
//!         InputStream::from_bytes(format!("the contents of {name}"))
//!     }
//! }
//!
//! wash_plugin_abi::export!(Files);
//! # fn main() {}
//! ```

mod host;
mod input;
mod output;
mod pollable;
mod served;

pub use input::{InputStream, InputStreamBorrow};
pub use output::{OutputStream, OutputStreamBorrow};
pub use pollable::{Pollable, PollableBorrow};

pub use super::channel::{
    Closed, FutureReader, FutureWriter, StreamReader, StreamWriter, future, spawn, stream,
};

pub(super) use host::{install, uninstall};
pub(super) use served::STREAM;

/// As much as is read or written at once, and so what lies between the
/// component and the plugin at most.
const CHUNK: usize = 64 * 1024;
