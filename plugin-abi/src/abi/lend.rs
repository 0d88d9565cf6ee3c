//! Results that stay where they are: a large list or string is lent to the
//! host, which copies it into the component and then gives it back.
#![allow(
    unsafe_code,
    reason = "what is lent crosses as a pointer, with a function that gives it back"
)]

use std::ffi::c_void;

use super::{Buffer, CallContextV1, Slice};
use crate::codec::CodecError;

/// The offset of lent bytes: behind everything that is written beside them.
pub const LENT_AT: usize = 1 << 31;

/// In [`CallContextV1Flags::flags`]: the host takes [`Status::OK_LENT`](super::Status::OK_LENT).
pub const FLAG_LEND: u64 = 1;

/// A [`CallContextV1`] with what came later: the host passes a pointer to the
/// first field, and says in its `size` that there is more.
#[repr(C)]
#[derive(Debug)]
pub struct CallContextV1Flags {
    /// As before.
    pub context: CallContextV1,
    /// What the host can do; bits that are not known are ignored.
    pub flags: u64,
}

/// What a plugin lends with [`Status::OK_LENT`](super::Status::OK_LENT). Its address is the last eight
/// bytes of the out buffer.
#[repr(C)]
#[derive(Debug)]
pub struct LentV1 {
    /// What is read at offset [`LENT_AT`].
    pub bytes: Slice,
    /// For `drop`.
    pub data: *mut c_void,
    /// Gives it back: called once, when the host has read all, from any thread
    /// if the function may answer later, and else from the one that called.
    pub drop: unsafe extern "C" fn(*mut c_void),
}

/// What was lent with a result. Dropped, it is given back.
#[derive(Debug)]
pub struct Lent(*const LentV1);

// SAFETY: the bytes are only read, and the contract says who may call `drop`.
unsafe impl Send for Lent {}
// SAFETY: shared access only reads.
unsafe impl Sync for Lent {}

impl Lent {
    /// Takes what a plugin lent.
    ///
    /// # Errors
    ///
    /// If the buffer is too short for an address, or that is null.
    ///
    /// # Safety
    ///
    /// `out` must be what an entry point of a plugin has written with
    /// [`Status::OK_LENT`](super::Status::OK_LENT), for the first time.
    pub unsafe fn take(out: &Buffer) -> Result<Self, CodecError> {
        let bytes = out.as_slice();
        match bytes.last_chunk().copied().map(usize::from_le_bytes) {
            Some(address) if address != 0 => Ok(Self(std::ptr::with_exposed_provenance(address))),
            _ => Err(CodecError::OutOfBounds {
                at: bytes.len(),
                len: size_of::<usize>(),
            }),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the plugin lends both until `drop`, which `self` calls last.
        unsafe { (*self.0).bytes.as_bytes() }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: this is the only time.
        unsafe { ((*self.0).drop)((*self.0).data) }
    }
}

impl CallContextV1Flags {
    /// The flags of a context; none if it is an older host's.
    ///
    /// # Safety
    ///
    /// `context` must be as [`super::CallFn`] says.
    #[inline]
    pub unsafe fn of(context: *const CallContextV1) -> u64 {
        // SAFETY: the caller's promise; there are as many bytes as it says.
        unsafe {
            if (*context).size < size_of::<Self>() {
                return 0;
            }
            (*context.cast::<Self>()).flags
        }
    }
}
