//! The streams and futures of components that a plugin has, by number.
#![allow(
    unsafe_code,
    reason = "the plugin calls these functions with raw values"
)]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use wash_plugin_abi::abi::{ChannelV1, OutBuf, Status, WakerV1, with_waker};
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::wasmtime::component::{FutureConsumer, Source, StreamConsumer, StreamResult};
use wash_runtime::wasmtime::{AsContextMut as _, Result, StoreContextMut, error::format_err};

use super::super::host::HostSide;
use super::super::instance::Instance;
use super::super::numbered::Numbered;
use super::super::resources::{self, Taken};
use crate::flat::{Carried, Frame, Payload, PooledFrame, Readable};

/// What the host offers as [`wash_plugin_abi::abi::EXT_CHANNEL`].
pub(in super::super) static CHANNEL: ChannelV1 = ChannelV1 {
    size: size_of::<ChannelV1>(),
    read,
    drop: drop_end,
};

/// The readable ends that one plugin has.
#[derive(Default)]
pub(in super::super) struct Channels(Numbered<End>);

/// What the plugin and the consumer in the component's store share.
struct End(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many items the plugin waits for. Before it does, none is taken from the
    /// component.
    wanted: usize,
    /// What was taken for it.
    ready: Option<(PooledFrame, Taken)>,
    /// The plugin, while it waits.
    reader: Option<Waker>,
    /// The component, while it waits.
    writer: Option<Waker>,
    /// There will be no more.
    ended: bool,
    /// The plugin has given it up.
    given_up: bool,
}

impl End {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channels {
    /// Gives an end up: the component is told when it writes.
    pub(in super::super) fn give_up(&self, number: u32) {
        let Some(end) = self.0.take(number) else {
            return;
        };
        let (unread, wakers) = {
            let mut state = end.state();
            state.given_up = true;
            (
                state.ready.take(),
                [state.reader.take(), state.writer.take()],
            )
        };
        drop(unread);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Gives up those of a workload, or all.
    pub(in super::super) fn release(&self, workload: Option<u64>) {
        for number in self.0.of(workload) {
            self.give_up(number);
        }
    }

    /// How many of them a component can still write to, or have something that the
    /// plugin has not read yet.
    pub(in super::super) fn open(&self) -> usize {
        self.0.count(|end| {
            let state = end.state();
            !state.ended || state.ready.is_some()
        })
    }
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channels({})", self.0.len())
    }
}

/// Takes over the ends among the arguments of a call, on behalf of the workload of
/// that number, and writes what the plugin knows them by to the buffer.
pub(in super::super) fn accept(
    mut store: StoreContextMut<'_, SharedCtx>,
    plugin: &Arc<Instance>,
    frame: &mut Frame,
    workload: u64,
    taken: &mut Taken,
) -> Result<()> {
    let (ends, args) = (&mut frame.ends, &mut frame.args);
    for given in ends.drain(..) {
        let end = Arc::new(End(Mutex::default()));
        let number = plugin.host().channels.0.insert(Arc::clone(&end), workload);
        taken.channel(plugin, number);
        if !plugin.is_bound(workload) {
            // It was unbound before this one was there to be released with it.
            plugin.host().channels.give_up(number);
        }
        let store = store.as_context_mut();
        let taking = Taking {
            end,
            plugin: Arc::clone(plugin),
            workload,
            carried: given.carried,
        };
        match given.readable {
            Readable::Bytes(reader) => reader.pipe(store, Consumer::new(taking))?,
            Readable::Units(reader) => reader.pipe(store, Consumer::new(taking))?,
            Readable::Items(reader) => reader.pipe(store, Consumer::new(taking))?,
            Readable::Value(reader) => reader.pipe(store, Consumer::new(taking))?,
            Readable::Signal(reader) => reader.pipe(store, Consumer::new(taking))?,
        }
        resources::put_number(args, given.at, number)?;
    }
    Ok(())
}

/// Takes from the component what the plugin waits for. Dropped by whoever goes: the
/// component's end, or its store.
struct Consumer<T> {
    taking: Taking,
    payload: PhantomData<fn() -> T>,
}

/// From which end, and for whom.
struct Taking {
    end: Arc<End>,
    plugin: Arc<Instance>,
    workload: u64,
    /// What is taken, if another plugin may have given it.
    carried: Option<Arc<Carried>>,
}

impl<T: Payload> Consumer<T> {
    fn new(taking: Taking) -> Self {
        Self {
            taking,
            payload: PhantomData,
        }
    }

    fn carried(&self) -> Option<&Carried> {
        self.taking.carried.as_deref()
    }

    /// How many items the plugin waits for; `None` if it has given the end up.
    fn poll_wanted(&self, cx: &Context<'_>) -> Poll<Option<usize>> {
        let mut state = self.taking.end.state();
        if state.given_up {
            return Poll::Ready(None);
        }
        if state.wanted == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(state.wanted))
    }

    /// Hands over what was taken.
    fn hand_over(
        &self,
        store: StoreContextMut<'_, SharedCtx>,
        mut frame: PooledFrame,
    ) -> Result<()> {
        let Taking {
            end,
            plugin,
            workload,
            ..
        } = &self.taking;
        let taken = resources::take(store, plugin, &mut frame, *workload)?;
        let (reader, unread) = {
            let mut state = end.state();
            let taken = (frame, taken);
            let unread = if state.given_up {
                Some(taken)
            } else {
                state.ready.replace(taken)
            };
            state.wanted = 0;
            (state.reader.take(), unread)
        };
        drop(unread);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }
}

impl<T: Payload> StreamConsumer<SharedCtx> for Consumer<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, SharedCtx>,
        source: Source<'_, T>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let wanted = match self.poll_wanted(cx) {
            // Nothing was taken, so there is nothing to undo.
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(Some(wanted)) => wanted,
        };
        let some = source.remaining(&mut store).min(wanted).min(T::MOST);
        if some > 0 {
            let frame = T::take_list(source, store.as_context_mut(), some, self.carried())?;
            self.hand_over(store, frame)?;
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl<T: Payload> FutureConsumer<SharedCtx> for Consumer<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, SharedCtx>,
        source: Source<'_, T>,
        finish: bool,
    ) -> Poll<Result<()>> {
        // A value that the plugin does not want is taken all the same: a future has
        // no other way to let the component go on.
        let wanted = self.poll_wanted(cx);
        if finish && wanted.is_pending() {
            return Poll::Ready(Ok(()));
        }
        let _ = ready!(wanted);
        let frame = T::take_value(source, store.as_context_mut(), self.carried())?;
        self.hand_over(store, frame)?;
        // There is one value.
        self.taking.end.state().ended = true;
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        let reader = {
            let mut state = self.taking.end.state();
            state.ended = true;
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// # Safety
///
/// As [`ChannelV1::read`]: `data` is the host's, waker and `out` are valid.
unsafe extern "C" fn read(
    data: *const c_void,
    number: u32,
    max: usize,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the caller's promise.
    let (side, out) = unsafe { (HostSide::from_data(data), &mut *out) };
    // A waker's own code may panic.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let Some(end) = side.channels.0.get(number) else {
            return Ok(Status::CLOSED);
        };
        let (ready, writer) = {
            let mut state = end.state();
            let ready = state.ready.take();
            if ready.is_none() {
                if state.ended || state.given_up {
                    return Ok(Status::CLOSED);
                }
                state.wanted = max.max(1);
                // SAFETY: the caller's promise.
                state.reader = Some(unsafe { with_waker(waker, Waker::clone) });
            }
            (ready, state.writer.take())
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        let Some((frame, taken)) = ready else {
            return Ok(Status::PENDING);
        };
        out.clear();
        out.extend(frame.args.as_slice())
            .map_err(|error| format_err!("what was read cannot be passed: {error}"))?;
        taken.by_plugin();
        Ok::<_, wash_runtime::wasmtime::Error>(Status::OK)
    }));
    match ended {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            out.set_text(&error.to_string());
            Status::FAILED
        }
        Err(_) => {
            out.set_text("the component's stream panicked");
            Status::FAILED
        }
    }
}

/// # Safety
///
/// As [`ChannelV1::drop`]: `data` is the host's.
unsafe extern "C" fn drop_end(data: *const c_void, number: u32) {
    // SAFETY: the caller's promise.
    let side = unsafe { HostSide::from_data(data) };
    let _ = catch_unwind(AssertUnwindSafe(|| side.channels.give_up(number)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_held_until_it_is_read() {
        let channels = Channels::default();
        let end = Arc::new(End(Mutex::default()));
        channels.0.insert(Arc::clone(&end), 1);
        assert_eq!(channels.open(), 1);
        end.state().ready = Some((PooledFrame::take(), Taken::default()));
        end.state().ended = true;
        assert_eq!(channels.open(), 1);
        let read = end.state().ready.take();
        assert!(read.is_some());
        assert_eq!(channels.open(), 0);
    }
}
