//! The clock that interrupts guests.
//!
//! Compiled code looks at its engine's epoch at each function's entry and each
//! turn of a loop. A thread moves the epoch on every [`TICK`], and a store that
//! sees it move gives way to the executor it runs on. So a guest that computes
//! without end neither keeps a thread to itself nor outlives its stop: whoever
//! drops the future of its call ends it at the next tick.
//!
//! The thread sleeps while there are no stores, and ends with the engine.

use std::{
    fmt, io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use wasmtime::{EngineWeak, Store, StoreContextMut, UpdateDeadline};

/// How long a guest computes before it gives way.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Moves an engine's epoch on for as long as there are stores that look at it.
/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ticker {
    owner: Arc<Owner>,
}

/// Lets the thread end when the last one who could make a store is gone.
struct Owner {
    state: Arc<State>,
}

struct State {
    stores: Mutex<Stores>,
    changed: Condvar,
    /// What the instants below are counted from.
    start: Instant,
    /// The last tick, in nanoseconds after the start.
    last_tick: AtomicU64,
}

#[derive(Default)]
struct Stores {
    alive: usize,
    /// There will be no more of them.
    closed: bool,
    /// The thread sleeps until there are some. To wake somebody is a call of the
    /// system's, even if nobody sleeps.
    is_asleep: bool,
}

/// A store that looks at the epoch. Dropped with the store.
pub(crate) struct Ticking {
    state: Arc<State>,
}

impl Ticker {
    /// Starts the clock of an engine.
    pub(super) fn start(engine: &wasmtime::Engine) -> io::Result<Self> {
        let state = Arc::new(State {
            stores: Mutex::default(),
            changed: Condvar::new(),
            start: Instant::now(),
            last_tick: AtomicU64::new(0),
        });
        let (engine, of_thread) = (engine.weak(), Arc::clone(&state));
        thread::Builder::new()
            .name("wash-epochs".to_string())
            .spawn(move || of_thread.run(&engine))?;
        Ok(Self {
            owner: Arc::new(Owner { state }),
        })
    }

    /// Has the store give way at each tick as `on_tick` says.
    ///
    /// From here on the store takes asynchronous calls only: there is nobody
    /// to give way to in a synchronous one.
    pub(crate) fn interrupt<T: 'static>(
        &self,
        store: &mut Store<T>,
        mut on_tick: impl FnMut(StoreContextMut<'_, T>, &Ticking) -> wasmtime::Result<UpdateDeadline>
        + Send
        + Sync
        + 'static,
    ) {
        let ticking = self.owner.state.enter();
        // For what it says of synchronous calls; the callback replaces the rest.
        store.epoch_deadline_async_yield_and_update(1);
        store.epoch_deadline_callback(move |store| on_tick(store, &ticking));
        store.set_epoch_deadline(1);
    }
}

impl Ticking {
    /// How long ago the last tick was. A guest that was computing at the time
    /// is interrupted at once; one that was waiting, when it goes on.
    pub(crate) fn since_tick(&self) -> Duration {
        let last = Duration::from_nanos(self.state.last_tick.load(Ordering::Relaxed));
        self.state.start.elapsed().saturating_sub(last)
    }
}

impl State {
    fn enter(self: &Arc<Self>) -> Ticking {
        let mut stores = self.lock();
        stores.alive += 1;
        let is_asleep = std::mem::take(&mut stores.is_asleep);
        drop(stores);
        if is_asleep {
            self.changed.notify_one();
        }
        Ticking {
            state: Arc::clone(self),
        }
    }

    fn run(&self, engine: &EngineWeak) {
        while self.wait_for_stores() {
            thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.last_tick.store(now, Ordering::Relaxed);
            engine.increment_epoch();
        }
    }

    /// False if there will never be any.
    fn wait_for_stores(&self) -> bool {
        let mut stores = self.lock();
        while stores.alive == 0 {
            if stores.closed {
                return false;
            }
            stores.is_asleep = true;
            stores = self
                .changed
                .wait(stores)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Stores> {
        // No code that could panic runs under the lock.
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        let mut stores = self.state.lock();
        stores.alive = stores.alive.saturating_sub(1);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.state.lock().closed = true;
        self.state.changed.notify_one();
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker")
            .field("stores", &self.owner.state.lock().alive)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use wasmtime::{Config, Engine, Store, UpdateDeadline};

    use super::{State, Ticker};

    fn start() -> (Engine, Ticker, Weak<State>) {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let ticker = Ticker::start(&engine).unwrap();
        let state = Arc::downgrade(&ticker.owner.state);
        (engine, ticker, state)
    }

    /// The thread holds the state: when it is gone, so is the thread.
    fn wait_for_end(state: &Weak<State>) {
        while state.upgrade().is_some() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_thread_ends_with_the_last_owner() {
        let (_engine, ticker, state) = start();
        let clone = ticker.clone();
        drop(ticker);
        assert!(state.upgrade().is_some());
        drop(clone);
        wait_for_end(&state);
    }

    #[test]
    fn the_thread_goes_on_for_a_store_that_outlives_the_owners() {
        let (engine, ticker, state) = start();
        let mut store = Store::new(&engine, ());
        ticker.interrupt(&mut store, |_, _| Ok(UpdateDeadline::Yield(1)));
        drop(ticker);
        let before = state
            .upgrade()
            .unwrap()
            .last_tick
            .load(std::sync::atomic::Ordering::Relaxed);
        while state
            .upgrade()
            .unwrap()
            .last_tick
            .load(std::sync::atomic::Ordering::Relaxed)
            == before
        {
            std::thread::yield_now();
        }
        drop(store);
        wait_for_end(&state);
    }
}
