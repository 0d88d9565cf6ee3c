//! The streams of components that a plugin has, by number.
#![allow(
    unsafe_code,
    reason = "the plugin calls these functions with raw values"
)]

use std::ffi::c_void;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use wash_plugin_abi::abi::{OutBuf, Slice, Status, StreamV1, WakerV1, with_waker};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, Pollable as _, StreamError};

use super::super::host::HostSide;
use super::super::numbered::Numbered;
use super::awaited::Awaited;

/// What the host offers as [`wash_plugin_abi::abi::EXT_STREAM`].
pub(in super::super) static STREAM: StreamV1 = StreamV1 {
    size: size_of::<StreamV1>(),
    read,
    ready,
    write,
    flush,
    drop: drop_stream,
};

/// A component's stream.
pub(in super::super) enum Stream {
    Input(DynInputStream),
    Output(DynOutputStream),
    Pollable(Arc<Awaited>),
}

/// The streams that one plugin has.
pub(in super::super) struct Streams {
    all: Numbered<End>,
    /// The runtime that components run in, and so their streams.
    runtime: Handle,
}

struct End(Mutex<State>);

struct State {
    /// Only a future in `waiting` keeps it locked.
    stream: Arc<AsyncMutex<Stream>>,
    /// Waits until the stream is ready. Dropped and made again at each poll, it
    /// would forget whom to wake.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Streams {
    /// None yet; of components that run in this runtime.
    pub(in super::super) fn new(runtime: Handle) -> Self {
        Self {
            all: Numbered::default(),
            runtime,
        }
    }

    /// Keeps a stream: its number.
    pub(super) fn insert(&self, stream: Stream, workload: u64) -> u32 {
        let end = End(Mutex::new(State {
            stream: Arc::new(AsyncMutex::new(stream)),
            waiting: None,
        }));
        self.all.insert(Arc::new(end), workload)
    }

    /// The stream of that number, which goes; `None` if the plugin uses it just
    /// now, in a call that it was not lent for.
    pub(super) fn take(&self, number: u32) -> Option<Stream> {
        let state = Arc::into_inner(self.all.take(number)?)?.0;
        let mut state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.waiting = None;
        Arc::into_inner(state.stream).map(AsyncMutex::into_inner)
    }

    /// Drops the streams of a workload, or all.
    pub(in super::super) fn release(&self, workload: Option<u64>) {
        for number in self.all.of(workload) {
            self.give_up(number);
        }
    }

    /// As a component drops a stream: what runs for it is cancelled.
    pub(in super::super) fn give_up(&self, number: u32) {
        let Some(stream) = self.take(number) else {
            return;
        };
        self.runtime.spawn(async move {
            match stream {
                Stream::Input(mut stream) => stream.cancel().await,
                Stream::Output(mut stream) => stream.cancel().await,
                Stream::Pollable(_) => {}
            }
        });
    }

    /// How many the plugin has.
    pub(in super::super) fn open(&self) -> usize {
        self.all.len()
    }

    fn get(&self, number: u32) -> Result<Arc<End>, StreamError> {
        self.all.get(number).ok_or_else(|| {
            StreamError::trap("the stream was given back, or its workload is stopped")
        })
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Streams({})", self.all.len())
    }
}

impl State {
    /// Waits until the stream is ready, then asks it: `None` is asked again.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        ask: impl FnOnce(&mut Stream) -> Result<Option<T>, StreamError>,
    ) -> Poll<Result<T, StreamError>> {
        let stream = Arc::clone(&self.stream);
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::pin(async move {
                match &mut *stream.lock_owned().await {
                    Stream::Input(stream) => stream.ready().await,
                    Stream::Output(stream) => stream.ready().await,
                    Stream::Pollable(awaited) => poll_fn(|cx| awaited.poll(cx)).await,
                }
            })
        });
        if waiting.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.waiting = None;
        match self.now(ask).transpose() {
            Some(answer) => Poll::Ready(answer),
            None => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn now<T>(
        &mut self,
        ask: impl FnOnce(&mut Stream) -> Result<T, StreamError>,
    ) -> Result<T, StreamError> {
        // Who asks does not wait any more.
        self.waiting = None;
        match self.stream.try_lock() {
            Ok(mut stream) => ask(&mut stream),
            Err(_) => Err(StreamError::trap("the stream is in use")),
        }
    }
}

fn wrong<T>() -> Result<T, StreamError> {
    Err(StreamError::trap(
        "an input stream is read, an output stream is written to, and a pollable waited for",
    ))
}

/// Runs `f` with the state of a stream, in the runtime of components. `None`
/// is [`Status::PENDING`].
///
/// # Safety
///
/// `data` must be the host's, and `out` valid for the call.
unsafe fn entry(
    data: *const c_void,
    number: u32,
    out: *mut OutBuf,
    f: impl FnOnce(&mut State, &mut OutBuf) -> Poll<Result<(), StreamError>>,
) -> Status {
    // SAFETY: the caller's promise.
    let (side, out) = unsafe { (HostSide::from_data(data), &mut *out) };
    let streams = &side.streams;
    // A stream's own panic must not cross into the plugin.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let end = match streams.get(number) {
            Ok(end) => end,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let _entered = streams.runtime.enter();
        let mut state = end.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut state, out)
    }));
    match ended {
        Ok(Poll::Pending) => Status::PENDING,
        Ok(Poll::Ready(Ok(()))) => Status::OK,
        Ok(Poll::Ready(Err(StreamError::Closed))) => Status::CLOSED,
        Ok(Poll::Ready(Err(error))) => {
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
/// As [`StreamV1::read`]: `data` is the host's, waker and `out` are valid.
unsafe extern "C" fn read(
    data: *const c_void,
    number: u32,
    max: usize,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    let ask = |stream: &mut Stream| match stream {
        Stream::Input(stream) => {
            let bytes = stream.read(max)?;
            Ok((!bytes.is_empty()).then_some(bytes))
        }
        Stream::Output(_) | Stream::Pollable(_) => wrong(),
    };
    // SAFETY: the caller's promise.
    unsafe {
        entry(data, number, out, |state, out| {
            let polled = with_waker(waker, |w| state.poll(&mut Context::from_waker(w), ask));
            polled.map(|bytes| {
                out.clear();
                out.extend(&bytes?)
                    .map_err(|_| StreamError::trap("there is no memory for what was read"))
            })
        })
    }
}

/// # Safety
///
/// As [`StreamV1::ready`]: `data` is the host's, the other pointers are valid.
unsafe extern "C" fn ready(
    data: *const c_void,
    number: u32,
    waker: *const WakerV1,
    room: *mut usize,
    out: *mut OutBuf,
) -> Status {
    let ask = |stream: &mut Stream| match stream {
        Stream::Output(stream) => {
            let room = stream.check_write()?;
            Ok((room > 0).then_some(room))
        }
        Stream::Pollable(_) => Ok(Some(0)),
        Stream::Input(_) => wrong(),
    };
    // SAFETY: the caller's promise.
    unsafe {
        entry(data, number, out, |state, _| {
            let polled = with_waker(waker, |w| state.poll(&mut Context::from_waker(w), ask));
            polled.map_ok(|more| *room = more)
        })
    }
}

/// # Safety
///
/// As [`StreamV1::write`]: `data` is the host's, `bytes` and `out` are valid.
unsafe extern "C" fn write(
    data: *const c_void,
    number: u32,
    bytes: Slice,
    out: *mut OutBuf,
) -> Status {
    let ask = |stream: &mut Stream| match stream {
        // SAFETY: the caller's promise.
        Stream::Output(stream) => stream.write(Bytes::copy_from_slice(unsafe { bytes.as_bytes() })),
        Stream::Input(_) | Stream::Pollable(_) => wrong(),
    };
    // SAFETY: the caller's promise.
    unsafe { entry(data, number, out, |state, _| Poll::Ready(state.now(ask))) }
}

/// # Safety
///
/// As [`StreamV1::flush`]: `data` is the host's, `out` is valid.
unsafe extern "C" fn flush(data: *const c_void, number: u32, out: *mut OutBuf) -> Status {
    let ask = |stream: &mut Stream| match stream {
        Stream::Output(stream) => stream.flush(),
        Stream::Input(_) | Stream::Pollable(_) => wrong(),
    };
    // SAFETY: the caller's promise.
    unsafe { entry(data, number, out, |state, _| Poll::Ready(state.now(ask))) }
}

/// # Safety
///
/// As [`StreamV1::drop`]: `data` is the host's.
unsafe extern "C" fn drop_stream(data: *const c_void, number: u32) {
    // SAFETY: the caller's promise.
    let side = unsafe { HostSide::from_data(data) };
    let _ = catch_unwind(AssertUnwindSafe(|| side.streams.give_up(number)));
}
