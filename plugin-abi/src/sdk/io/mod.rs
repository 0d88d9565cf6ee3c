//! The streams and pollables of `wasi:io`, as a plugin makes and uses them.
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
//! * A [`Pollable`] is made of a future, and ready once that has ended.
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
pub use pollable::Pollable;

pub(super) use host::{install, uninstall};
pub(super) use served::STREAM;

/// As much as is read or written at once, and so what lies between the
/// component and the plugin at most.
const CHUNK: usize = 64 * 1024;
