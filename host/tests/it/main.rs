//! The program `wash-host`, as its user sees it.
#![cfg(all(unix, not(target_vendor = "apple")))]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and shows names of its own making"
)]

mod call;
mod capabilities;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod http;
mod limits;
mod live;
mod manifests;
mod new;
mod plugin;
mod reload;
mod run;
#[path = "../../../capabilities/tests/keyvalue/servers.rs"]
mod servers;
