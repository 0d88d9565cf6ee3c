//! Core values, as they are read, and a buffer's bytes, as they are written.

use std::slice::Iter;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::InterfaceType;
use wash_runtime::wasmtime::{Error, Result, ValRaw, bail, error::format_err};

use super::align_to;

/// Bytes that the root of a buffer is made ready in.
const STEP: usize = 16;

#[inline]
pub(super) fn next(src: &mut Iter<'_, ValRaw>) -> Result<ValRaw> {
    src.next().copied().ok_or_else(too_few)
}

#[inline]
pub(super) fn next_pair(src: &mut Iter<'_, ValRaw>) -> Result<(usize, usize)> {
    let ptr = next(src)?.get_u32() as usize;
    let len = next(src)?.get_u32() as usize;
    Ok((ptr, len))
}

#[cold]
pub(super) fn too_few() -> Error {
    format_err!("the component passes fewer values than the function takes")
}

#[inline]
pub(super) fn check_char(value: u32) -> Result<u32> {
    match char::from_u32(value) {
        Some(_) => Ok(value),
        None => bail!("{value:#x} is not a Unicode scalar value"),
    }
}

#[cold]
pub(super) fn no_case(number: u32) -> Error {
    format_err!("{number} is not the number of a case")
}

/// Overwrites bytes of the buffer.
#[inline(always)]
pub(super) fn write<const N: usize>(buffer: &mut [u8], at: usize, bytes: [u8; N]) -> Result<()> {
    match buffer.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        Some(room) => *room = bytes,
        None => bail!("a type is larger than its own layout"),
    }
    Ok(())
}

/// Writes the first `size` bytes of a number: 1, 2 or 4.
#[inline]
pub(super) fn write_part(root: &mut [u8], at: usize, size: usize, number: u32) -> Result<()> {
    let [a, b, ..] = number.to_le_bytes();
    match size {
        1 => write(root, at, [a]),
        2 => write(root, at, [a, b]),
        _ => write(root, at, number.to_le_bytes()),
    }
}

/// Makes the root of an empty buffer ready for so many bytes.
#[inline]
pub(super) fn make_room(buffer: &mut Buffer, size: usize) -> Result<()> {
    // In steps of a constant size, as that needs no call of `memset`. What is too
    // much is padding.
    let mut left = size;
    while left > 0 {
        buffer.extend_zeros(STEP)?;
        left = left.saturating_sub(STEP);
    }
    Ok(())
}

/// Appends bytes at a multiple of `align`: their offset.
#[inline]
pub(super) fn append(buffer: &mut Buffer, bytes: &[u8], align: usize) -> Result<usize> {
    let end = buffer.as_slice().len();
    let offset = align_to(end, align);
    buffer.extend_zeros(offset - end)?;
    buffer.extend(bytes)?;
    Ok(offset)
}

/// A type that does not cross, for the error that says so.
pub(super) fn describe(ty: &InterfaceType) -> &'static str {
    match ty {
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => "a resource",
        InterfaceType::Future(_) => "a future",
        InterfaceType::Stream(_) => "a stream",
        InterfaceType::ErrorContext(_) => "an error context",
        _ => "a value of this type",
    }
}
