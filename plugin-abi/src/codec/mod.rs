//! How the values of a call lie in its buffer.
//!
//! It is the [canonical ABI]'s layout in a 32-bit memory: the tuple of all
//! parameters, or the result, at offset 0; each pointer an offset into the same
//! buffer. Two things differ: strings are always UTF-8, and what a pointer
//! leads to is laid out by whoever writes, at the alignment of its type.
//!
//! [`Decode`] reads such a buffer, whole values or borrowed ones; [`Encode`]
//! writes one. Every read is checked: a wrong buffer gives a [`CodecError`],
//! never a wrong value. `bindgen!` implements both traits for the types of a
//! WIT package.
//!
//! [canonical ABI]: https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

mod aggregate;
mod array;
mod derive;
mod error;
mod list;
mod map;
mod scalar;
mod sum;

pub use error::CodecError;
pub use sum::{discriminant_size, read_discriminant, write_discriminant};

use crate::abi::{LENT_AT, Lending, OutBuf};

/// Size and alignment of a type in a call's buffer.
pub trait Layout {
    /// Bytes it takes, a multiple of `ALIGN`.
    const SIZE: usize;
    /// Its alignment: 1, 2, 4 or 8.
    const ALIGN: usize;
}

/// A type that is read from a call's buffer, borrowing from it if it can.
pub trait Decode<'a>: Layout + Sized {
    /// Reads the value at offset `at`.
    ///
    /// # Errors
    ///
    /// If the buffer ends before the value does, or the bytes are none.
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError>;

    /// Reads `len` values that lie one after the other from offset `at`.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`].
    fn decode_list(reader: Reader<'a>, at: usize, len: usize) -> Result<Vec<Self>, CodecError> {
        reader.array(at, len, Self::SIZE)?;
        (0..len)
            .map(|i| Self::decode(reader, at + i * Self::SIZE))
            .collect()
    }

    /// Reads `N` values that lie one after the other from offset `at`.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`].
    #[inline]
    fn decode_array<const N: usize>(
        reader: Reader<'a>,
        at: usize,
    ) -> Result<[Self; N], CodecError> {
        Self::decode_list(reader, at, N)?
            .try_into()
            .map_err(|_| CodecError::OutOfBounds { at, len: N })
    }
}

/// A type that is written to a call's buffer.
pub trait Encode: Layout {
    /// Writes the value at offset `at`, where `SIZE` zero bytes are waiting.
    ///
    /// # Errors
    ///
    /// If there is no more memory.
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError>;

    /// Writes values one after the other from offset `at`, where zero bytes
    /// for all of them are waiting.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn encode_list(items: &[Self], writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError>
    where
        Self: Sized,
    {
        for (i, item) in items.iter().enumerate() {
            item.encode(writer, at + i * Self::SIZE)?;
        }
        Ok(())
    }

    /// Bytes of the value, a long list's or string's, that a host may read where
    /// they are; empty if there are none.
    #[inline]
    fn lendable(&self) -> &[u8] {
        &[]
    }

    /// The values as the bytes that a host reads them from, if they are that.
    #[inline]
    fn as_bytes(items: &[Self]) -> Option<&[u8]>
    where
        Self: Sized,
    {
        let _ = items;
        None
    }

    /// Appends values one after the other: their offset.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    #[inline]
    fn append_list(items: &[Self], writer: &mut Writer<'_>) -> Result<usize, CodecError>
    where
        Self: Sized,
    {
        let bytes = items
            .len()
            .checked_mul(Self::SIZE)
            .ok_or(CodecError::NoRoom)?;
        let at = writer.reserve(bytes, Self::ALIGN)?;
        Self::encode_list(items, writer, at)?;
        Ok(at)
    }
}

/// A buffer that is read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(Lending<'a>);

impl<'a> Reader<'a> {
    /// Reads `buffer`.
    #[inline]
    pub const fn new(buffer: &'a [u8]) -> Self {
        Self(Lending::whole(buffer))
    }

    /// The `N` bytes at offset `at`.
    ///
    /// # Errors
    ///
    /// If the buffer ends before they do.
    #[inline]
    pub fn bytes<const N: usize>(self, at: usize) -> Result<[u8; N], CodecError> {
        let found = self
            .0
            .buffer()
            .get(at..)
            .and_then(|rest| rest.first_chunk());
        match found {
            Some(bytes) => Ok(*bytes),
            None => self.lent_bytes(at),
        }
    }

    /// The same, where they are lent.
    #[cold]
    fn lent_bytes<const N: usize>(self, at: usize) -> Result<[u8; N], CodecError> {
        let lent = self.0.lent(at, N).and_then(|bytes| bytes.first_chunk());
        lent.copied().ok_or(CodecError::OutOfBounds { at, len: N })
    }

    /// The bytes of `len` values of `size` bytes each, from offset `at`.
    ///
    /// # Errors
    ///
    /// If the buffer ends before they do, or if they would take no bytes at
    /// all and yet be many.
    #[inline]
    pub fn array(self, at: usize, len: usize, size: usize) -> Result<&'a [u8], CodecError> {
        if size == 0 && len > 0 {
            // WIT has no type without size, so such a list is a mistake, and
            // would make work without end out of four bytes.
            return Err(CodecError::OutOfBounds { at, len });
        }
        let find = |bytes: usize| {
            let here = self.0.buffer().get(at..at.checked_add(bytes)?);
            here.or_else(|| self.0.lent(at, bytes))
        };
        len.checked_mul(size)
            .and_then(find)
            .ok_or(CodecError::OutOfBounds { at, len })
    }

    /// Offset and length of the list or string at offset `at`.
    ///
    /// # Errors
    ///
    /// If the buffer ends before they do.
    #[inline]
    pub fn pair(self, at: usize) -> Result<(usize, usize), CodecError> {
        let [p0, p1, p2, p3, l0, l1, l2, l3] = self.bytes(at)?;
        Ok((
            u32::from_le_bytes([p0, p1, p2, p3]) as usize,
            u32::from_le_bytes([l0, l1, l2, l3]) as usize,
        ))
    }
}

/// A buffer that is written.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut OutBuf,
    workload: u64,
    /// Bytes that the host reads where they are.
    lent: &'a [u8],
}

impl<'a> Writer<'a> {
    /// Writes to `out`, which should be empty, for a workload.
    #[inline]
    pub fn new(out: &'a mut OutBuf, workload: u64) -> Self {
        Self {
            out,
            workload,
            lent: &[],
        }
    }

    /// The number of the workload that the value is for: see
    /// [`CallContextV1::workload`](crate::abi::CallContextV1::workload).
    pub fn workload(&self) -> u64 {
        self.workload
    }

    /// Appends `size` zero bytes at a multiple of `align`: their offset.
    ///
    /// # Errors
    ///
    /// If there is no more memory, or the buffer would outgrow its offsets.
    #[inline]
    pub fn reserve(&mut self, size: usize, align: usize) -> Result<usize, CodecError> {
        let end = self.out.as_slice().len();
        let at = end.next_multiple_of(align);
        self.out.append_zeros(at - end + size)?;
        Ok(at)
    }

    /// Appends `bytes` at a multiple of `align`: their offset.
    ///
    /// # Errors
    ///
    /// As [`Writer::reserve`].
    #[inline]
    pub fn append(&mut self, bytes: &[u8], align: usize) -> Result<usize, CodecError> {
        let end = self.out.as_slice().len();
        let at = end.next_multiple_of(align);
        if at > end {
            self.out.append_zeros(at - end)?;
        }
        self.out.append(bytes)?;
        Ok(at)
    }

    /// Appends the bytes of a list or string, unless they are those that are
    /// lent: their offset.
    #[inline]
    fn append_or_lend(&mut self, bytes: &[u8], align: usize) -> Result<usize, CodecError> {
        if !self.lent.is_empty() && std::ptr::eq(self.lent, bytes) {
            return Ok(LENT_AT);
        }
        self.append(bytes, align)
    }

    /// Overwrites what was reserved at offset `at`.
    ///
    /// # Errors
    ///
    /// If nothing was.
    #[inline]
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), CodecError> {
        let len = bytes.len();
        self.out
            .as_mut_slice()
            .get_mut(at..)
            .and_then(|rest| rest.get_mut(..len))
            .ok_or(CodecError::OutOfBounds { at, len })?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Writes offset and length of a list or string.
    ///
    /// # Errors
    ///
    /// As [`Writer::put`], or if one does not fit in 32 bits.
    #[inline]
    pub fn put_pair(&mut self, at: usize, offset: usize, len: usize) -> Result<(), CodecError> {
        let offset = u32::try_from(offset).map_err(|_| CodecError::NoRoom)?;
        let len = u32::try_from(len).map_err(|_| CodecError::NoRoom)?;
        let both = u64::from(offset) | (u64::from(len) << 32);
        self.put(at, &both.to_le_bytes())
    }
}

/// Reads the one value that a buffer holds.
///
/// # Errors
///
/// As [`Decode::decode`].
#[inline]
pub fn from_slice<'a, T: Decode<'a>>(buffer: &'a [u8]) -> Result<T, CodecError> {
    from_lending(Lending::whole(buffer))
}

/// The same of a buffer of which a part may be lent.
#[inline]
pub(crate) fn from_lending<'a, T: Decode<'a>>(lending: Lending<'a>) -> Result<T, CodecError> {
    // Also what this value does not use of it, such as the payload of a case
    // without one: what is cut off is wrong, wherever that is.
    if lending.buffer().len() < T::SIZE {
        return Err(CodecError::OutOfBounds {
            at: 0,
            len: T::SIZE,
        });
    }
    T::decode(Reader(lending), 0)
}

/// Writes `value` as the one value of `out`, for a workload (0 for none).
///
/// # Errors
///
/// As [`Encode::encode`].
#[inline]
pub fn to_out<T: Encode>(value: &T, out: &mut OutBuf, workload: u64) -> Result<(), CodecError> {
    out.clear();
    let mut writer = Writer::new(out, workload);
    let at = writer.reserve(T::SIZE, T::ALIGN)?;
    value.encode(&mut writer, at)
}

/// The same, where the host reads the bytes in `lent`, a part of the value,
/// where they are.
#[cfg_attr(
    not(feature = "sdk"),
    allow(dead_code, reason = "a host lends nothing")
)]
pub(crate) fn to_out_beside<T: Encode>(
    value: &T,
    lent: &[u8],
    out: &mut OutBuf,
    workload: u64,
) -> Result<(), CodecError> {
    out.clear();
    let mut writer = Writer {
        out,
        workload,
        lent,
    };
    let at = writer.reserve(T::SIZE, T::ALIGN)?;
    value.encode(&mut writer, at)?;
    if out.as_slice().len() > LENT_AT || lent.len() > LENT_AT {
        return Err(CodecError::NoRoom);
    }
    Ok(())
}

/// The larger alignment; for `const` use by generated code.
#[doc(hidden)]
pub const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The next multiple of `align`; for `const` use by generated code.
#[doc(hidden)]
pub const fn align_to(offset: usize, align: usize) -> usize {
    offset.next_multiple_of(align)
}

#[cfg(test)]
mod tests;
