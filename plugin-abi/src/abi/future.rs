//! Futures and wakers across the boundary: two small vtables of our own,
//! because no runtime's types may cross it.

use std::ffi::c_void;

use super::{OutBuf, Status};

/// A waker, borrowed or owned as the function that passes it says.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WakerV1 {
    /// Passed to each function of `vtable`.
    pub data: *const c_void,
    /// Never null; valid for the life of the process.
    pub vtable: *const WakerVtableV1,
}

/// The functions of a waker. Each may be called from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct WakerVtableV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Makes an owned waker out of a borrowed or owned one.
    pub clone: unsafe extern "C" fn(*const c_void) -> WakerV1,
    /// Wakes, and consumes an owned waker.
    pub wake: unsafe extern "C" fn(*const c_void),
    /// Wakes.
    pub wake_by_ref: unsafe extern "C" fn(*const c_void),
    /// Drops an owned waker.
    pub drop: unsafe extern "C" fn(*const c_void),
}

/// A future that the plugin owns and the host drives.
///
/// The host calls `poll` until it returns another status than
/// [`Status::PENDING`], never again after that, and `drop` exactly once,
/// early if it wants to cancel. Calls for one future never overlap; they may
/// come from different threads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FutureV1 {
    /// Passed to each function of `vtable`.
    pub data: *mut c_void,
    /// Never null once written; valid for the life of the process.
    pub vtable: *const FutureVtableV1,
}

/// The functions of a future.
#[repr(C)]
#[derive(Debug)]
pub struct FutureVtableV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Polls. The waker is borrowed for this call; the result or the error is
    /// appended to the (empty) out buffer.
    pub poll: unsafe extern "C" fn(*mut c_void, *const WakerV1, *mut OutBuf) -> Status,
    /// Cancels what is still running, and frees.
    pub drop: unsafe extern "C" fn(*mut c_void),
}

/// What an entry point that may be asynchronous is given beside its
/// arguments: a waker for the first poll, and where to put the future.
#[repr(C)]
#[derive(Debug)]
pub struct PendingV1 {
    /// In: borrowed for this call.
    pub waker: WakerV1,
    /// Out: written if, and only if, the status is [`Status::PENDING`].
    pub future: FutureV1,
}
