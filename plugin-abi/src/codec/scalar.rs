//! Numbers, `bool` and `char`.

use super::{CodecError, Decode, Encode, Layout, Reader, Writer};

/// Marks the numbers whose lists are one copy, and can be borrowed.
pub(super) trait Number: bytemuck::Pod + Layout {}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl Number for $ty {}

        impl Layout for $ty {
            const SIZE: usize = size_of::<$ty>();
            const ALIGN: usize = size_of::<$ty>();
        }

        impl<'a> Decode<'a> for $ty {
            #[inline]
            fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
                Ok(Self::from_le_bytes(reader.bytes(at)?))
            }

            #[inline]
            fn decode_list(reader: Reader<'a>, at: usize, len: usize) -> Result<Vec<Self>, CodecError> {
                Ok(super::list::borrow(reader, at, len)?.to_vec())
            }

            #[inline]
            fn decode_array<const N: usize>(reader: Reader<'a>, at: usize) -> Result<[Self; N], CodecError> {
                super::array::borrow(reader, at).copied()
            }
        }

        impl Encode for $ty {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
                writer.put(at, &self.to_le_bytes())
            }

            #[inline]
            fn encode_list(items: &[Self], writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
                writer.put(at, bytemuck::cast_slice(items))
            }

            #[inline]
            fn append_list(items: &[Self], writer: &mut Writer<'_>) -> Result<usize, CodecError> {
                writer.append_or_lend(bytemuck::cast_slice(items), Self::ALIGN)
            }

            #[inline]
            fn as_bytes(items: &[Self]) -> Option<&[u8]> {
                Some(bytemuck::cast_slice(items))
            }
        }
    )*};
}

numbers!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);

impl Layout for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
}

impl<'a> Decode<'a> for bool {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        match u8::decode(reader, at)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(CodecError::NoSuchCase {
                value: value.into(),
                ty: "bool",
            }),
        }
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        u8::from(*self).encode(writer, at)
    }
}

impl Layout for char {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a> Decode<'a> for char {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let value = u32::decode(reader, at)?;
        Self::from_u32(value).ok_or(CodecError::NotAChar { value })
    }
}

impl Encode for char {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        u32::from(*self).encode(writer, at)
    }
}
