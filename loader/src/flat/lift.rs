//! From a component into a call's buffer.

mod flat;

pub(super) use flat::numbers;

use wash_plugin_abi::abi::{Buffer, LENT_AT};
use wash_runtime::wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType, LiftContext};
use wash_runtime::wasmtime::component::{ErrorContext, Lift, ResourceType};
use wash_runtime::wasmtime::{Result, bail, ensure};

use super::cases::{case, discriminant, variant_layout};
use super::fixups::{Elements, is_number};
use super::lent::LentArgs;
use super::raw::may_stay;
use super::values::{append, check_char, describe, write};
use super::{End, Frame, array, is_aligned, layout, pair, pair_bytes, placed, slice, strings};

/// Bytes of strings that may be copied before they are charged.
const CREDIT: usize = 64 * 1024;

/// A resource among a component's arguments, whose number is still to be
/// written to the buffer: finding it takes the store, which is not at hand
/// while values are lifted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    /// Where its number belongs.
    pub(crate) at: usize,
    /// What the host gave the component for it.
    pub(crate) rep: u32,
    /// Whether it is given, not lent.
    pub(crate) owned: bool,
    /// Which of the host's resource types it is of.
    pub(crate) ty: ResourceType,
}

/// Copies a component's values into a call's frame.
pub(super) struct Lifter<'a, 'b, 'cx> {
    pub(super) cx: &'a mut LiftContext<'cx>,
    pub(super) types: &'cx ComponentTypes,
    memory: &'cx [u8],
    buffer: &'b mut Buffer,
    handles: &'b mut Vec<Handle>,
    pub(super) ends: &'b mut Vec<End>,
    /// Takes what may stay in the component's memory, if something may.
    lent: Option<&'b mut LentArgs>,
}

impl<'a, 'b, 'cx> Lifter<'a, 'b, 'cx> {
    pub(super) fn new(cx: &'a mut LiftContext<'cx>, frame: &'b mut Frame, lends: bool) -> Self {
        let types: &'cx ComponentTypes = cx.types;
        let memory = cx.memory();
        Self {
            cx,
            types,
            memory,
            buffer: &mut frame.args,
            handles: &mut frame.handles,
            ends: &mut frame.ends,
            lent: lends.then_some(&mut frame.lent_args),
        }
    }

    /// Reads the values of `ty` from memory, as the root of the buffer.
    pub(super) fn root_from_memory(&mut self, ty: InterfaceType, src: usize) -> Result<()> {
        let (size, _) = layout(self.types, &ty);
        self.buffer.extend(slice(self.memory, src, size)?)?;
        self.fix(ty, src, 0)
    }

    /// Reads a list of `len` values of `ty` from memory, as the root of the buffer.
    pub(super) fn root_list(&mut self, ty: InterfaceType, src: usize, len: usize) -> Result<()> {
        self.buffer.extend_zeros(size_of::<u64>())?;
        let elements = Elements::of_type(self.types, ty, is_plain);
        self.elements(&elements, src, len, 0)
    }

    /// Overwrites bytes that were reserved in the buffer.
    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<()> {
        write(self.buffer.as_mut_slice(), at, bytes)
    }

    /// Takes a resource's handle from the component.
    fn handle(&mut self, ty: InterfaceType, index: u32, at: usize) -> Result<()> {
        let (rep, owned, table) = match ty {
            InterfaceType::Own(table) => {
                let (rep, ..) = self.cx.guest_resource_lift_own(table, index)?;
                (rep, true, table)
            }
            InterfaceType::Borrow(table) => {
                let rep = self.cx.guest_resource_lift_borrow(table, index)?;
                (rep, false, table)
            }
            other => bail!("{} is not a resource", describe(&other)),
        };
        let ty = self.cx.resource_type(table);
        self.handles.push(Handle { at, rep, owned, ty });
        Ok(())
    }

    /// Does what is left to do for a value of `ty` that was copied from memory
    /// at `src` to offset `dst`.
    fn fix(&mut self, ty: InterfaceType, src: usize, dst: usize) -> Result<()> {
        match ty {
            _ if is_plain(&ty) => Ok(()),
            InterfaceType::Bool => {
                let [byte] = array(self.memory, src)?;
                self.put(dst, [u8::from(byte != 0)])
            }
            InterfaceType::Char => {
                check_char(u32::from_le_bytes(array(self.memory, src)?))?;
                Ok(())
            }
            InterfaceType::String => {
                let (ptr, len) = pair(self.memory, src)?;
                self.string(ptr, len, dst)
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (ptr, len) = pair(self.memory, src)?;
                self.list(ty, ptr, len, dst)
            }
            InterfaceType::FixedLengthList(i) => {
                let elements = Elements::of(self.types, ty, is_plain)?;
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
                let number = discriminant(tag, self.memory, src)?;
                match case(self.types, ty, number)? {
                    Some(payload) => self.fix(payload, src + payload_at, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = u32::from_le_bytes(array(self.memory, src)?);
                self.handle(ty, index, dst)
            }
            InterfaceType::ErrorContext(_) => {
                let bytes = slice(self.memory, src, 4)?;
                ErrorContext::linear_lift_from_memory(self.cx, ty, bytes)?;
                self.put(dst, [0; 4])
            }
            InterfaceType::Stream(_) | InterfaceType::Future(_) => {
                let index = u32::from_le_bytes(array(self.memory, src)?);
                self.channel(ty, index, dst)
            }
            other => bail!("{} cannot be passed to a plugin", describe(&other)),
        }
    }

    fn fix_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: usize,
        dst: usize,
    ) -> Result<()> {
        for (at, ty) in placed(self.types, fields) {
            if !is_plain(&ty) {
                self.fix(ty, src + at, dst + at)?;
            }
        }
        Ok(())
    }

    /// Whether these bytes of memory, a list or string, may and should stay there.
    #[inline]
    fn lends(&self, ptr: usize, bytes: usize) -> bool {
        self.lent.is_some() && may_stay(ptr, bytes)
    }

    /// Lends the list or string of `len` elements at `ptr`, each of `size` bytes.
    #[inline]
    fn lend(&mut self, ptr: usize, len: usize, size: usize, dst: usize) -> Result<()> {
        if let Some(lent) = &mut self.lent {
            lent.add(dst, size, self.memory);
        }
        self.put(dst, pair_bytes(LENT_AT + ptr, len)?)
    }

    #[inline]
    fn string(&mut self, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let text = strings::find(self.cx.options().string_encoding, self.memory, ptr, len)?;
        self.cx.consume_fuel(text.bytes.len())?;
        if self.lends(ptr, len) && text.is_utf8() {
            std::str::from_utf8(text.bytes)?;
            return self.lend(ptr, len, 1, dst);
        }
        let (offset, len) = text.copy(self.buffer)?;
        self.put(dst, pair_bytes(offset, len)?)
    }

    /// Copies the elements of a list, or the entries of a map.
    fn list(&mut self, ty: InterfaceType, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let numbers = match ty {
            InterfaceType::List(i) => Some(self.types[i].element).filter(is_number),
            _ => None,
        };
        if let Some(number) = numbers {
            let (size, align) = layout(self.types, &number);
            let all = len.saturating_mul(size);
            if self.lends(ptr, all) {
                ensure!(is_aligned(ptr, align), "list pointer is not aligned");
                slice(self.memory, ptr, all)?;
                self.cx.consume_fuel_array(len, size)?;
                return self.lend(ptr, len, size, dst);
            }
        }
        let elements = Elements::of(self.types, ty, is_plain)?;
        self.elements(&elements, ptr, len, dst)
    }

    #[inline]
    fn is_utf8(&self) -> bool {
        matches!(self.cx.options().string_encoding, StringEncoding::Utf8)
    }

    fn elements(&mut self, elements: &Elements, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let (size, align) = (elements.size, elements.align);
        ensure!(is_aligned(ptr, align), "list pointer is not aligned");
        ensure!(size > 0 || len == 0, "a list's elements have no size");
        let bytes = slice(self.memory, ptr, len.saturating_mul(size))?;
        // As wasmtime charges a `Vec<T>`.
        self.cx.consume_fuel_array(len, size)?;

        let offset = append(self.buffer, bytes, align)?;
        self.put(dst, pair_bytes(offset, len)?)?;
        self.fix_elements(elements, (ptr, offset), len)
    }

    /// Does what is left to do for `len` elements that were copied from memory
    /// to an offset.
    fn fix_elements(
        &mut self,
        elements: &Elements,
        (src, dst): (usize, usize),
        len: usize,
    ) -> Result<()> {
        let (places, size) = (elements.fixups(), elements.size);
        if places.is_empty() {
            return Ok(());
        }
        if self.is_utf8() && places.iter().all(|(_, ty)| *ty == InterfaceType::String) {
            return self.fix_texts(places, (src, dst), len, size);
        }
        // Many are copied faster than they are told one by one.
        let lent = self.lent.take();
        for i in 0..len {
            for (at, ty) in places {
                self.fix(*ty, src + i * size + at, dst + i * size + at)?;
            }
        }
        self.lent = lent;
        Ok(())
    }

    /// The same, where all of it is strings in UTF-8: they are copied one
    /// behind the other, and checked as one text.
    fn fix_texts(
        &mut self,
        places: &[(usize, InterfaceType)],
        (src, dst): (usize, usize),
        len: usize,
        size: usize,
    ) -> Result<()> {
        let start = self.buffer.as_slice().len();
        let mut cut = false;
        let mut owed = 0;
        for i in 0..len {
            for (at, _) in places {
                let (ptr, len) = pair(self.memory, src + i * size + at)?;
                let bytes = slice(self.memory, ptr, len)?;
                owed += len;
                if owed > CREDIT {
                    self.cx.consume_fuel(std::mem::take(&mut owed))?;
                }
                cut |= bytes.first().is_some_and(is_continuation);
                let offset = self.buffer.as_slice().len();
                self.buffer.extend(bytes)?;
                self.put(dst + i * size + at, pair_bytes(offset, len)?)?;
            }
        }
        self.cx.consume_fuel(owed)?;
        // The whole is text, and none of the strings begins within a
        // character, so none ends within one either.
        std::str::from_utf8(self.buffer.as_slice().get(start..).unwrap_or_default())?;
        ensure!(!cut, "a string begins within a character of UTF-8");
        Ok(())
    }
}

/// Whether a copy of a value's bytes is all there is to it.
#[inline]
fn is_plain(ty: &InterfaceType) -> bool {
    // The bits of flags that name none are the plugin's to ignore.
    is_number(ty) || matches!(ty, InterfaceType::Flags(_))
}

/// Whether a byte of UTF-8 is not the first of its character.
#[inline]
fn is_continuation(byte: &u8) -> bool {
    byte & 0xc0 == 0x80
}
