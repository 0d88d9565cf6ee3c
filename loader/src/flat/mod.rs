//! The call path: a function's arguments, whose types are known only at run
//! time, between a component's memory and one flat buffer.
//!
//! A plugin that is compiled in has Rust types that wasmtime's derive macros
//! teach to read and write themselves. Here the types come with the
//! component, so [`Args`] and [`Results`] implement the same hidden traits
//! once, for every type: [`lift`] copies arguments into a buffer as the
//! component's type says, [`lower`] copies a result back. Only the number of
//! flat core values has to be known to the compiler, and so it is a `const`
//! parameter.
//!
//! What lies in memory lies in the buffer in the same way, so both copy a
//! value's bytes in one piece. Then they go to the places in it where that is
//! not all: what a pointer leads to, and what could be no value of its type.
//!
//! These are the only modules that know wasmtime's hidden traits; it is pinned
//! to an exact version for their sake.
#![allow(
    clippy::indexing_slicing,
    reason = "a type's index is only looked up in the component's types that it comes from"
)]

mod cases;
mod channel;
mod fixups;
mod lent;
mod lift;
mod lower;
mod origin;
mod pass;
mod plan;
mod pool;
mod raw;
mod strings;
mod traits;
mod values;

pub(crate) use channel::{Carried, Channel, End, Payload, Readable};
pub(crate) use lift::Handle;
pub(crate) use lower::Give;
pub(crate) use origin::Origin;
pub(crate) use pass::{Back, call};
pub(crate) use plan::Plan;
pub(crate) use pool::{Frame, PooledFrame};
pub(crate) use raw::Raw;
pub(crate) use traits::{Args, INDIRECT, Results, permissive};

use wash_plugin_abi::abi::{LENT_AT, Lent};
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::{Result, bail, error::format_err};

/// Size and alignment of a type in 32-bit memory.
#[inline]
fn layout(types: &ComponentTypes, ty: &InterfaceType) -> (usize, usize) {
    let abi = match ty {
        InterfaceType::Bool | InterfaceType::U8 | InterfaceType::S8 => return (1, 1),
        InterfaceType::U16 | InterfaceType::S16 => return (2, 2),
        InterfaceType::U32
        | InterfaceType::S32
        | InterfaceType::Float32
        | InterfaceType::Char
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_) => return (4, 4),
        InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => return (8, 8),
        InterfaceType::String | InterfaceType::List(_) | InterfaceType::Map(_) => return (8, 4),
        InterfaceType::Record(i) => &types[*i].abi,
        InterfaceType::Tuple(i) => &types[*i].abi,
        other => types.canonical_abi(other),
    };
    (abi.size32 as usize, abi.align32 as usize)
}

/// The offset at or behind `offset` that a type of this alignment, a power of
/// two, starts at.
#[inline]
fn align_to(offset: usize, align: usize) -> usize {
    // Not `next_multiple_of`, which divides.
    offset.wrapping_add(align - 1) & !(align - 1)
}

/// Whether a type of this alignment, a power of two, may start at `offset`.
#[inline]
fn is_aligned(offset: usize, align: usize) -> bool {
    offset & (align - 1) == 0
}

/// The fields of a record or tuple, each with its offset.
#[inline]
fn placed(
    types: &ComponentTypes,
    fields: impl Iterator<Item = InterfaceType>,
) -> impl Iterator<Item = (usize, InterfaceType)> {
    let mut end = 0;
    fields.map(move |ty| {
        let (size, align) = layout(types, &ty);
        let at = align_to(end, align);
        end = at + size;
        (at, ty)
    })
}

/// The `len` bytes of `bytes` at offset `at`.
#[inline]
fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8]> {
    match at.checked_add(len).and_then(|end| bytes.get(at..end)) {
        Some(slice) => Ok(slice),
        None => bail!(
            "{len} bytes at offset {at} are out of bounds of the {} there are",
            bytes.len()
        ),
    }
}

/// The `N` bytes of `bytes` at offset `at`.
#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| {
            format_err!(
                "{N} bytes at offset {at} are out of bounds of the {} there are",
                bytes.len()
            )
        })
}

/// The `len` bytes of a list or string at offset `at` of what a plugin wrote, or
/// of what it lends.
#[inline]
fn written<'a>(
    buffer: &'a [u8],
    lent: Option<&'a [u8]>,
    at: usize,
    len: usize,
) -> Result<&'a [u8]> {
    match lent {
        Some(lent) if at >= LENT_AT => slice(lent, at - LENT_AT, len),
        _ => slice(buffer, at, len),
    }
}

impl Frame {
    /// The `len` bytes of a list or string at offset `at` of the result.
    fn out_bytes(&self, at: usize, len: usize) -> Result<&[u8]> {
        let lent = self.lent.as_ref().map(Lent::as_bytes);
        written(self.out.as_slice(), lent, at, len)
    }
}

/// Offset and length of the list or string at `at`.
#[inline]
fn pair(bytes: &[u8], at: usize) -> Result<(usize, usize)> {
    let both = u64::from_le_bytes(array(bytes, at)?);
    Ok((both as u32 as usize, (both >> 32) as usize))
}

/// The same, as bytes.
#[inline]
fn pair_bytes(offset: usize, len: usize) -> Result<[u8; 8]> {
    let both = u64::from(u32::try_from(offset)?) | (u64::from(u32::try_from(len)?) << 32);
    Ok(both.to_le_bytes())
}
