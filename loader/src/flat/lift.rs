//! From a component into a call's buffer.

use std::slice::Iter;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType, LiftContext};
use wash_runtime::wasmtime::component::ResourceType;
use wash_runtime::wasmtime::{Result, ValRaw, bail, ensure, error::format_err};

use super::fixups::{Fixups, is_number};
use super::{
    Frame, align_to, array, is_aligned, layout, lower, pair, pair_bytes, placed, slice, strings,
};

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
    cx: &'a mut LiftContext<'cx>,
    types: &'cx ComponentTypes,
    memory: &'cx [u8],
    buffer: &'b mut Buffer,
    handles: &'b mut Vec<Handle>,
}

impl<'a, 'b, 'cx> Lifter<'a, 'b, 'cx> {
    pub(super) fn new(cx: &'a mut LiftContext<'cx>, frame: &'b mut Frame) -> Self {
        let types: &'cx ComponentTypes = cx.types;
        let memory = cx.memory();
        Self {
            cx,
            types,
            memory,
            buffer: &mut frame.args,
            handles: &mut frame.handles,
        }
    }

    /// Reads the values of `ty`, a tuple, from core values, as the root of the
    /// buffer.
    pub(super) fn root_from_flat(&mut self, ty: InterfaceType, src: &[ValRaw]) -> Result<()> {
        let types = self.types;
        let InterfaceType::Tuple(i) = ty else {
            bail!("the parameters are no tuple");
        };
        let params = &types[i];
        // In steps of a constant size, as that needs no call of `memset`. What
        // is too much is padding.
        for _ in 0..params.abi.size32.div_ceil(8) {
            self.buffer.extend_zeros(8)?;
        }
        self.flat_fields(params.types.iter().copied(), &mut src.iter(), 0)
    }

    /// Reads the values of `ty` from memory, as the root of the buffer.
    pub(super) fn root_from_memory(&mut self, ty: InterfaceType, src: usize) -> Result<()> {
        let (size, _) = layout(self.types, &ty);
        self.buffer.extend(slice(self.memory, src, size)?)?;
        self.fix(ty, src, 0)
    }

    /// Overwrites bytes that were reserved in the buffer.
    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<()> {
        match self
            .buffer
            .as_mut_slice()
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut())
        {
            Some(room) => *room = bytes,
            None => bail!("a type is larger than its own layout"),
        }
        Ok(())
    }

    /// Overwrites the first `size` of these bytes: 1, 2 or 4.
    #[inline]
    fn put_part(&mut self, at: usize, size: usize, bytes: [u8; 4]) -> Result<()> {
        let [a, b, ..] = bytes;
        match size {
            1 => self.put(at, [a]),
            2 => self.put(at, [a, b]),
            _ => self.put(at, bytes),
        }
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
            InterfaceType::List(i) => {
                let (ptr, len) = next_pair(src)?;
                self.list(self.types[i].element, ptr, len, dst)
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
                self.put_part(dst, size, bits.to_le_bytes())
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
                let (tag, payload_at) = lower::variant_layout(self.types, ty)?;
                let payload = lower::case(self.types, ty, number)?;
                self.put_part(dst, tag, number.to_le_bytes())?;
                match payload {
                    Some(payload) => self.flat(payload, &mut own, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = next(src)?.get_u32();
                self.handle(ty, index, dst)
            }
            other => bail!("{} cannot be passed to a plugin", describe(&other)),
        }
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
            InterfaceType::List(i) => {
                let (ptr, len) = pair(self.memory, src)?;
                self.list(self.types[i].element, ptr, len, dst)
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
                let (tag, payload_at) = lower::variant_layout(self.types, ty)?;
                let number = lower::discriminant(tag, self.memory, src)?;
                match lower::case(self.types, ty, number)? {
                    Some(payload) => self.fix(payload, src + payload_at, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = u32::from_le_bytes(array(self.memory, src)?);
                self.handle(ty, index, dst)
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

    #[inline]
    fn string(&mut self, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let (offset, len) = strings::lift(self.cx, self.buffer, ptr, len)?;
        self.put(dst, pair_bytes(offset, len)?)
    }

    fn list(&mut self, element: InterfaceType, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let (size, align) = layout(self.types, &element);
        ensure!(is_aligned(ptr, align), "list pointer is not aligned");
        ensure!(size > 0 || len == 0, "a list's elements have no size");
        let bytes = slice(self.memory, ptr, len.saturating_mul(size))?;
        // As wasmtime charges a `Vec<T>`.
        self.cx.consume_fuel_array(len, size)?;

        let end = self.buffer.as_slice().len();
        let offset = align_to(end, align);
        self.buffer.extend_zeros(offset - end)?;
        self.buffer.extend(bytes)?;
        self.put(dst, pair_bytes(offset, len)?)?;
        let fixups = Fixups::of(self.types, element, is_plain);
        match fixups.as_slice() {
            [] => Ok(()),
            places => self.fix_list(places, (ptr, offset), len, size),
        }
    }

    /// Does what is left to do for `len` elements of `size` bytes that were
    /// copied from memory to an offset.
    fn fix_list(
        &mut self,
        places: &[(usize, InterfaceType)],
        (src, dst): (usize, usize),
        len: usize,
        size: usize,
    ) -> Result<()> {
        let utf8 = matches!(self.cx.options().string_encoding, StringEncoding::Utf8);
        if utf8 && places.iter().all(|(_, ty)| *ty == InterfaceType::String) {
            return self.fix_texts(places, (src, dst), len, size);
        }
        for i in 0..len {
            for (at, ty) in places {
                self.fix(*ty, src + i * size + at, dst + i * size + at)?;
            }
        }
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

#[cold]
fn too_few() -> wash_runtime::wasmtime::Error {
    format_err!("the component passes fewer values than the function takes")
}

#[inline]
fn next(src: &mut Iter<'_, ValRaw>) -> Result<ValRaw> {
    src.next().copied().ok_or_else(too_few)
}

#[inline]
fn next_pair(src: &mut Iter<'_, ValRaw>) -> Result<(usize, usize)> {
    let ptr = next(src)?.get_u32() as usize;
    let len = next(src)?.get_u32() as usize;
    Ok((ptr, len))
}

#[inline]
fn check_char(value: u32) -> Result<u32> {
    match char::from_u32(value) {
        Some(_) => Ok(value),
        None => bail!("{value:#x} is not a Unicode scalar value"),
    }
}

/// A type that does not cross, for the error that says so.
pub(super) fn describe(ty: &InterfaceType) -> &'static str {
    match ty {
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => "a resource",
        InterfaceType::Future(_) => "a future",
        InterfaceType::Stream(_) => "a stream",
        InterfaceType::ErrorContext(_) => "an error context",
        InterfaceType::Map(_) => "a map",
        InterfaceType::FixedLengthList(_) => "a fixed-length list",
        _ => "a value of this type",
    }
}
