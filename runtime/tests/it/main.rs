//! The host as its API describes it, in one program.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod binding;
mod changing_plugins;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod description;
mod engine;
mod files;
mod lifecycle;
mod limits;
mod loopback;
mod named_instances;
mod resources;
mod seed_example;
mod services;
mod sockets;
mod types;
mod wit;
mod workloads;
