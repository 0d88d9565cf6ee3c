//! Counters as resources: held by components, given back, lent, kept.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({
    path: "../../wit/resources",
    world: "plugin",
    async: ["test:resources/counters#counter.next-later"],
});
use exports::test::resources::counters::{
    Counter as CounterHandle, CounterBorrow, Guest, GuestCounter, Lent, MaybeLent, Pair,
};
use exports::test::resources::shelf;

/// The plugin: how many counters there are in all, and those on the shelf.
struct Counters {
    alive: Arc<AtomicU32>,
    shelf: Mutex<Vec<CounterHandle>>,
}

/// What a counter is.
struct Counter {
    value: AtomicU32,
    alive: Arc<AtomicU32>,
}

impl Counter {
    fn new(plugin: &Counters, start: u32) -> Self {
        plugin.alive.fetch_add(1, Ordering::SeqCst);
        Self {
            value: AtomicU32::new(start),
            alive: Arc::clone(&plugin.alive),
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

fn value(counter: &CounterHandle) -> u32 {
    counter
        .get::<Counter>()
        .map_or(0, |counter| counter.value.load(Ordering::SeqCst))
}

fn lent_value(counter: &CounterBorrow<'_>) -> u32 {
    counter
        .get::<Counter>()
        .map_or(0, |counter| counter.value.load(Ordering::SeqCst))
}

fn show(lent: &Lent<'_>) -> String {
    let more: Vec<u32> = lent.more.iter().map(lent_value).collect();
    format!("{} {} {more:?}", lent.name, lent_value(&lent.one))
}

impl Plugin for Counters {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self {
            alive: Arc::default(),
            shelf: Mutex::default(),
        })
    }
}

impl GuestCounter<Counters> for Counter {
    fn new(plugin: &Counters, _: &Call<'_>, start: u32) -> Self {
        Self::new(plugin, start)
    }

    fn try_new(
        plugin: &Counters,
        _: &Call<'_>,
        start: i64,
    ) -> std::result::Result<CounterHandle, String> {
        match u32::try_from(start) {
            Ok(start) => Ok(CounterHandle::new(Self::new(plugin, start))),
            Err(_) => Err(format!("{start} is no start for a counter")),
        }
    }

    fn next(&self, _: &Counters, _: &Call<'_>) -> u32 {
        self.value.fetch_add(1, Ordering::SeqCst)
    }

    async fn next_later(&self, _: &Counters, _: &Call<'_>) -> u32 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.value.fetch_add(1, Ordering::SeqCst)
    }

    fn merge(
        plugin: &Counters,
        _: &Call<'_>,
        given: CounterHandle,
        lent: CounterBorrow<'_>,
    ) -> CounterHandle {
        CounterHandle::new(Self::new(plugin, value(&given) + lent_value(&lent)))
    }
}

impl Guest for Counters {
    type Counter = Counter;

    fn make_pair(&self, _: &Call<'_>, start: u32) -> Pair {
        let make = |start| CounterHandle::new(Counter::new(self, start));
        Pair {
            left: make(start),
            right: start.is_multiple_of(2).then(|| make(start + 1)),
        }
    }

    fn make_many(&self, _: &Call<'_>, count: u32) -> Vec<CounterHandle> {
        (0..count)
            .map(|n| CounterHandle::new(Counter::new(self, n)))
            .collect()
    }

    fn take_pair(&self, _: &Call<'_>, pair: Pair) -> u32 {
        value(&pair.left) + pair.right.as_ref().map_or(0, value)
    }

    fn take_many(&self, _: &Call<'_>, all: Vec<CounterHandle>) -> u32 {
        all.iter().map(value).sum()
    }

    fn lend_many(&self, _: &Call<'_>, all: Vec<CounterBorrow<'_>>) -> u32 {
        all.iter().map(lent_value).sum()
    }

    fn look(&self, _: &Call<'_>, all: Vec<MaybeLent<'_>>, again: Lent<'_>) -> String {
        let shown = all.iter().map(|lent| match lent {
            MaybeLent::None => "none".to_owned(),
            MaybeLent::One(counter) => lent_value(counter).to_string(),
            MaybeLent::Named(lent) => show(lent),
        });
        let shown: Vec<String> = shown.chain([show(&again)]).collect();
        shown.join("; ")
    }

    fn alive(&self, _: &Call<'_>) -> u32 {
        self.alive.load(Ordering::SeqCst)
    }
}

impl shelf::Guest for Counters {
    fn put(&self, _: &Call<'_>, counter: shelf::Counter) {
        self.shelf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(counter);
    }

    fn get(&self, _: &Call<'_>) -> Option<shelf::Counter> {
        self.shelf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }
}

wash_plugin_abi::export!(Counters);
