//! The plugin's streams and pollables, as the host uses them for components.
#![allow(unsafe_code, reason = "these functions are the ABI's entry points")]

use std::any::Any;
use std::ffi::c_void;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::CHUNK;
use super::input::InputEnd;
use super::output::OutputEnd;
use super::pollable::PollEnd;
use crate::abi::{OutBuf, Slice, Status, StreamV1, WakerV1, with_waker};
use crate::sdk::resource::slab;
use crate::sdk::{panic, runtime};

/// Behind [`crate::abi::EXT_STREAM`].
pub(crate) const STREAM: &StreamV1 = &StreamV1 {
    size: size_of::<StreamV1>(),
    read,
    ready,
    write,
    flush,
    drop: drop_stream,
};

/// The end that a number stands for, if it is a `T`.
fn end<T: Any + Send + Sync>(number: u32) -> io::Result<Arc<T>> {
    slab()
        .get(number)
        .and_then(|value| value.downcast().ok())
        .ok_or_else(|| {
            io::Error::new(
                ErrorKind::NotFound,
                format!("{number:#x} is not a stream that is alive: the plugin or the workload is being stopped"),
            )
        })
}

fn outcome(result: io::Result<()>, out: &mut OutBuf) -> Status {
    match result {
        Ok(()) => Status::OK,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Status::CLOSED,
        Err(error) => {
            out.set_text(&error.to_string());
            Status::FAILED
        }
    }
}

/// Runs `f` in the plugin's runtime, with the host's waker.
///
/// # Safety
///
/// `waker` must point to a waker of the host that stays valid until this
/// returns.
unsafe fn polled(
    waker: *const WakerV1,
    out: &mut OutBuf,
    f: impl FnOnce(&mut Context<'_>, &mut OutBuf) -> Poll<io::Result<Status>>,
) -> Status {
    let entered = runtime::enter();
    let polled = match &entered {
        // SAFETY: the caller's promise.
        Ok(_) => unsafe { with_waker(waker, |w| f(&mut Context::from_waker(w), out)) },
        Err(error) => Poll::Ready(Err(io::Error::new(error.kind(), error.to_string()))),
    };
    match polled {
        Poll::Pending => Status::PENDING,
        Poll::Ready(Ok(status)) => status,
        Poll::Ready(Err(error)) => outcome(Err(error), out),
    }
}

/// # Safety
///
/// As [`StreamV1::read`]: waker and `out` are valid for the call.
unsafe extern "C" fn read(
    _: *const c_void,
    number: u32,
    max: usize,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the caller's promise.
    let out = unsafe { &mut *out };
    panic::guard(out, |out| {
        // SAFETY: the caller's promise.
        unsafe {
            polled(waker, out, |cx, out| {
                let end = end::<InputEnd>(number)?;
                out.clear();
                let room = out.append_zeros(max.clamp(1, CHUNK));
                room.map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
                let mut buf = ReadBuf::new(out.as_mut_slice());
                let polled = end.read(cx, &mut buf);
                let filled = buf.filled().len();
                out.truncate(filled);
                polled.map_ok(|()| {
                    if filled > 0 {
                        Status::OK
                    } else {
                        Status::CLOSED
                    }
                })
            })
        }
    })
}

/// # Safety
///
/// As [`StreamV1::ready`]: waker, `room` and `out` are valid for the call.
unsafe extern "C" fn ready(
    _: *const c_void,
    number: u32,
    waker: *const WakerV1,
    room: *mut usize,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the caller's promise.
    let (out, room) = unsafe { (&mut *out, &mut *room) };
    panic::guard(out, |out| {
        // SAFETY: the caller's promise.
        unsafe {
            polled(waker, out, |cx, _| {
                if let Ok(pollable) = end::<PollEnd>(number) {
                    return pollable.ready(cx).map(|()| Ok(Status::OK));
                }
                let end = end::<OutputEnd>(number)?;
                end.ready(cx).map_ok(|more| {
                    *room = more;
                    Status::OK
                })
            })
        }
    })
}

/// # Safety
///
/// As [`StreamV1::write`]: `bytes` and `out` are valid for the call.
unsafe extern "C" fn write(
    _: *const c_void,
    number: u32,
    bytes: Slice,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the caller's promise.
    let (bytes, out) = unsafe { (bytes.as_bytes(), &mut *out) };
    panic::guard(out, |out| {
        let _entered = runtime::enter();
        outcome(
            end::<OutputEnd>(number).and_then(|end| end.write(bytes)),
            out,
        )
    })
}

/// # Safety
///
/// As [`StreamV1::flush`]: `out` is valid for the call.
unsafe extern "C" fn flush(_: *const c_void, number: u32, out: *mut OutBuf) -> Status {
    // SAFETY: the caller's promise.
    let out = unsafe { &mut *out };
    panic::guard(out, |out| {
        let _entered = runtime::enter();
        outcome(end::<OutputEnd>(number).and_then(|end| end.flush()), out)
    })
}

unsafe extern "C" fn drop_stream(_: *const c_void, number: u32) {
    panic::guard_silent(|| {
        let _entered = runtime::enter();
        drop(slab().take(number));
    });
}
