//! A call with scalar arguments allocates nothing on the plugin's side.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a test of a raw entry point, and an allocator that counts"
)]

mod counting;
mod raw;

use wash_plugin_abi::abi::{Buffer, FLAG_LEND, Status};
use wash_plugin_abi::{Call, Plugin, Result};

mod bindings {
    wash_plugin_abi::bindgen!({ inline: "
        package test:scalars;
        interface scalars {
            add: func(a: u32, b: u32) -> u32;
            text: func(a: string) -> string;
        }
        world plugin { export scalars; }
    " });
}

struct Adder;

impl Plugin for Adder {
    type Config = ();
    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl bindings::exports::test::scalars::scalars::Guest for Adder {
    fn add(&self, _: &Call<'_>, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn text(&self, _: &Call<'_>, a: &str) -> String {
        a.to_owned()
    }
}

fn call(function: usize, args: &Buffer, out: &mut Buffer) -> Status {
    let entry = bindings::__wash::functions::<Adder>()[function];
    // SAFETY: the entry is an `Adder`'s, and no argument is lent.
    unsafe { raw::call(&Adder, entry, args, FLAG_LEND, out) }
}

#[test]
fn a_call_with_scalars_allocates_nothing() {
    let mut out = Buffer::new();
    out.extend_zeros(64).unwrap();
    let mut args = Buffer::new();
    args.extend(&[1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
    let before = counting::COUNT.get();
    for _ in 0..1000 {
        assert_eq!(call(0, &args, &mut out), Status::OK);
    }
    assert_eq!(counting::COUNT.get() - before, 0);
    assert_eq!(out.as_slice(), [3, 0, 0, 0]);

    // That something is counted at all: the author's string is.
    let mut args = Buffer::new();
    args.extend(b"\x08\0\0\0\x02\0\0\0hi").unwrap();
    let before = counting::COUNT.get();
    assert_eq!(call(1, &args, &mut out), Status::OK);
    assert_eq!(counting::COUNT.get() - before, 1);
    assert_eq!(out.as_slice(), b"\x08\0\0\0\x02\0\0\0hi");
}
