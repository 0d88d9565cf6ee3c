//! Lists of a fixed length: their elements lie where the list does.

use super::scalar::Number;
use super::{CodecError, Decode, Encode, Layout, Reader, Writer};

/// Lends `N` numbers that lie at offset `at`.
#[inline]
pub(super) fn borrow<T: Number, const N: usize>(
    reader: Reader<'_>,
    at: usize,
) -> Result<&[T; N], CodecError> {
    super::list::borrow(reader, at, N)?
        .try_into()
        .map_err(|_| CodecError::OutOfBounds { at, len: N })
}

impl<T: Layout, const N: usize> Layout for [T; N] {
    const SIZE: usize = T::SIZE * N;
    const ALIGN: usize = T::ALIGN;
}

impl<T: Layout, const N: usize> Layout for &[T; N] {
    const SIZE: usize = T::SIZE * N;
    const ALIGN: usize = T::ALIGN;
}

impl<'a, T: Decode<'a>, const N: usize> Decode<'a> for [T; N] {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        T::decode_array(reader, at)
    }
}

#[allow(
    private_bounds,
    reason = "the bound closes the set of types, like a sealed trait"
)]
impl<'a, T: Number, const N: usize> Decode<'a> for &'a [T; N] {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        borrow(reader, at)
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        T::encode_list(self, writer, at)
    }
}

impl<T: Encode, const N: usize> Encode for &[T; N] {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        T::encode_list(*self, writer, at)
    }
}
