//! What the end-to-end tests share: a host with plugins and a guest in one
//! line, and the same capabilities compiled in, to compare with.
//!
//! ```no_run
//! use e2e::{RUN, TestHost, artifacts, string};
//!
//! # async fn run() -> anyhow::Result<()> {
//! let host = TestHost::builder()
//!     .library(artifacts::plugin("custom-logger"))
//!     .guest("log-guest", ["wasi:logging/logging"])
//!     .start()
//!     .await?;
//! let said = host.call(RUN, "run", &[string("hello")]).await?;
//! # host.stop().await }
//! ```
//!
//! Of the runtime, only what its releases have in common is used, so the suite
//! runs against each of them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

// `wasmtime::component::flags!`, which `bindgen!` uses, calls wasmtime by that
// name alone, whatever `wasmtime_crate` says: here it is found in this crate.
extern crate self as wasmtime;
#[doc(hidden)]
pub use wash_runtime::wasmtime::{Result, ValRaw, component};

pub mod artifacts;
mod capture;
pub mod child;
pub mod compiled_in;
pub mod events;
mod host;
pub mod site;
pub mod values;
pub mod versions;

pub use capture::Instance;
pub use host::{Builder, TestHost, interface};

use wash_runtime::wasmtime::component::Val;

/// The interface that the small guests export.
pub const RUN: &str = "demo:guest/run@0.1.0";
/// The interface that loggers serve.
pub const LOGGING: &str = "wasi:logging/logging";

/// A string to call a guest with.
pub fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

/// The README's Rust, as tests of its own.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
