//! A host's waker as a [`Waker`].
#![allow(
    unsafe_code,
    reason = "a raw waker is built on the ABI's function pointers"
)]

use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::abi::WakerV1;

/// Lends the host's waker to `f` as a [`Waker`]. Clones of it are owned.
///
/// # Safety
///
/// `waker` must point to a waker of the host that stays valid until this
/// returns.
pub(super) unsafe fn with<R>(waker: *const WakerV1, f: impl FnOnce(&Waker) -> R) -> R {
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
