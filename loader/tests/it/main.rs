//! The loader, from files to hosts.
#![cfg(not(target_vendor = "apple"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod inspect;
mod loader;
mod machine;
mod trust;
mod whole;
