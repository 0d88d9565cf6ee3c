//! Values that stay where they are. A large list or string of a result is lent to
//! the host, which copies it into the component and then gives it back; strings
//! and lists among the arguments are lent to the plugin, in the component's
//! memory.
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

/// In [`CallContextV1Flags::flags`]: the arguments of this call are lent. What
/// they refer to at [`LENT_AT`] and behind lies in other bytes, whose address and
/// length are the last 16 bytes of the arguments.
pub const FLAG_LENT_ARGS: u64 = 2;

/// That a plugin reads arguments that are lent, and nothing more.
#[repr(C)]
#[derive(Debug)]
pub struct LentArgsV1 {
    /// Bytes in this struct.
    pub size: usize,
}

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

/// Bytes of an address and a length.
const ADDRESS: usize = 16;

/// Says, at the end of the arguments, where the bytes are that they refer to.
///
/// # Errors
///
/// If there is no room for it, or so much that it could not be told from what is
/// lent.
pub fn lend_args(args: &mut Buffer, lent: Slice) -> Result<(), CodecError> {
    let mut both = [0; ADDRESS];
    let (address, len) = both.split_at_mut(ADDRESS / 2);
    address.copy_from_slice(&lent.as_ptr().expose_provenance().to_le_bytes());
    len.copy_from_slice(&lent.len().to_le_bytes());
    args.extend(&both)?;
    if args.as_slice().len() > LENT_AT {
        return Err(CodecError::NoRoom);
    }
    Ok(())
}

/// A buffer that is read, of which a part may be lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lending<'a> {
    buffer: &'a [u8],
    is_lent: bool,
}

impl<'a> Lending<'a> {
    /// All there is.
    #[inline]
    pub(crate) const fn whole(buffer: &'a [u8]) -> Self {
        Self {
            buffer,
            is_lent: false,
        }
    }

    /// The arguments of a call.
    ///
    /// # Safety
    ///
    /// `args` and `flags` must be as [`super::CallFn`] says, for all of `'a`.
    #[cfg(feature = "sdk")]
    #[inline]
    pub(crate) const unsafe fn of_call(args: Slice, flags: u64) -> Self {
        Self {
            // SAFETY: the caller's promise.
            buffer: unsafe { args.as_bytes() },
            is_lent: flags & FLAG_LENT_ARGS != 0,
        }
    }

    /// What is not lent.
    #[inline]
    pub(crate) const fn buffer(self) -> &'a [u8] {
        self.buffer
    }

    /// The `len` bytes at offset `at` of what is lent.
    #[inline]
    pub(crate) fn lent(self, at: usize, len: usize) -> Option<&'a [u8]> {
        let at = at.checked_sub(LENT_AT)?;
        if !self.is_lent {
            return None;
        }
        let (address, size) = self.buffer.last_chunk::<ADDRESS>()?.split_at(ADDRESS / 2);
        let address = usize::from_le_bytes(address.try_into().ok()?);
        let size = usize::from_le_bytes(size.try_into().ok()?);
        let lent = Slice::from_raw(std::ptr::with_exposed_provenance(address), size);
        // SAFETY: the host lends what it refers to for as long as the arguments,
        // as `of_call` was promised.
        let lent = unsafe { lent.as_bytes() };
        lent.get(at..at.checked_add(len)?)
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
