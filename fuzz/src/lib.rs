//! Random worlds, random values and random damage, held against code that does
//! the same in the plainest way.
//!
//! * [`calls`]: a component calls a plugin. The worlds are wit-smith's
//!   (`worlds/`, a program of its own), the component is made for the world
//!   ([`guest`]) and passes everything on, and the plugin is [`plugin`], which
//!   serves any world through the vtables of the ABI. What crosses is held
//!   against the [`oracle`] and against wasmtime's own [`direct`] path, which
//!   knows values, but no buffers. Of the plugin's [`resources`] each is dropped
//!   or comes back, once.
//! * [`streams`]: the same world's types in streams and futures of WASI 0.3, in
//!   either direction, and passed on from the plugin to itself.
//! * [`codec`]: a plugin in Rust is called with damaged arguments.
//! * [`inspect`]: libraries that nobody would build are looked at.
//!
//! Each target is a function of a document or a number, so that what it found
//! can be run again. `cargo xtask fuzz` runs them, and the tests run what is in
//! `seeds/`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

pub mod by_values;
pub mod calls;
pub mod codec;
mod component;
pub mod damage;
pub mod direct;
pub mod draw;
pub mod guest;
pub mod handles;
pub mod inspect;
pub mod layout;
mod makers;
pub mod oracle;
pub mod plugin;
pub mod resources;
pub mod script;
pub mod seeds;
pub mod streams;
pub mod tally;
pub mod world;

#[path = "../../loader/tests/common/elf.rs"]
#[allow(
    dead_code,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "the loader's tests', of which this uses a part"
)]
mod elf;
