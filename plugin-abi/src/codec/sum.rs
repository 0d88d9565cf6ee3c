//! `option` and `result`, and what generated variants share with them.

use std::marker::PhantomData;

use super::{CodecError, Decode, Encode, Layout, Reader, Writer, align_to, max};

/// Bytes of the discriminant of a variant with so many cases.
pub const fn discriminant_size(cases: usize) -> usize {
    if cases <= 1 << 8 {
        1
    } else if cases <= 1 << 16 {
        2
    } else {
        4
    }
}

/// Reads the discriminant of `size` bytes at offset `at`.
///
/// # Errors
///
/// If the buffer ends before it does.
#[inline]
pub fn read_discriminant(reader: Reader<'_>, at: usize, size: usize) -> Result<u32, CodecError> {
    match size {
        1 => u8::decode(reader, at).map(u32::from),
        2 => u16::decode(reader, at).map(u32::from),
        _ => u32::decode(reader, at),
    }
}

/// Writes a discriminant of `size` bytes at offset `at`.
///
/// # Errors
///
/// If no room was reserved there.
#[inline]
pub fn write_discriminant(
    writer: &mut Writer<'_>,
    at: usize,
    size: usize,
    value: u32,
) -> Result<(), CodecError> {
    let [a, b, ..] = value.to_le_bytes();
    match size {
        1 => writer.put(at, &[a]),
        2 => writer.put(at, &[a, b]),
        _ => writer.put(at, &value.to_le_bytes()),
    }
}

impl Layout for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

impl<'a> Decode<'a> for () {
    #[inline]
    fn decode(_: Reader<'a>, _: usize) -> Result<Self, CodecError> {
        Ok(())
    }
}

/// Takes no room; stands in generated parameters for their lifetime.
impl<T> Layout for PhantomData<T> {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

impl<'a, T> Decode<'a> for PhantomData<T> {
    #[inline]
    fn decode(_: Reader<'a>, _: usize) -> Result<Self, CodecError> {
        Ok(Self)
    }
}

impl Encode for () {
    #[inline]
    fn encode(&self, _: &mut Writer<'_>, _: usize) -> Result<(), CodecError> {
        Ok(())
    }
}

impl<T: Layout> Layout for Option<T> {
    const SIZE: usize = align_to(align_to(1, T::ALIGN) + T::SIZE, Self::ALIGN);
    const ALIGN: usize = T::ALIGN;
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        match u8::decode(reader, at)? {
            0 => Ok(None),
            1 => T::decode(reader, at + align_to(1, T::ALIGN)).map(Some),
            value => Err(CodecError::NoSuchCase {
                value: value.into(),
                ty: "option",
            }),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        match self {
            None => Ok(()),
            Some(value) => {
                writer.put(at, &[1])?;
                value.encode(writer, at + align_to(1, T::ALIGN))
            }
        }
    }

    #[inline]
    fn lendable(&self) -> &[u8] {
        self.as_ref().map(T::lendable).unwrap_or_default()
    }
}

impl<T: Layout, E: Layout> Layout for Result<T, E> {
    const SIZE: usize = align_to(
        align_to(1, Self::ALIGN) + max(T::SIZE, E::SIZE),
        Self::ALIGN,
    );
    const ALIGN: usize = max(T::ALIGN, E::ALIGN);
}

impl<'a, T: Decode<'a>, E: Decode<'a>> Decode<'a> for Result<T, E> {
    #[inline]
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let payload = at + align_to(1, Self::ALIGN);
        match u8::decode(reader, at)? {
            0 => T::decode(reader, payload).map(Ok),
            1 => E::decode(reader, payload).map(Err),
            value => Err(CodecError::NoSuchCase {
                value: value.into(),
                ty: "result",
            }),
        }
    }
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        let payload = at + align_to(1, Self::ALIGN);
        match self {
            Ok(value) => value.encode(writer, payload),
            Err(error) => {
                writer.put(at, &[1])?;
                error.encode(writer, payload)
            }
        }
    }

    #[inline]
    fn lendable(&self) -> &[u8] {
        match self {
            Ok(value) => value.lendable(),
            Err(error) => error.lendable(),
        }
    }
}
