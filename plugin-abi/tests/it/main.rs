//! Both sides of the ABI, in one program, which can be one library only.
#![recursion_limit = "1024"]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod channels;
mod guide;
mod lent_args;
mod names;
#[path = "../raw/mod.rs"]
mod raw;
mod schema;
mod types;
