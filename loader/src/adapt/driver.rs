//! Drives a plugin's futures, and lends it wakers.
#![allow(
    unsafe_code,
    reason = "a plugin's future and the waker it is lent are raw by nature"
)]

use std::ffi::c_void;
use std::task::{Context, Waker};

use wash_plugin_abi::abi::{Buffer, FutureV1, OutBuf, PendingV1, Status, WakerV1, WakerVtableV1};

/// A future of a plugin's that has not ended. Dropped early, it is cancelled.
#[derive(Debug)]
pub(super) struct PluginFuture(FutureV1);

// SAFETY: the ABI says that a future may be polled and dropped from any
// thread, one call at a time; `poll` takes `&mut self`.
unsafe impl Send for PluginFuture {}
// SAFETY: shared access does nothing.
unsafe impl Sync for PluginFuture {}

impl PluginFuture {
    /// Polls; the result or error is in `out`, unless it is pending.
    pub(super) fn poll(&mut self, context: &Context<'_>, out: &mut Buffer) -> Status {
        out.clear();
        let waker = lend(context.waker());
        // SAFETY: the future is alive, polled by nobody else, and the waker is
        // lent for the call.
        unsafe { ((*self.0.vtable).poll)(self.0.data, &waker, out.out()) }
    }
}

impl Drop for PluginFuture {
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
/// `entry` must be an entry point of a plugin that writes the future of the
/// slot if it returns [`Status::PENDING`], and what it borrows must outlive
/// that future.
pub(super) unsafe fn begin(
    context: &Context<'_>,
    out: &mut Buffer,
    entry: impl FnOnce(*mut OutBuf, *mut PendingV1) -> Status,
) -> (Status, Option<PluginFuture>) {
    let nothing = FutureV1 {
        data: std::ptr::null_mut(),
        vtable: std::ptr::null(),
    };
    let mut pending = PendingV1 {
        waker: lend(context.waker()),
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
    (status, Some(PluginFuture(pending.future)))
}

/// A waker, lent to a plugin for as long as the reference lives.
fn lend(waker: &Waker) -> WakerV1 {
    WakerV1 {
        data: (&raw const *waker).cast(),
        vtable: &BORROWED,
    }
}

/// Data: a `Waker` that we own, and lend.
static BORROWED: WakerVtableV1 = WakerVtableV1 {
    size: size_of::<WakerVtableV1>(),
    clone,
    wake: wake_by_ref,
    wake_by_ref,
    drop: do_nothing,
};

/// Data: a `Box<Waker>` that the plugin owns.
static OWNED: WakerVtableV1 = WakerVtableV1 {
    size: size_of::<WakerVtableV1>(),
    clone,
    wake,
    wake_by_ref,
    drop: drop_owned,
};

// A waker's own code may panic; across the boundary that would end the process.
fn guard<R>(f: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).ok()
}

/// # Safety
///
/// `data` must point to a live `Waker`.
unsafe extern "C" fn clone(data: *const c_void) -> WakerV1 {
    // SAFETY: the caller's promise.
    let cloned = guard(|| unsafe { &*data.cast::<Waker>() }.clone());
    let waker = Box::new(cloned.unwrap_or_else(|| Waker::noop().clone()));
    WakerV1 {
        data: Box::into_raw(waker).cast_const().cast(),
        vtable: &OWNED,
    }
}

/// # Safety
///
/// `data` must point to a live `Waker`.
unsafe extern "C" fn wake_by_ref(data: *const c_void) {
    // SAFETY: the caller's promise.
    guard(|| unsafe { &*data.cast::<Waker>() }.wake_by_ref());
}

/// # Safety
///
/// `data` must come from `clone`, and not be used again.
unsafe extern "C" fn wake(data: *const c_void) {
    // SAFETY: `clone` made the box, and the plugin gives it back.
    guard(|| unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) }.wake());
}

/// # Safety
///
/// As for `wake`.
unsafe extern "C" fn drop_owned(data: *const c_void) {
    // SAFETY: as in `wake`.
    guard(|| drop(unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) }));
}

unsafe extern "C" fn do_nothing(_: *const c_void) {}
