//! Calls one function many times, for the benches.

use std::hint::black_box;

use exports::test::bench::cases::Guest;
use test::bench::calls::{self, Counter, Entry, Level, Mixed};
use test::bench::calls_async;

wit_bindgen::generate!({
    path: "../../wit/bench",
    world: "guest",
});

const MESSAGE: &str = "a message of fifty-four bytes, like many that are logged";

struct Cases;

impl Guest for Cases {
    fn run(name: String, times: u32, size: u32) {
        let repeat = |call: &dyn Fn(u32)| (0..times).for_each(call);
        match name.as_str() {
            "add" => repeat(&|n| {
                black_box(calls::add(n, 1));
            }),
            "log" => repeat(&|_| calls::log(Level::Info, "bench-guest....", MESSAGE)),
            "get" => repeat(&|_| {
                black_box(calls::get("some-key-of-16-b", size));
            }),
            "set" => {
                let value = vec![7; size as usize];
                repeat(&|_| calls::set("some-key-of-16-b", &value));
            }
            "mixed" => {
                let value = Mixed {
                    a: 1,
                    b: -2,
                    c: 3,
                    d: -4,
                    e: 5,
                    f: -6,
                    g: 7,
                    h: -8,
                    i: 9.5,
                    j: -10.5,
                    k: true,
                    l: 'm',
                };
                repeat(&|_| {
                    black_box(calls::echo_mixed(value));
                });
            }
            "records" => {
                let values: Vec<_> = (0..size)
                    .map(|n| Entry { id: n.into(), name: format!("entry-{n}"), ratio: 0.5 })
                    .collect();
                repeat(&|_| {
                    black_box(calls::records(&values));
                });
            }
            "strings" => {
                let values: Vec<_> = (0..size).map(|n| format!("string number {n}")).collect();
                repeat(&|_| {
                    black_box(calls::strings(&values));
                });
            }
            "method" => {
                let counter = Counter::new();
                repeat(&|_| {
                    black_box(counter.next());
                });
            }
            "ready" => repeat(&|n| {
                black_box(calls_async::ready(n));
            }),
            "yields" => repeat(&|n| {
                black_box(calls_async::yields(n));
            }),
            other => panic!("there is no case {other:?}"),
        }
    }
}

export!(Cases);
