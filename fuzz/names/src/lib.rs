//! Worlds with names of all kinds, expanded by `bindgen!`: that this compiles is what is
//! tested. What they are is in `build/`.
//!
//! It is a library, and not the test itself, as the compiler makes no code of a library's
//! inline functions, and so needs a fraction of the time.
#![allow(
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "the worlds are generated"
)]

include!(concat!(env!("OUT_DIR"), "/worlds.rs"));
