//! The kit: what stands between an author's Rust and the ABI.

pub(crate) mod channel;
pub(crate) mod entry;
mod error_context;
pub(crate) mod export;
pub(crate) mod function;
pub(crate) mod guest;
mod host;
pub mod io;
mod lend;
mod log;
mod panic;
mod plugin;
pub(crate) mod resource;
mod room;
mod runtime;
pub(crate) mod schema;
mod slab;
mod state;
mod task;
pub mod testing;
mod thread;
pub(crate) mod vtable;

pub use anyhow::{self, Error, Result};
pub use error_context::ErrorContext;
pub use function::Call;
pub use guest::{Component, GuestError};
pub use plugin::Plugin;
pub use resource::{Borrow, Own, ResourceType};
pub use schema::ConfigSchema;
pub use {serde, tracing};
