//! Byte streams and pollables that one side has and the other uses.

use std::ffi::c_void;

use super::{OutBuf, Slice, Status, WakerV1};

/// Streams and pollables by the numbers that stand for them in a call's
/// buffer.
///
/// It is used in both directions. A plugin's has those that its results gave
/// to components; the numbers are the plugin's, as those of its resources. A
/// host's has those that components gave or lent to the plugin. `drop` is
/// called once for each that was given, and never for one that was lent.
///
/// The first argument of each function is the plugin, or the host's data. All
/// may be called from any thread; calls for one number do not overlap. None
/// blocks: a waker is lent for the call, and cloned if the function returns
/// [`Status::PENDING`]; only the last one counts. With [`Status::FAILED`] and
/// the like, the out buffer holds a message.
#[repr(C)]
#[derive(Debug)]
pub struct StreamV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Reads from an input stream. [`Status::OK`]: at least one byte and at
    /// most as many as the third argument says, in the out buffer.
    /// [`Status::CLOSED`]: there will be no more.
    pub read:
        unsafe extern "C" fn(*const c_void, u32, usize, *const WakerV1, *mut OutBuf) -> Status,
    /// Waits until an output stream takes bytes, or a pollable is ready.
    /// [`Status::OK`]: how many bytes the next `write` may have, at least one,
    /// was written to the fourth argument; after a `flush`, all that was
    /// written before has gone on its way.
    pub ready:
        unsafe extern "C" fn(*const c_void, u32, *const WakerV1, *mut usize, *mut OutBuf) -> Status,
    /// Writes to an output stream, all of it, as `ready` allowed.
    pub write: unsafe extern "C" fn(*const c_void, u32, Slice, *mut OutBuf) -> Status,
    /// Sends what was written on its way: `ready` tells when that is done.
    pub flush: unsafe extern "C" fn(*const c_void, u32, *mut OutBuf) -> Status,
    /// Gives a stream up. A number that stands for none is ignored.
    pub drop: unsafe extern "C" fn(*const c_void, u32),
}
