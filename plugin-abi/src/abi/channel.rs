//! Streams and futures of WASI 0.3 that one side has and the other reads.

use std::ffi::c_void;

use super::{OutBuf, Status, WakerV1};

/// The readable ends of streams and futures by the numbers that stand for them
/// in a call's buffer. It is what of them crosses: the writable end stays with
/// whoever made both.
///
/// It is used in both directions. A plugin's has those that its results gave to
/// components; the numbers are the plugin's, as those of its resources. A host's
/// has those that components gave to the plugin. The side that has a number
/// calls `drop` once, when it will not read any more, at the end or before.
///
/// The first argument of each function is the plugin, or the host's data. All
/// may be called from any thread; calls for one number do not overlap. None
/// blocks.
#[repr(C)]
#[derive(Debug)]
pub struct ChannelV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Reads: data, number, how many items at most, waker, out buffer.
    ///
    /// [`Status::OK`]: of a stream, the out buffer holds the items, at least one,
    /// as a `list` of them: its offset and length first. A plugin gives at most
    /// as many as it is asked for, which is at least one; a host may give as many
    /// as an earlier call asked for that was [`Status::PENDING`]. A stream without a payload has just the length, at the same
    /// place. Of a future, the buffer holds its value, and it is at its end;
    /// it is empty if the future has no payload.
    ///
    /// [`Status::OK_LENT`], of a plugin's stream alone: the same, and the items,
    /// which are numbers, are lent as those of a list in a call's result.
    ///
    /// [`Status::PENDING`]: nothing yet. The waker is lent for the call, was
    /// cloned, and is woken when it is worth asking again; only the last one
    /// counts. Whoever read may leave it at that: nothing is lost.
    ///
    /// [`Status::CLOSED`]: there will be no more. A future that ends so was
    /// given up by who should have written it.
    ///
    /// Others: the out buffer holds a message, and there will be no more.
    pub read:
        unsafe extern "C" fn(*const c_void, u32, usize, *const WakerV1, *mut OutBuf) -> Status,
    /// Gives the readable end up. A number that stands for none is ignored.
    pub drop: unsafe extern "C" fn(*const c_void, u32),
}
