//! Has a plugin call it back, and answers.

use std::sync::atomic::{AtomicU32, Ordering};

use exports::test::calls::{scenarios, shapes};
use shapes::{Everything, Joined};
use test::calls::driver;

wit_bindgen::generate!({
    path: "../../wit/calls",
    world: "guest",
});

struct Guest;

static CALLS: AtomicU32 = AtomicU32::new(0);

impl shapes::Guest for Guest {
    fn many(
        a: bool,
        b: u8,
        c: i8,
        d: u16,
        e: i16,
        f: u32,
        g: i32,
        h: u64,
        i: i64,
        j: f32,
        k: f64,
        l: char,
        m: String,
    ) -> String {
        format!("{a} {b} {c} {d} {e} {f} {g} {h} {i} {j} {k} {l} {m}")
    }

    fn negate(x: i8) -> i8 {
        -x
    }

    fn half(x: f32) -> f32 {
        x / 2.0
    }

    fn shift(x: char) -> char {
        char::from_u32(x as u32 + 1).unwrap()
    }

    fn echo(x: Joined) -> Joined {
        x
    }

    fn both(x: Everything, y: Joined) -> (Everything, Joined) {
        (x, y)
    }

    fn sizes(all: Vec<Vec<u8>>) -> Vec<u64> {
        all.iter().map(|bytes| bytes.len() as u64).collect()
    }

    fn nothing() {}

    fn calls() -> u32 {
        CALLS.fetch_add(1, Ordering::Relaxed)
    }

    fn traps() {
        std::process::abort();
    }

    fn waits() {
        driver::hold();
    }
}

impl scenarios::Guest for Guest {
    fn run(name: String) -> String {
        CALLS.store(100, Ordering::Relaxed);
        driver::run(&name)
    }
}

export!(Guest);
