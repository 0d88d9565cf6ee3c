//! The pollables that a component lends to a plugin.
//!
//! To wait for one takes its store. So it is the call that waits, which has the store, for
//! those that the plugin asks about: [`Awaited::poll`] tells the call, and the call tells
//! the plugin.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use wash_runtime::wasmtime::Result;
use wash_runtime::wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::Host as _;

/// A pollable that a plugin may ask about.
#[derive(Debug)]
pub(in super::super) struct Awaited {
    state: Mutex<State>,
    /// Tells the call that the plugin has asked.
    asked: Arc<Notify>,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked since it was ready.
    Idle,
    /// Who asked last.
    Asked(Waker),
    /// What the next who asks is told.
    Ready,
}

impl Awaited {
    /// Whether it has become ready since it was asked about. Whoever asks again waits again,
    /// as one whose stream was read in between is not ready any more.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if matches!(*state, State::Ready) {
            *state = State::Idle;
            return Poll::Ready(());
        }
        let asked = State::Asked(cx.waker().clone());
        let before = std::mem::replace(&mut *state, asked);
        drop(state);
        // The call knows of those that were asked about before.
        if matches!(before, State::Idle) {
            self.asked.notify_one();
        }
        Poll::Pending
    }

    fn is_asked_about(&self) -> bool {
        matches!(*self.state(), State::Asked(_))
    }

    fn is_ready(&self) {
        if let State::Asked(waker) = std::mem::replace(&mut *self.state(), State::Ready) {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pollables that were lent for one call, each with its place in the store's table.
#[derive(Debug, Default)]
pub(super) struct Pollables {
    all: Vec<(Arc<Awaited>, u32)>,
    asked: Arc<Notify>,
}

impl Pollables {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn add(&mut self, rep: u32) -> Arc<Awaited> {
        let awaited = Arc::new(Awaited {
            state: Mutex::new(State::Idle),
            asked: Arc::clone(&self.asked),
        });
        self.all.push((Arc::clone(&awaited), rep));
        awaited
    }

    /// Runs a call to its end, and waits meanwhile for what it asks about.
    pub(super) async fn serve<T>(
        &self,
        table: &mut ResourceTable,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut call = pin!(call);
        loop {
            let asked_about: Vec<&(Arc<Awaited>, u32)> = self
                .all
                .iter()
                .filter(|(awaited, _)| awaited.is_asked_about())
                .collect();
            tokio::select! {
                biased;
                ended = &mut call => return ended,
                () = self.asked.notified() => {}
                ready = ready(table, &asked_about) => {
                    for place in ready? {
                        if let Some((awaited, _)) = asked_about.get(place as usize) {
                            awaited.is_ready();
                        }
                    }
                }
            }
        }
    }
}

/// Waits until some of these are ready: which.
async fn ready(table: &mut ResourceTable, pollables: &[&(Arc<Awaited>, u32)]) -> Result<Vec<u32>> {
    if pollables.is_empty() {
        return std::future::pending().await;
    }
    let all = pollables
        .iter()
        .map(|(_, rep)| Resource::<DynPollable>::new_borrow(*rep))
        .collect();
    table.poll(all).await
}
