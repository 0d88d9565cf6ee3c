//! Does next to nothing in each function, to measure the way to it. What it
//! does is what `benches/` does compiled in.

use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({
    path: "../../wit/bench",
    world: "plugin",
    async: ["test:bench/calls-async"],
});
use exports::test::bench::calls::{Entry, Guest, GuestCounter, Level, Mixed};
use exports::test::bench::calls_async;

struct Bench {
    blob: Vec<u8>,
}

struct Counter(AtomicU32);

impl Plugin for Bench {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self {
            blob: vec![7; 1 << 20],
        })
    }
}

impl GuestCounter<Bench> for Counter {
    fn new(_: &Bench, _: &Call<'_>) -> Self {
        Self(AtomicU32::new(0))
    }

    fn next(&self, _: &Bench, _: &Call<'_>) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Guest for Bench {
    type Counter = Counter;

    fn add(&self, _: &Call<'_>, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn log(&self, _: &Call<'_>, level: Level, context: &str, message: &str) {
        black_box((level, context, message));
    }

    fn get(&self, _: &Call<'_>, key: &str, size: u32) -> Option<Vec<u8>> {
        black_box(key);
        self.blob.get(..size as usize).map(<[u8]>::to_vec)
    }

    fn set(&self, _: &Call<'_>, key: &str, value: &[u8]) {
        black_box((key, value));
    }

    fn echo_mixed(&self, _: &Call<'_>, value: Mixed) -> Mixed {
        value
    }

    fn records(&self, _: &Call<'_>, values: Vec<Entry>) -> u32 {
        black_box(&values);
        u32::try_from(values.len()).unwrap_or(u32::MAX)
    }

    fn strings(&self, _: &Call<'_>, values: Vec<&str>) -> u32 {
        black_box(&values);
        u32::try_from(values.len()).unwrap_or(u32::MAX)
    }
}

impl calls_async::Guest for Bench {
    async fn ready(&self, _: &Call<'_>, a: u32) -> u32 {
        a.wrapping_add(1)
    }

    async fn yields(&self, _: &Call<'_>, a: u32) -> u32 {
        let mut yielded = false;
        let once = std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        pin!(once).await;
        a.wrapping_add(1)
    }
}

wash_plugin_abi::export!(Bench);
