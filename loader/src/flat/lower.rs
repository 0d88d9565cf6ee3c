//! From a call's buffer into a component.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use wash_plugin_abi::abi::Lent;
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType, LowerContext};
use wash_runtime::wasmtime::component::{Lower, ResourceType};
use wash_runtime::wasmtime::{Error, Result, ValRaw, bail, ensure};

use super::cases::{case, discriminant, variant_layout};
use super::fixups::{Elements, is_number};
use super::plan::{Kind, Plan, Step};
use super::values::{describe, no_case};
use super::{Channel, Frame, array, layout, pair, pair_bytes, placed, slice, written};

/// Gives what a plugin has to components: its resources, and the readable ends of
/// its streams and futures.
pub(crate) trait Give: fmt::Debug + Send + Sync {
    /// Keeps the resource of that number, and of one of the host's resource types,
    /// for a store, and returns what stands for it there. `data` is the store's.
    fn give(&self, data: &mut dyn Any, number: u32, ty: ResourceType) -> Result<u32>;

    /// Takes over the readable end of that number, of a stream or future.
    fn channel(&self, number: u32) -> Result<Box<dyn Channel>>;

    /// Says that what went wrong is about values that the plugin wrote.
    fn blame(&self, error: Error) -> Error;
}

/// Copies the values in `buffer` into a component.
pub(super) struct Lowerer<'a, 'cx, T: 'static> {
    pub(super) cx: &'a mut LowerContext<'cx, T>,
    pub(super) types: &'cx ComponentTypes,
    pub(super) buffer: &'a [u8],
    lent: Option<&'a [u8]>,
    pub(super) give: Option<&'a Arc<dyn Give>>,
}

impl<'a, 'cx, T: 'static> Lowerer<'a, 'cx, T> {
    pub(super) fn new(
        cx: &'a mut LowerContext<'cx, T>,
        frame: &'a Frame,
        give: Option<&'a Arc<dyn Give>>,
    ) -> Self {
        let types = cx.types;
        Self {
            cx,
            types,
            buffer: frame.out.as_slice(),
            lent: frame.lent.as_ref().map(Lent::as_bytes),
            give,
        }
    }

    /// The bytes of a list or string.
    fn bytes(&self, at: usize, len: usize) -> Result<&'a [u8]> {
        written(self.buffer, self.lent, at, len)
    }

    /// Gives the resource of the number at offset `src` to the component: its
    /// handle there.
    fn handle(&mut self, ty: InterfaceType, src: usize) -> Result<u32> {
        let (InterfaceType::Own(table), Some(give)) = (ty, self.give) else {
            bail!("{} cannot be returned by this function", describe(&ty));
        };
        let number = u32::from_le_bytes(array(self.buffer, src)?);
        let ty = self.cx.resource_type(table);
        let rep = give.give(self.cx.store.data_mut(), number, ty)?;
        self.cx.guest_resource_lower_own(table, rep)
    }

    /// The one core value that the root of the buffer, of `ty`, is.
    pub(super) fn root_to_flat(&mut self, ty: InterfaceType) -> Result<ValRaw> {
        self.flat(ty, 0)
    }

    /// The one core value that a value of `ty` at offset `src` is.
    fn flat(&mut self, ty: InterfaceType, src: usize) -> Result<ValRaw> {
        match ty {
            InterfaceType::Own(_) => Ok(ValRaw::u32(self.handle(ty, src)?)),
            InterfaceType::Stream(_) | InterfaceType::Future(_) => {
                Ok(ValRaw::u32(self.channel(ty, src)?))
            }
            // One core value means that there is one field, at the same place.
            InterfaceType::Record(i) => {
                self.flat(only(self.types[i].fields.iter().map(|f| f.ty))?, src)
            }
            InterfaceType::Tuple(i) => self.flat(only(self.types[i].types.iter().copied())?, src),
            InterfaceType::FixedLengthList(i) => self.flat(self.types[i].element, src),
            _ => flat(self.types, ty, self.buffer, src),
        }
    }

    /// Writes the value of `ty` that is the root of the buffer to memory at
    /// `dst`, where there is room for it.
    pub(super) fn root_to_memory(&mut self, ty: InterfaceType, dst: usize) -> Result<()> {
        let (size, _) = layout(self.types, &ty);
        let bytes = slice(self.buffer, 0, size)?;
        self.put(dst, bytes)?;
        self.fix(ty, 0, dst)
    }

    /// The same by a plan; false if that is for another type than the component's.
    pub(super) fn planned_to_memory(
        &mut self,
        plan: &Plan,
        ty: InterfaceType,
        dst: usize,
    ) -> Result<bool> {
        if layout(self.types, &ty).0 != plan.size {
            return Ok(false);
        }
        self.put(dst, slice(self.buffer, 0, plan.size)?)?;
        self.steps(&plan.steps, dst)?;
        Ok(true)
    }

    fn steps(&mut self, steps: &[Step], dst: usize) -> Result<()> {
        for Step { at, kind } in steps {
            let at = *at;
            match kind {
                Kind::One | Kind::Two | Kind::Four | Kind::Eight => {}
                Kind::Bool => check_bool(self.buffer, at)?,
                Kind::Char => check_char(self.buffer, at)?,
                Kind::Flags { count, size } => check_flags(self.buffer, at, *size, *count)?,
                Kind::Cases { tag, cases } => {
                    let number = discriminant(*tag, self.buffer, at)?;
                    match cases.get(number as usize) {
                        Some(steps) => self.steps(steps, dst)?,
                        None => return Err(no_case(number)),
                    }
                }
                Kind::Text => self.text(InterfaceType::String, at, dst + at)?,
                Kind::Numbers { size } => {
                    let (from, len) = pair(self.buffer, at)?;
                    let bytes = self.bytes(from, len.saturating_mul(*size))?;
                    let ptr = self.append(bytes, *size)?;
                    self.put(dst + at, &pair_bytes(ptr, len)?)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a string to memory of its own, and where that is to `dst`.
    #[inline]
    fn text(&mut self, ty: InterfaceType, src: usize, dst: usize) -> Result<()> {
        let (at, len) = pair(self.buffer, src)?;
        let text = std::str::from_utf8(self.bytes(at, len)?)?;
        // In the encoding that the component chose.
        text.linear_lower_to_memory(self.cx, ty, dst)
    }

    /// Writes bytes to memory of their own: where that is.
    #[inline]
    fn append(&mut self, bytes: &[u8], align: usize) -> Result<usize> {
        let ptr = self.cx.realloc(0, 0, u32::try_from(align)?, bytes.len())?;
        self.put(ptr, bytes)?;
        Ok(ptr)
    }

    /// Does what is left to do for a value of `ty` that was copied from offset
    /// `src` to memory at `dst`.
    fn fix(&mut self, ty: InterfaceType, src: usize, dst: usize) -> Result<()> {
        match ty {
            _ if is_number(&ty) => Ok(()),
            InterfaceType::Bool | InterfaceType::Char | InterfaceType::Flags(_) => {
                check(self.types, ty, self.buffer, src)
            }
            InterfaceType::String => self.text(ty, src, dst),
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (at, len) = pair(self.buffer, src)?;
                let ptr = self.list(ty, at, len)?;
                self.put(dst, &pair_bytes(ptr, len)?)
            }
            InterfaceType::FixedLengthList(i) => {
                let elements = Elements::of(self.types, ty, is_number)?;
                self.fix_elements(&elements, (src, dst), self.types[i].size as usize)
            }
            InterfaceType::Record(i) => {
                let types = self.types;
                self.fix_fields(types[i].fields.iter().map(|field| field.ty), src, dst)
            }
            InterfaceType::Tuple(i) => {
                let types = self.types;
                self.fix_fields(types[i].types.iter().copied(), src, dst)
            }
            InterfaceType::Enum(_)
            | InterfaceType::Variant(_)
            | InterfaceType::Option(_)
            | InterfaceType::Result(_) => {
                let (tag, payload_at) = variant_layout(self.types, ty)?;
                let number = discriminant(tag, self.buffer, src)?;
                match case(self.types, ty, number)? {
                    Some(payload) => self.fix(payload, src + payload_at, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) => {
                let index = self.handle(ty, src)?;
                self.put(dst, &index.to_le_bytes())
            }
            InterfaceType::Stream(_) | InterfaceType::Future(_) => {
                let index = self.channel(ty, src)?;
                self.put(dst, &index.to_le_bytes())
            }
            other => bail!("{} cannot be returned by a plugin", describe(&other)),
        }
    }

    fn fix_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: usize,
        dst: usize,
    ) -> Result<()> {
        for (at, ty) in placed(self.types, fields) {
            if !is_number(&ty) {
                self.fix(ty, src + at, dst + at)?;
            }
        }
        Ok(())
    }

    /// Writes the elements of a list, or the entries of a map, to memory of
    /// their own: where.
    pub(super) fn list(&mut self, ty: InterfaceType, at: usize, len: usize) -> Result<usize> {
        let elements = Elements::of(self.types, ty, is_number)?;
        let size = elements.size;
        ensure!(size > 0 || len == 0, "a list's elements have no size");
        // Before the component makes room for them.
        let bytes = self.bytes(at, len.saturating_mul(size))?;
        let ptr = self.append(bytes, elements.align)?;
        self.fix_elements(&elements, (at, ptr), len)?;
        Ok(ptr)
    }

    /// Writes `len` values of `ty` that lie one behind the other to memory at
    /// `dst`, where there is room for them.
    pub(super) fn store(
        &mut self,
        ty: InterfaceType,
        at: usize,
        len: usize,
        dst: usize,
    ) -> Result<()> {
        let elements = Elements::of_type(self.types, ty, is_number);
        self.put(dst, self.bytes(at, len.saturating_mul(elements.size))?)?;
        self.fix_elements(&elements, (at, dst), len)
    }

    /// Does what is left to do for `len` elements that were copied from an
    /// offset to memory.
    fn fix_elements(
        &mut self,
        elements: &Elements,
        (src, dst): (usize, usize),
        len: usize,
    ) -> Result<()> {
        let places = elements.fixups();
        if !places.is_empty() {
            for i in 0..len {
                let at = i * elements.size;
                for (place, ty) in places {
                    self.fix(*ty, src + at + place, dst + at + place)?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, dst: usize, bytes: &[u8]) -> Result<()> {
        match self
            .cx
            .as_slice_mut()
            .get_mut(dst..)
            .and_then(|rest| rest.get_mut(..bytes.len()))
        {
            Some(room) => room.copy_from_slice(bytes),
            None => bail!("the component's memory ends before the result does"),
        }
        Ok(())
    }
}

/// The root of the buffer, of `ty`, if it is one number of 32 bits: most results
/// are that, and need nothing more.
#[inline]
pub(super) fn root_number(
    types: &ComponentTypes,
    ty: InterfaceType,
    root: &[u8],
) -> Option<ValRaw> {
    let InterfaceType::Tuple(i) = ty else {
        return None;
    };
    match &*types[i].types {
        [InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32] => root
            .first_chunk()
            .map(|bytes| ValRaw::u32(u32::from_le_bytes(*bytes))),
        _ => None,
    }
}

/// The one core value that a number or the like at offset `src` is.
#[inline]
pub(super) fn flat(
    types: &ComponentTypes,
    ty: InterfaceType,
    buffer: &[u8],
    src: usize,
) -> Result<ValRaw> {
    let of_size = |size| discriminant(size, buffer, src);
    Ok(match ty {
        InterfaceType::U8 => ValRaw::u32(of_size(1)?),
        InterfaceType::S8 => ValRaw::i32(i8::from_le_bytes(array(buffer, src)?).into()),
        InterfaceType::U16 => ValRaw::u32(of_size(2)?),
        InterfaceType::S16 => ValRaw::i32(i16::from_le_bytes(array(buffer, src)?).into()),
        InterfaceType::U32 => ValRaw::u32(of_size(4)?),
        InterfaceType::S32 => ValRaw::i32(i32::from_le_bytes(array(buffer, src)?)),
        InterfaceType::U64 | InterfaceType::S64 => {
            ValRaw::u64(u64::from_le_bytes(array(buffer, src)?))
        }
        InterfaceType::Float32 => ValRaw::f32(of_size(4)?),
        InterfaceType::Float64 => ValRaw::f64(u64::from_le_bytes(array(buffer, src)?)),
        InterfaceType::Bool | InterfaceType::Char | InterfaceType::Flags(_) => {
            check(types, ty, buffer, src)?;
            ValRaw::u32(of_size(layout(types, &ty).0)?)
        }
        // One core value means that no case has a payload.
        InterfaceType::Enum(_)
        | InterfaceType::Variant(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_) => {
            let number = of_size(variant_layout(types, ty)?.0)?;
            case(types, ty, number)?;
            ValRaw::u32(number)
        }
        other => bail!("{} is not one core value", describe(&other)),
    })
}

fn only(mut fields: impl Iterator<Item = InterfaceType>) -> Result<InterfaceType> {
    match (fields.next(), fields.next()) {
        (Some(ty), None) => Ok(ty),
        _ => bail!("the result is not one core value"),
    }
}

/// What a plugin wrote is checked like any input.
fn check(types: &ComponentTypes, ty: InterfaceType, buffer: &[u8], src: usize) -> Result<()> {
    match ty {
        InterfaceType::Bool => check_bool(buffer, src),
        InterfaceType::Char => check_char(buffer, src),
        InterfaceType::Flags(i) => {
            check_flags(buffer, src, layout(types, &ty).0, types[i].names.len())
        }
        _ => Ok(()),
    }
}

pub(super) fn check_bool(buffer: &[u8], src: usize) -> Result<()> {
    let [byte] = array(buffer, src)?;
    ensure!(byte <= 1, "{byte} is not a bool");
    Ok(())
}

pub(super) fn check_char(buffer: &[u8], src: usize) -> Result<()> {
    let value = u32::from_le_bytes(array(buffer, src)?);
    ensure!(
        char::from_u32(value).is_some(),
        "{value:#x} is not a Unicode scalar value"
    );
    Ok(())
}

pub(super) fn check_flags(buffer: &[u8], src: usize, size: usize, count: usize) -> Result<()> {
    let bits = u64::from(discriminant(size, buffer, src)?);
    ensure!(
        bits.checked_shr(u32::try_from(count)?).unwrap_or(0) == 0,
        "{bits:#x} has bits that are none of the {count} flags"
    );
    Ok(())
}
