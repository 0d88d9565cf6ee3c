//! The HTTP server, with a real guest.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and its helpers for it"
)]

#[path = "../common/mod.rs"]
mod common;
mod support;

mod abandoned;
mod authority;
mod basics;
mod log;
mod metrics;
mod misbehaving;
mod outgoing;
mod p3;
mod pool;
mod protocols;
mod shared;
mod shutdown;
mod streaming;
