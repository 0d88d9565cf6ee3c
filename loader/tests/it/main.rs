//! The loader, from files to hosts.
#![cfg(not(target_vendor = "apple"))]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and shows names of its own making"
)]

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod inspect;
mod loader;
mod machine;
mod trust;
mod whole;
