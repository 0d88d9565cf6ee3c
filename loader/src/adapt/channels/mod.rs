//! Streams and futures of WASI 0.3 between components and a plugin.
//!
//! Only readable ends cross. A plugin's is behind one of wasmtime's producers, in
//! the store of the component that reads it ([`ours`]). A component's is read by
//! a consumer in its store, for the plugin, which knows a number ([`theirs`]).

mod ours;
mod theirs;

pub(super) use ours::open;
pub(super) use theirs::{CHANNEL, Channels, accept};
