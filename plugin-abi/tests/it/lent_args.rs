//! Arguments that lie somewhere else are read there.
#![allow(unsafe_code, reason = "a test of a raw entry point")]

use wash_plugin_abi::abi::{Buffer, FLAG_LENT_ARGS, LENT_AT, Slice, Status, lend_args};
use wash_plugin_abi::{Call, Plugin, Result};

use crate::raw;

mod bindings {
    wash_plugin_abi::bindgen!({ inline: "
        package test:lent;
        interface lent {
            record point { x: u32, y: u16 }
            join: func(a: string, b: list<u8>) -> string;
            sum: func(numbers: list<u32>, points: list<point>) -> u32;
        }
        world plugin { export lent; }
    " });
}
use bindings::exports::test::lent::lent::{Guest, Point};

struct Lent;

impl Plugin for Lent {
    type Config = ();
    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for Lent {
    fn join(&self, _: &Call<'_>, a: &str, b: &[u8]) -> String {
        format!("{a}{}", String::from_utf8_lossy(b))
    }
    fn sum(&self, _: &Call<'_>, numbers: &[u32], points: Vec<Point>) -> u32 {
        let points = points.iter().map(|point| point.x + u32::from(point.y));
        numbers.iter().copied().chain(points).sum()
    }
}

fn call(function: usize, args: &Buffer, flags: u64) -> (Status, Vec<u8>) {
    let entry = bindings::__wash::functions::<Lent>()[function];
    let mut out = Buffer::new();
    // SAFETY: the entry is a `Lent`'s, and what is lent is behind the arguments.
    let status = unsafe { raw::call(&Lent, entry, args, flags, &mut out) };
    (status, out.as_slice().to_vec())
}

fn words(words: &[usize]) -> Buffer {
    let mut buffer = Buffer::new();
    for word in words {
        let word = u32::try_from(*word).unwrap();
        buffer.extend(&word.to_le_bytes()).unwrap();
    }
    buffer
}

#[test]
fn what_is_lent_is_read_where_it_is() {
    let lent = b"....hello, world";
    // One of the two is in the arguments.
    let mut args = words(&[LENT_AT + 4, 7, 16, 5]);
    args.extend(b"there").unwrap();
    lend_args(&mut args, Slice::new(lent)).unwrap();
    let (status, out) = call(0, &args, FLAG_LENT_ARGS);
    assert_eq!((status, &out[8..]), (Status::OK, &b"hello, there"[..]));

    let numbers: [u32; 8] = [1, 2, 4, 8, 16, 0xffff_0020, 64, 0xffff_0080];
    let mut args = words(&[LENT_AT + 4, 2, LENT_AT + 16, 2]);
    lend_args(&mut args, Slice::new(bytemuck::cast_slice(&numbers))).unwrap();
    let (status, out) = call(1, &args, FLAG_LENT_ARGS);
    let sum = 2 + 4 + 16 + 32 + 64 + 128_u32;
    assert_eq!((status, out), (Status::OK, sum.to_le_bytes().to_vec()));
}

#[test]
fn sad_offsets_that_are_not_lent() {
    let lent = [b'x'; 16];
    for (at, len) in [(0, 17), (16, 1), (17, 0), (15, 2), (0x7fff_ffff, 1)] {
        let mut args = words(&[LENT_AT + at, len, 0, 0]);
        lend_args(&mut args, Slice::new(&lent)).unwrap();
        let (status, out) = call(0, &args, FLAG_LENT_ARGS);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(status, Status::BAD_ARGUMENTS, "{at}, {len}: {out}");
    }
    // Nothing is, where the host does not say so.
    let mut args = words(&[LENT_AT, 1, 0, 0]);
    lend_args(&mut args, Slice::new(&lent)).unwrap();
    assert_eq!(call(0, &args, 0).0, Status::BAD_ARGUMENTS);
}
