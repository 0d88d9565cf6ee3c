//! Drives the other side's futures: [`begin`], and [`ForeignFuture`].
#![allow(unsafe_code, reason = "the other side's future is raw by nature")]

use std::task::Context;

use super::{Buffer, FutureV1, OutBuf, PendingV1, Status, lend_waker};

/// A future of the other side's that has not ended. Dropped early, it is cancelled.
#[derive(Debug)]
pub struct ForeignFuture(FutureV1);

// SAFETY: the ABI says that a future may be polled and dropped from any
// thread, one call at a time; `poll` takes `&mut self`.
unsafe impl Send for ForeignFuture {}
// SAFETY: shared access does nothing.
unsafe impl Sync for ForeignFuture {}

impl ForeignFuture {
    /// Polls; the result or error is in `out`, unless it is pending.
    pub fn poll(&mut self, context: &Context<'_>, out: &mut Buffer) -> Status {
        out.clear();
        let waker = lend_waker(context.waker());
        // SAFETY: the future is alive, polled by nobody else, and the waker is
        // lent for the call.
        unsafe { ((*self.0.vtable).poll)(self.0.data, &waker, out.out()) }
    }
}

impl Drop for ForeignFuture {
    fn drop(&mut self) {
        // SAFETY: this is the only time.
        unsafe { ((*self.0.vtable).drop)(self.0.data) }
    }
}

/// Calls an entry point that may be asynchronous: its status, and the future
/// if that is [`Status::PENDING`].
///
/// # Safety
///
/// `entry` must be an entry point of the other side's that writes the future of the
/// slot if it returns [`Status::PENDING`], and what it borrows must outlive
/// that future.
pub unsafe fn begin(
    context: &Context<'_>,
    out: &mut Buffer,
    entry: impl FnOnce(*mut OutBuf, *mut PendingV1) -> Status,
) -> (Status, Option<ForeignFuture>) {
    let nothing = FutureV1 {
        data: std::ptr::null_mut(),
        vtable: std::ptr::null(),
    };
    let mut pending = PendingV1 {
        waker: lend_waker(context.waker()),
        future: nothing,
    };
    out.clear();
    let status = entry(out.out(), &mut pending);
    if status != Status::PENDING {
        return (status, None);
    }
    if pending.future.vtable.is_null() {
        out.out()
            .set_text("it said that it is not done, and gave no future");
        return (Status::FAILED, None);
    }
    (status, Some(ForeignFuture(pending.future)))
}
