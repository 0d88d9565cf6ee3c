//! Hosts, plugins and guests together, in one program. What needs a process to itself has
//! a program of its own beside this.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod admission;
mod blobstore;
mod calls;
mod channels;
mod concurrency;
mod concurrent;
mod config;
#[cfg(target_os = "linux")]
mod confined;
mod crashes;
#[cfg(target_os = "linux")]
mod edited;
mod error_context;
mod kept;
mod keyvalue;
mod lifecycle;
mod logging;
mod messaging;
mod metrics;
mod mismatch;
mod panics;
mod rebuilt;
mod rebuilt_ends;
mod rebuilt_messages;
mod rebuilt_plugins;
mod rebuilt_stays;
mod resources;
#[path = "../../../capabilities/tests/keyvalue/servers.rs"]
mod servers;
mod start_and_stop;
mod streams;
mod strings;
mod update;
mod versions;
