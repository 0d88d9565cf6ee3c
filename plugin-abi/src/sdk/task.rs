//! A future of the plugin, behind the vtable that the host drives it by.
#![allow(
    unsafe_code,
    reason = "a future is handed to the host as a pointer and two functions"
)]

use std::ffi::c_void;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::room::Room;
use super::{panic, runtime};
use crate::abi::{FutureV1, FutureVtableV1, OutBuf, PendingV1, Status, WakerV1, with_waker};

/// Polls `future` once. If it is done, `write` puts down its outcome; if not,
/// the host gets it.
///
/// # Safety
///
/// `pending` must point to a slot with a valid waker. What `future` borrows
/// must stay alive until the host drops it, whatever its lifetime here says.
pub(super) unsafe fn start<F, W>(
    future: F,
    write: W,
    out: &mut OutBuf,
    pending: *mut PendingV1,
) -> Status
where
    F: Future + Send,
    W: FnOnce(F::Output, &mut OutBuf) -> Status + Send,
{
    if pending.is_null() {
        out.set_text("the host called an asynchronous function without a place for its future");
        return Status::FAILED;
    }
    let _entered = match runtime::enter() {
        Ok(entered) => entered,
        Err(error) => return no_runtime(&error, out),
    };
    // Dropped while the runtime is entered, as futures of tokio's need that.
    let mut task = Room::new(Task {
        future,
        write: Some(write),
    });
    // SAFETY: the task stays where it is until it is dropped; and the caller's
    // promise about the slot.
    let status = unsafe { Pin::new_unchecked(&mut *task).poll(&raw const (*pending).waker, out) };
    if status == Status::PENDING {
        let future = FutureV1 {
            // It stays pinned, in `poll` and `drop` below.
            data: task.into_raw().cast(),
            vtable: &raw const *Task::<F, W>::VTABLE,
        };
        // SAFETY: the caller's promise about the slot.
        unsafe { (*pending).future = future };
    }
    status
}

#[cold]
fn no_runtime(error: &std::io::Error, out: &mut OutBuf) -> Status {
    out.set_text(&format!("the plugin's async runtime cannot start: {error}"));
    Status::FAILED
}

struct Task<F, W> {
    future: F,
    write: Option<W>,
}

impl<F, W> Task<F, W>
where
    F: Future + Send,
    W: FnOnce(F::Output, &mut OutBuf) -> Status + Send,
{
    const VTABLE: &'static FutureVtableV1 = &FutureVtableV1 {
        size: size_of::<FutureVtableV1>(),
        poll: poll::<F, W>,
        drop: drop_task::<F, W>,
    };

    /// Polls the future; the runtime is entered.
    ///
    /// # Safety
    ///
    /// `waker` must point to a valid waker.
    unsafe fn poll(self: Pin<&mut Self>, waker: *const WakerV1, out: &mut OutBuf) -> Status {
        // SAFETY: `future` is pinned with the task and never moved out of it;
        // `write` is not pinned.
        let (future, write) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.write)
        };
        // SAFETY: the caller's promise.
        let polled = unsafe { with_waker(waker, |w| future.poll(&mut Context::from_waker(w))) };
        match (polled, write.take()) {
            (Poll::Ready(output), Some(write)) => write(output, out),
            (Poll::Pending, taken) => {
                *write = taken;
                Status::PENDING
            }
            (Poll::Ready(_), None) => {
                out.set_text("the host polled a future that was done");
                Status::FAILED
            }
        }
    }
}

/// # Safety
///
/// As [`FutureVtableV1::poll`]: `data` comes from [`start`], `waker` and `out`
/// are valid.
unsafe extern "C" fn poll<F, W>(
    data: *mut c_void,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status
where
    F: Future + Send,
    W: FnOnce(F::Output, &mut OutBuf) -> Status + Send,
{
    // SAFETY: the caller's promise.
    let out = unsafe { &mut *out };
    panic::guard(out, |out| {
        let _entered = match runtime::enter() {
            Ok(entered) => entered,
            Err(error) => return no_runtime(&error, out),
        };
        // SAFETY: `start` pinned the task; calls for it do not overlap.
        unsafe { Pin::new_unchecked(&mut *data.cast::<Task<F, W>>()).poll(waker, out) }
    })
}

/// # Safety
///
/// As [`FutureVtableV1::drop`]: `data` comes from [`start`], once.
unsafe extern "C" fn drop_task<F, W>(data: *mut c_void) {
    panic::guard_silent(|| {
        // Futures of tokio's need its runtime as they are dropped, too.
        let _entered = runtime::enter();
        // SAFETY: `start` left it to us; it is dropped in place here.
        drop(unsafe { Room::from_raw(data.cast::<Task<F, W>>()) });
    });
}
