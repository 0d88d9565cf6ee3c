//! The contract between a wasmCloud host and a native plugin, and the kit to
//! write one.
//!
//! A *plugin* is a shared library that serves [WIT interfaces] to WebAssembly
//! components. A *host* finds it in a directory, reads its manifest without
//! running it, loads it, and links what it serves into the components that
//! import it. This crate is all that a plugin builds against: it knows nothing
//! of wasmtime, and a plugin built by any compiler version, with any version of
//! its dependencies, works in any host that speaks the same ABI revision.
//!
//! # A plugin
//!
//! ```
//! use wash_plugin_abi::{Call, Plugin, Result};
//!
//! wash_plugin_abi::bindgen!({
//!     inline: "
//!         package demo:greeting;
//!         interface greet { hello: func(name: string) -> string; }
//!         world greeter { export greet; }
//!     ",
//! });
//! use exports::demo::greeting::greet::Guest;
//!
//! struct Greeter;
//!
//! impl Plugin for Greeter {
//!     type Config = ();
//!     fn new((): ()) -> Result<Self> {
//!         Ok(Greeter)
//!     }
//! }
//!
//! impl Guest for Greeter {
//!     fn hello(&self, _call: &Call<'_>, name: &str) -> String {
//!         format!("hello, {name}")
//!     }
//! }
//!
//! wash_plugin_abi::export!(Greeter);
//! # fn main() {}
//! ```
//!
//! Built as a `cdylib`, that is a plugin; see [`bindgen!`], [`export!`] and
//! [`Plugin`]. [`testing`] calls its functions in a unit test, and `docs/PLUGINS.md` in the
//! repository is the guide for authors.
//!
//! # The parts
//!
//! * [`abi`]: what crosses the boundary, in C layout. `docs/ABI.md` in the
//!   repository says who owns what and what may change.
//! * [`manifest`]: what a library says of itself, readable without running it.
//! * [`codec`]: how the values of a call lie in its buffer.
//! * the SDK (feature `sdk`, on by default): [`Plugin`], logging, the async
//!   runtime, and the entry points that turn panics into errors.
//!
//! [WIT interfaces]: https://component-model.bytecodealliance.org/design/wit.html

#[cfg(target_endian = "big")]
compile_error!(
    "the buffer of a call is little-endian, like WebAssembly's memory, and is borrowed as it is; big-endian targets are not supported"
);

pub mod abi;
pub mod codec;
pub mod event;
pub mod manifest;
#[cfg(feature = "sdk")]
mod sdk;

#[cfg(feature = "sdk")]
pub use event::{Interface, Item, ItemKind, Workload};
#[cfg(feature = "sdk")]
pub use sdk::{
    Borrow, Call, Component, ConfigSchema, Error, ErrorContext, GuestError, Own, Plugin,
    ResourceType, Result, anyhow, io, serde, testing, tracing,
};
#[cfg(feature = "sdk")]
#[doc(inline)]
pub use wash_plugin_macros::{ConfigSchema, bindgen};

/// What the macros expand to. Not for use by hand, and free to change.
#[cfg(feature = "sdk")]
#[doc(hidden)]
pub mod __rt {
    pub use crate::sdk::export::{query, root_module};
    pub use crate::sdk::function::{AsyncFunction, SyncFunction, async_entry, sync_entry};
    pub use crate::sdk::guest::{call_guest, call_params};
    pub use crate::sdk::vtable::PluginExport;
    pub use abi_stable::library::LibHeader;
    pub use bitflags::bitflags;
}
