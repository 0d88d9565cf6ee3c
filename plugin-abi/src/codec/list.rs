//! Lists and strings.

use super::scalar::Number;
use super::{CodecError, Decode, Encode, Layout, Reader, Writer};

/// Lends `len` numbers that lie at offset `at`.
#[inline]
pub(super) fn borrow<T: Number>(
    reader: Reader<'_>,
    at: usize,
    len: usize,
) -> Result<&[T], CodecError> {
    let bytes = reader.array(at, len, size_of::<T>())?;
    bytemuck::try_cast_slice(bytes).map_err(|_| CodecError::Unaligned { at })
}

macro_rules! pair_layout {
    ($([$($generics:tt)*] $ty:ty;)*) => {$(
        impl<$($generics)*> Layout for $ty {
            const SIZE: usize = 8;
            const ALIGN: usize = 4;
        }
    )*};
}

pair_layout! {
    [] &str;
    [] String;
    [T] &[T];
    [T] Vec<T>;
}

impl<'a> Decode<'a> for &'a str {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let (at, len) = reader.pair(at)?;
        let bytes = reader.array(at, len, 1)?;
        std::str::from_utf8(bytes).map_err(|_| CodecError::NotUtf8 { at })
    }
}

impl<'a> Decode<'a> for String {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        <&str>::decode(reader, at).map(str::to_owned)
    }
}

#[allow(
    private_bounds,
    reason = "the bound closes the set of types, like a sealed trait"
)]
impl<'a, T: Number> Decode<'a> for &'a [T] {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let (at, len) = reader.pair(at)?;
        borrow(reader, at, len)
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let (at, len) = reader.pair(at)?;
        T::decode_list(reader, at, len)
    }
}

impl Encode for &str {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        let offset = writer.append_or_lend(self.as_bytes(), 1)?;
        writer.put_pair(at, offset, self.len())
    }
}

impl Encode for String {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        self.as_str().encode(writer, at)
    }

    #[inline]
    fn lendable(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<T: Encode> Encode for &[T] {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        let offset = T::append_list(self, writer)?;
        writer.put_pair(at, offset, self.len())
    }
}

impl<T: Encode> Encode for Vec<T> {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        self.as_slice().encode(writer, at)
    }

    #[inline]
    fn lendable(&self) -> &[u8] {
        T::as_bytes(self).unwrap_or_default()
    }
}
