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
//! These are the only modules that know wasmtime's hidden traits; it is pinned
//! to an exact version for their sake.
#![allow(
    clippy::indexing_slicing,
    reason = "a type's index is only looked up in the component's types that it comes from"
)]

mod lift;
mod lower;
mod pool;
mod strings;
mod traits;

pub(crate) use lift::Handle;
pub(crate) use lower::Give;
pub(crate) use pool::PooledBuffer;
pub(crate) use traits::{Args, INDIRECT, Results, permissive};

use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::{Result, bail, error::format_err};

/// Size and alignment of a type in 32-bit memory.
fn layout(types: &ComponentTypes, ty: &InterfaceType) -> (usize, usize) {
    let abi = types.canonical_abi(ty);
    (abi.size32 as usize, abi.align32 as usize)
}

/// The offset at or behind `offset` that a type of this alignment starts at.
fn align_to(offset: usize, align: usize) -> usize {
    offset.next_multiple_of(align)
}

/// The `len` bytes of `bytes` at offset `at`.
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

/// Whether every bit pattern of a type's bytes is a value of it, and the same
/// one here and there: then many of them are one copy.
fn is_plain(types: &ComponentTypes, ty: &InterfaceType) -> bool {
    match ty {
        InterfaceType::U8
        | InterfaceType::S8
        | InterfaceType::U16
        | InterfaceType::S16
        | InterfaceType::U32
        | InterfaceType::S32
        | InterfaceType::U64
        | InterfaceType::S64
        | InterfaceType::Float32
        | InterfaceType::Float64 => true,
        InterfaceType::Record(i) => types[*i]
            .fields
            .iter()
            .all(|field| is_plain(types, &field.ty)),
        InterfaceType::Tuple(i) => types[*i].types.iter().all(|ty| is_plain(types, ty)),
        _ => false,
    }
}
