//! What is behind the capabilities of a host, apart from whoever serves them.
//!
//! Nothing here knows of wasmtime, of WIT bindings or of the ABI of plugin
//! libraries. A plugin, compiled into the host or loaded as a library, is a
//! thin layer that turns the calls of components into calls of these traits,
//! so that both kinds keep the same data in the same way.
//!
//! * [`blobstore`]: containers of objects of any size, for `wasi:blobstore`.
//! * [`keyvalue`]: buckets of values under keys, for `wasi:keyvalue`.
//! * [`messaging`]: messages under subjects, for `wasmcloud:messaging`.

#![forbid(unsafe_code)]

pub mod blobstore;
mod causes;
#[cfg(any(feature = "filesystem", feature = "nats", feature = "redis"))]
mod escape;
pub mod keyvalue;
pub mod messaging;
#[cfg(feature = "filesystem")]
mod names;
mod workloads;

pub use workloads::PerWorkload;
