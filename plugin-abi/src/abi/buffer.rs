//! The memory of a call: host-owned, 16-aligned, grown through a function
//! pointer so that only its owner ever allocates or frees it.
#![allow(
    unsafe_code,
    reason = "an allocation with a chosen alignment that two libraries write to cannot be a Vec"
)]

use std::alloc::{self, Layout};
use std::{fmt, ptr};

/// Alignment of a [`Buffer`]'s first byte: enough to lend any WIT number out
/// of it as a slice.
const ALIGN: usize = 16;

/// Offsets in a call's buffer are 32 bits wide, as in WebAssembly's memory.
const MAX_LEN: usize = u32::MAX as usize;

/// Where an entry point writes its result or its error.
///
/// The side that made it owns the memory; the other side appends, and asks
/// for more room with `grow`. Bytes below `len` are initialised.
#[repr(C)]
pub struct OutBuf {
    ptr: *mut u8,
    len: usize,
    cap: usize,
    grow: unsafe extern "C" fn(*mut OutBuf, usize) -> bool,
}

/// The room could not be had: over the limit of 4 GiB, or out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl OutBuf {
    /// What has been written so far.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `ptr` is valid for `cap >= len` bytes, the first `len` of
        // them initialised, and borrowed as long as `self`.
        unsafe { crate::abi::slice::values(self.ptr, self.len) }
    }

    /// The same, to be written to.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.len == 0 {
            return &mut [];
        }
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len) }
    }

    /// Forgets what was written; the memory stays.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// As [`Buffer::extend`].
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), crate::codec::CodecError> {
        Ok(self.append(bytes)?)
    }

    /// Forgets what was written behind the first `len` bytes.
    #[cfg(feature = "sdk")]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    #[inline]
    fn room(&mut self, more: usize) -> Result<(), NoRoom> {
        if self.cap - self.len >= more {
            return Ok(());
        }
        self.more_room(more)
    }

    #[cold]
    fn more_room(&mut self, more: usize) -> Result<(), NoRoom> {
        let grow = self.grow;
        // SAFETY: `grow` belongs to this buffer's owner, who made the struct.
        let grown = unsafe { grow(self, more) };
        if grown && self.cap.saturating_sub(self.len) >= more {
            Ok(())
        } else {
            Err(NoRoom)
        }
    }

    /// Appends `bytes`.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.room(bytes.len())?;
        // SAFETY: `room` made sure of `bytes.len()` bytes behind `len`, and
        // `bytes` cannot overlap memory that `self` borrows exclusively.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr.add(self.len), bytes.len()) };
        self.len += bytes.len();
        Ok(())
    }

    /// Appends `count` zero bytes.
    #[inline]
    pub(crate) fn append_zeros(&mut self, count: usize) -> Result<(), NoRoom> {
        self.room(count)?;
        // SAFETY: `room` made sure of `count` bytes behind `len`.
        unsafe { ptr::write_bytes(self.ptr.add(self.len), 0, count) };
        self.len += count;
        Ok(())
    }

    /// Replaces what was written by `text`, cut where no room is left: an
    /// error message must not fail for want of memory.
    pub fn set_text(&mut self, text: &str) {
        self.clear();
        if self.append(text.as_bytes()).is_err() {
            let fits = text.floor_char_boundary(self.cap.min(text.len()));
            let _ = self.append(text.as_bytes().get(..fits).unwrap_or_default());
        }
    }
}

impl fmt::Debug for OutBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutBuf({} of {} bytes)", self.len, self.cap)
    }
}

/// An [`OutBuf`] with its memory, as its owner holds it.
///
/// ```
/// # use wash_plugin_abi::abi::Buffer;
/// let mut buffer = Buffer::new();
/// buffer.extend(b"abc")?;
/// assert_eq!(buffer.as_slice(), b"abc");
/// assert_eq!(buffer.as_slice().as_ptr() as usize % 16, 0);
/// # Ok::<(), wash_plugin_abi::codec::CodecError>(())
/// ```
pub struct Buffer(OutBuf);

// SAFETY: a `Buffer` owns its memory, and nothing in it belongs to a thread.
unsafe impl Send for Buffer {}
// SAFETY: shared access only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// An empty buffer, without memory yet.
    #[inline]
    pub const fn new() -> Self {
        Self(OutBuf {
            ptr: ptr::null_mut(),
            len: 0,
            cap: 0,
            grow,
        })
    }

    /// What it holds.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// What it holds, to be written to.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }

    /// Bytes of memory behind it.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.cap
    }

    /// Forgets what it holds; the memory stays.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// When there is no more memory, or at the limit of 4 GiB.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), crate::codec::CodecError> {
        Ok(self.0.append(bytes)?)
    }

    /// Appends `count` zero bytes.
    ///
    /// # Errors
    ///
    /// As [`Buffer::extend`].
    #[inline]
    pub fn extend_zeros(&mut self, count: usize) -> Result<(), crate::codec::CodecError> {
        Ok(self.0.append_zeros(count)?)
    }

    /// As the other side is given it.
    #[inline]
    pub fn out(&mut self) -> &mut OutBuf {
        &mut self.0
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.cap != 0 {
            // SAFETY: `ptr` came from `grow` below with this very layout,
            // which was valid then.
            unsafe {
                alloc::dealloc(
                    self.0.ptr,
                    Layout::from_size_align_unchecked(self.0.cap, ALIGN),
                );
            }
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {} bytes)", self.0.len, self.0.cap)
    }
}

/// Makes room for `more` bytes behind `len`; false where that cannot be.
///
/// # Safety
///
/// `buffer` must be the `OutBuf` of a live [`Buffer`], exclusively held.
unsafe extern "C" fn grow(buffer: *mut OutBuf, more: usize) -> bool {
    // SAFETY: the caller passes the buffer that this function belongs to.
    let buffer = unsafe { &mut *buffer };
    let Some(needed) = buffer.len.checked_add(more).filter(|n| *n <= MAX_LEN) else {
        return false;
    };
    let cap = needed.max(buffer.cap.saturating_mul(2)).clamp(128, MAX_LEN);
    let Ok(new) = Layout::from_size_align(cap, ALIGN) else {
        return false;
    };
    let ptr = if buffer.cap == 0 {
        // SAFETY: `new` has a size of at least 128.
        unsafe { alloc::alloc(new) }
    } else {
        // SAFETY: `ptr` was allocated by this function with size `cap` and
        // this alignment, and the new size is not zero.
        unsafe {
            let old = Layout::from_size_align_unchecked(buffer.cap, ALIGN);
            alloc::realloc(buffer.ptr, old, cap)
        }
    };
    if ptr.is_null() {
        return false;
    }
    buffer.ptr = ptr;
    buffer.cap = cap;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_keeps_its_contents_and_alignment() {
        let mut buffer = Buffer::new();
        let mut expected = Vec::new();
        for round in 0..2000_u32 {
            buffer.extend(&round.to_le_bytes()).unwrap();
            expected.extend_from_slice(&round.to_le_bytes());
        }
        assert_eq!(buffer.as_slice(), expected);
        assert_eq!(buffer.as_slice().as_ptr() as usize % ALIGN, 0);
        buffer.clear();
        assert!(buffer.as_slice().is_empty());
        assert!(buffer.capacity() >= expected.len());
    }

    #[test]
    fn refuses_more_than_offsets_can_reach() {
        let mut buffer = Buffer::new();
        assert!(buffer.extend_zeros(MAX_LEN + 1).is_err());
        assert!(buffer.extend_zeros(usize::MAX).is_err());
        buffer.extend(b"still usable").unwrap();
        assert_eq!(buffer.as_slice(), b"still usable");
    }

    #[test]
    fn an_error_message_replaces_a_result() {
        let mut buffer = Buffer::new();
        buffer.extend(b"half a result").unwrap();
        buffer.out().set_text("why it failed");
        assert_eq!(buffer.as_slice(), b"why it failed");
    }
}
