//! Wakers across the boundary: the other side's as a [`Waker`]
//! ([`with_waker`]), and ours for the other side ([`lend_waker`]).
#![allow(
    unsafe_code,
    reason = "a raw waker is built on the ABI's function pointers"
)]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::{WakerV1, WakerVtableV1};

/// Lends the other side's waker to `f` as a [`Waker`]. Clones of it are owned.
///
/// # Safety
///
/// `waker` must point to a waker of the other side that stays valid until this
/// returns.
pub unsafe fn with_waker<R>(waker: *const WakerV1, f: impl FnOnce(&Waker) -> R) -> R {
    let raw = RawWaker::new(waker.cast(), &BORROWED);
    // SAFETY: `BORROWED` upholds the contract for a pointer to a valid waker,
    // which the caller vouches for; it frees nothing, and neither does
    // `ManuallyDrop`.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
    f(&waker)
}

/// Data: a `WakerV1` that somebody else owns.
static BORROWED: RawWakerVTable = RawWakerVTable::new(clone, wake_by_ref, wake_by_ref, |_| {});
/// Data: a `Box<WakerV1>` that holds an owned waker of the host.
static OWNED: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_owned);

/// # Safety
///
/// `data` must point to a valid `WakerV1`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's promise, and the vtable outlives the process's use.
    let owned = unsafe {
        let waker = &*data.cast::<WakerV1>();
        ((*waker.vtable).clone)(waker.data)
    };
    RawWaker::new(Box::into_raw(Box::new(owned)).cast_const().cast(), &OWNED)
}

/// # Safety
///
/// `data` must point to a valid `WakerV1`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller's promise.
    unsafe {
        let waker = &*data.cast::<WakerV1>();
        ((*waker.vtable).wake_by_ref)(waker.data);
    }
}

/// # Safety
///
/// `data` must come from `clone`, and not be used again.
unsafe fn wake(data: *const ()) {
    // SAFETY: `clone` made the box, and gives up ownership here.
    unsafe {
        let waker = Box::from_raw(data.cast::<WakerV1>().cast_mut());
        ((*waker.vtable).wake)(waker.data);
    }
}

/// # Safety
///
/// As for `wake`.
unsafe fn drop_owned(data: *const ()) {
    // SAFETY: as in `wake`.
    unsafe {
        let waker = Box::from_raw(data.cast::<WakerV1>().cast_mut());
        ((*waker.vtable).drop)(waker.data);
    }
}

/// A waker, lent to the other side for as long as the reference lives.
pub fn lend_waker(waker: &Waker) -> WakerV1 {
    WakerV1 {
        data: (&raw const *waker).cast(),
        vtable: &LENT,
    }
}

/// Data: a `Waker` that we own, and lend.
static LENT: WakerVtableV1 = WakerVtableV1 {
    size: size_of::<WakerVtableV1>(),
    clone: clone_lent,
    wake: wake_lent,
    wake_by_ref: wake_lent,
    drop: do_nothing,
};

/// Data: a `Box<Waker>` that the other side owns.
static KEPT: WakerVtableV1 = WakerVtableV1 {
    size: size_of::<WakerVtableV1>(),
    clone: clone_lent,
    wake: wake_kept,
    wake_by_ref: wake_lent,
    drop: drop_kept,
};

// A waker's own code may panic; across the boundary that would end the process.
fn guard<R>(f: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).ok()
}

/// # Safety
///
/// `data` must point to a live `Waker`.
unsafe extern "C" fn clone_lent(data: *const c_void) -> WakerV1 {
    // SAFETY: the caller's promise.
    let cloned = guard(|| unsafe { &*data.cast::<Waker>() }.clone());
    let waker = Box::new(cloned.unwrap_or_else(|| Waker::noop().clone()));
    WakerV1 {
        data: Box::into_raw(waker).cast_const().cast(),
        vtable: &KEPT,
    }
}

/// # Safety
///
/// `data` must point to a live `Waker`.
unsafe extern "C" fn wake_lent(data: *const c_void) {
    // SAFETY: the caller's promise.
    guard(|| unsafe { &*data.cast::<Waker>() }.wake_by_ref());
}

/// # Safety
///
/// `data` must come from `clone_lent`, and not be used again.
unsafe extern "C" fn wake_kept(data: *const c_void) {
    // SAFETY: `clone_lent` made the box, and the other side gives it back.
    guard(|| unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) }.wake());
}

/// # Safety
///
/// As for `wake_kept`.
unsafe extern "C" fn drop_kept(data: *const c_void) {
    // SAFETY: as in `wake_kept`.
    guard(|| drop(unsafe { Box::from_raw(data.cast::<Waker>().cast_mut()) }));
}

unsafe extern "C" fn do_nothing(_: *const c_void) {}
