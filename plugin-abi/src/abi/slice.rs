//! The one place where a pointer and a length become a slice.
#![allow(
    unsafe_code,
    reason = "pointer and length pairs cross the ABI; they are turned into slices here and nowhere else"
)]

use std::fmt;

/// Bytes that the other side owns, for the duration of the call that passes
/// them unless its documentation says longer.
///
/// An empty one may have a null pointer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    ptr: *const u8,
    len: usize,
}

// SAFETY: a `Slice` is a pair of numbers; what may be read through it, and
// until when, is the contract of `as_bytes`, whichever thread calls it.
unsafe impl Send for Slice {}
// SAFETY: as above.
unsafe impl Sync for Slice {}

impl Slice {
    /// No bytes.
    pub const EMPTY: Self = Self {
        ptr: std::ptr::null(),
        len: 0,
    };

    /// Lends `bytes`.
    #[inline]
    pub const fn new(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// From the raw parts that an ABI function was called with.
    pub const fn from_raw(ptr: *const u8, len: usize) -> Self {
        Self { ptr, len }
    }

    /// Address of the first byte.
    pub const fn as_ptr(&self) -> *const u8 {
        self.ptr
    }

    /// Number of bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// The pair must have been made from a slice that is still alive, and not
    /// written to, for all of `'a`.
    #[inline]
    pub const unsafe fn as_bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: non-null, and the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }

    /// The bytes as text, with what is not UTF-8 replaced.
    ///
    /// # Safety
    ///
    /// As for [`Slice::as_bytes`].
    pub unsafe fn to_text(self) -> String {
        // SAFETY: the caller's promise is the same.
        String::from_utf8_lossy(unsafe { self.as_bytes() }).into_owned()
    }
}

/// Views `len` values at `ptr`, as a vtable or an array of fields passes them.
///
/// # Safety
///
/// `ptr` must be null, or point to `len` valid values of `T`, aligned, that
/// stay alive and unchanged for all of `'a`.
#[inline]
pub(crate) const unsafe fn values<'a, T>(ptr: *const T, len: usize) -> &'a [T] {
    if ptr.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: non-null, and the caller vouches for the rest.
    unsafe { std::slice::from_raw_parts(ptr, len) }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slice({} bytes)", self.len)
    }
}
