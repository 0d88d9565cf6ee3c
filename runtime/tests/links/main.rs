//! Components of a workload that call one another.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod guests;
mod resource_guests;
mod support;

mod calls;
mod resources;
mod rules;
