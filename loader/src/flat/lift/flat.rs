//! From core values, which short arguments are passed as.

use std::iter;
use std::slice::Iter;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::component::{ErrorContext, Lift};
use wash_runtime::wasmtime::{Result, ValRaw, bail};

use super::super::cases::{case, variant_layout};
use super::super::values::{check_char, make_room, next, next_pair, too_few, write, write_part};
use super::super::{align_to, layout};
use super::Lifter;

impl<'cx> Lifter<'_, '_, 'cx> {
    /// Reads the values of `ty`, a tuple, from core values, as the root of the
    /// buffer.
    pub(in crate::flat) fn root_from_flat(
        &mut self,
        ty: InterfaceType,
        src: &[ValRaw],
    ) -> Result<()> {
        match numbers(self.types, ty, src, self.buffer)? {
            Some(rest) => self.rest_from_flat(rest),
            None => Ok(()),
        }
    }

    /// Reads the values that [`numbers`] has left.
    pub(in crate::flat) fn rest_from_flat(&mut self, rest: Rest<'_, '_>) -> Result<()> {
        let Rest {
            fields,
            mut src,
            end,
        } = rest;
        self.flat_fields(fields.iter().copied(), &mut src, end)
    }

    /// Reads one value of `ty` from core values, to offset `dst`.
    fn flat(&mut self, ty: InterfaceType, src: &mut Iter<'_, ValRaw>, dst: usize) -> Result<()> {
        match ty {
            InterfaceType::U8 | InterfaceType::S8 => self.number::<1>(src, dst),
            InterfaceType::U16 | InterfaceType::S16 => self.number::<2>(src, dst),
            InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32 => {
                self.number::<4>(src, dst)
            }
            InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => {
                self.number::<8>(src, dst)
            }
            InterfaceType::Bool => {
                let value = next(src)?.get_u32() != 0;
                self.put(dst, [u8::from(value)])
            }
            InterfaceType::Char => {
                let value = check_char(next(src)?.get_u32())?;
                self.put(dst, value.to_le_bytes())
            }
            InterfaceType::String => {
                let (ptr, len) = next_pair(src)?;
                self.string(ptr, len, dst)
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (ptr, len) = next_pair(src)?;
                self.list(ty, ptr, len, dst)
            }
            InterfaceType::FixedLengthList(i) => {
                let list = &self.types[i];
                self.flat_fields(iter::repeat_n(list.element, list.size as usize), src, dst)
            }
            InterfaceType::Record(i) => {
                let types = self.types;
                self.flat_fields(types[i].fields.iter().map(|field| field.ty), src, dst)
            }
            InterfaceType::Tuple(i) => {
                let types = self.types;
                self.flat_fields(types[i].types.iter().copied(), src, dst)
            }
            InterfaceType::Flags(_) => {
                let bits = next(src)?.get_u32();
                let (size, _) = layout(self.types, &ty);
                write_part(self.buffer.as_mut_slice(), dst, size, bits)
            }
            InterfaceType::Enum(_)
            | InterfaceType::Variant(_)
            | InterfaceType::Option(_)
            | InterfaceType::Result(_) => {
                let all = self.types.canonical_abi(&ty).flat_count;
                let mut rest = src.as_slice();
                if let Some(count) = all {
                    let (own, after) = rest.split_at_checked(count.into()).ok_or_else(too_few)?;
                    rest = own;
                    *src = after.iter();
                }
                let mut own = rest.iter();
                let number = next(&mut own)?.get_u32();
                let (tag, payload_at) = variant_layout(self.types, ty)?;
                let payload = case(self.types, ty, number)?;
                write_part(self.buffer.as_mut_slice(), dst, tag, number)?;
                match payload {
                    Some(payload) => self.flat(payload, &mut own, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = next(src)?.get_u32();
                self.handle(ty, index, dst)
            }
            InterfaceType::ErrorContext(_) => {
                ErrorContext::linear_lift_from_flat(self.cx, ty, &next(src)?)?;
                self.put(dst, [0; 4])
            }
            InterfaceType::Stream(_) | InterfaceType::Future(_) => {
                let index = next(src)?.get_u32();
                self.channel(ty, index, dst)
            }
        }
    }

    /// Reads a number of `N` bytes from a core value, to offset `dst`.
    #[inline(always)]
    fn number<const N: usize>(&mut self, src: &mut Iter<'_, ValRaw>, dst: usize) -> Result<()> {
        let core = next(src)?;
        // The canonical ABI ignores the bits above a small integer's own.
        let bits = match N {
            8 => core.get_u64(),
            _ => core.get_u32().into(),
        };
        match bits.to_le_bytes().first_chunk::<N>() {
            Some(bytes) => self.put(dst, *bytes),
            None => bail!("no number has {N} bytes"),
        }
    }

    /// Reads fields from core values, to offset `dst` and on.
    #[inline]
    fn flat_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: &mut Iter<'_, ValRaw>,
        dst: usize,
    ) -> Result<()> {
        let mut end = dst;
        for ty in fields {
            // Most are numbers, whose layout is known here.
            end = match ty {
                InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32 => {
                    let at = align_to(end, 4);
                    self.number::<4>(src, at)?;
                    at + 4
                }
                InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => {
                    let at = align_to(end, 8);
                    self.number::<8>(src, at)?;
                    at + 8
                }
                _ => {
                    let (size, align) = layout(self.types, &ty);
                    let at = align_to(end, align);
                    self.flat(ty, src, at)?;
                    at + size
                }
            };
        }
        Ok(())
    }
}

/// What of a tuple is left to read from core values.
pub(in crate::flat) struct Rest<'a, 'cx> {
    fields: &'cx [InterfaceType],
    src: Iter<'a, ValRaw>,
    /// Where the fields before end.
    end: usize,
}

/// Makes the root of the buffer ready for the values of `ty`, a tuple, and reads
/// the numbers among them from core values, up to the first that is none: numbers
/// come first more often than not, and need nothing but room.
#[inline]
pub(in crate::flat) fn numbers<'a, 'cx>(
    types: &'cx ComponentTypes,
    ty: InterfaceType,
    src: &'a [ValRaw],
    buffer: &mut Buffer,
) -> Result<Option<Rest<'a, 'cx>>> {
    let InterfaceType::Tuple(i) = ty else {
        bail!("the parameters are no tuple");
    };
    let params = &types[i];
    make_room(buffer, params.abi.size32 as usize)?;
    let room = buffer.as_mut_slice();
    let (mut fields, mut src, mut end) = (&*params.types, src.iter(), 0);
    while let [ty, rest @ ..] = fields {
        let (at, size) = match ty {
            InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32 => {
                let at = align_to(end, 4);
                write(room, at, next(&mut src)?.get_u32().to_le_bytes())?;
                (at, 4)
            }
            InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => {
                let at = align_to(end, 8);
                write(room, at, next(&mut src)?.get_u64().to_le_bytes())?;
                (at, 8)
            }
            _ => return Ok(Some(Rest { fields, src, end })),
        };
        end = at + size;
        fields = rest;
    }
    Ok(None)
}
