//! The cases of enums, variants, options and results.

use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::{Result, bail};

use super::array;
use super::values::{describe, no_case};

/// The number in `size` bytes, such as a discriminant's.
#[inline]
pub(super) fn discriminant(size: usize, bytes: &[u8], at: usize) -> Result<u32> {
    Ok(match size {
        1 => u8::from_le_bytes(array(bytes, at)?).into(),
        2 => u16::from_le_bytes(array(bytes, at)?).into(),
        _ => u32::from_le_bytes(array(bytes, at)?),
    })
}

/// Bytes of the discriminant, and offset of the payload, of an enum, variant,
/// option or result.
pub(super) fn variant_layout(types: &ComponentTypes, ty: InterfaceType) -> Result<(usize, usize)> {
    let info = match ty {
        InterfaceType::Enum(i) => &types[i].info,
        InterfaceType::Variant(i) => &types[i].info,
        InterfaceType::Option(i) => &types[i].info,
        InterfaceType::Result(i) => &types[i].info,
        other => bail!("{} has no cases", describe(&other)),
    };
    Ok((info.size.into(), info.payload_offset32 as usize))
}

/// The payload of the case of that number.
pub(super) fn case(
    types: &ComponentTypes,
    ty: InterfaceType,
    number: u32,
) -> Result<Option<InterfaceType>> {
    let index = number as usize;
    let found = match ty {
        InterfaceType::Enum(i) => (index < types[i].names.len()).then_some(None),
        InterfaceType::Variant(i) => types[i].cases.get_index(index).map(|(_, ty)| *ty),
        InterfaceType::Option(i) => [None, Some(types[i].ty)].get(index).copied(),
        InterfaceType::Result(i) => [types[i].ok, types[i].err].get(index).copied(),
        _ => None,
    };
    found.ok_or_else(|| no_case(number))
}
