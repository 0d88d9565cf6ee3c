//! From a component into a call's buffer.

use std::slice::Iter;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType, LiftContext};
use wash_runtime::wasmtime::component::ResourceType;
use wash_runtime::wasmtime::{Result, ValRaw, bail, ensure, error::format_err};

use super::{align_to, array, is_plain, layout, lower, slice, strings};

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

/// Copies a component's values into `buffer`.
pub(super) struct Lifter<'a, 'b, 'cx> {
    cx: &'a mut LiftContext<'cx>,
    types: &'cx ComponentTypes,
    buffer: &'b mut Buffer,
    handles: Vec<Handle>,
}

impl<'a, 'b, 'cx> Lifter<'a, 'b, 'cx> {
    pub(super) fn new(cx: &'a mut LiftContext<'cx>, buffer: &'b mut Buffer) -> Self {
        let types: &'cx ComponentTypes = cx.types;
        Self {
            cx,
            types,
            buffer,
            handles: Vec::new(),
        }
    }

    /// The resources that were met.
    pub(super) fn into_handles(self) -> Vec<Handle> {
        self.handles
    }

    /// Reads the values of `ty` from core values, as the root of the buffer.
    pub(super) fn root_from_flat(&mut self, ty: InterfaceType, src: &[ValRaw]) -> Result<()> {
        let (size, _) = layout(self.types, &ty);
        self.buffer.extend_zeros(size)?;
        self.flat(ty, &mut src.iter(), 0)
    }

    /// Reads the values of `ty` from memory, as the root of the buffer.
    pub(super) fn root_from_memory(&mut self, ty: InterfaceType, src: usize) -> Result<()> {
        let (size, _) = layout(self.types, &ty);
        self.buffer.extend_zeros(size)?;
        self.memory(ty, src, 0)
    }

    /// Overwrites bytes that were reserved in the buffer.
    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        match self
            .buffer
            .as_mut_slice()
            .get_mut(at..)
            .and_then(|rest| rest.get_mut(..bytes.len()))
        {
            Some(room) => room.copy_from_slice(bytes),
            None => bail!("a type is larger than its own layout"),
        }
        Ok(())
    }

    fn put_pair(&mut self, at: usize, offset: usize, len: usize) -> Result<()> {
        let both = u64::from(u32::try_from(offset)?) | (u64::from(u32::try_from(len)?) << 32);
        self.put(at, &both.to_le_bytes())
    }

    /// Reads one value of `ty` from core values, to offset `dst`.
    fn flat(&mut self, ty: InterfaceType, src: &mut Iter<'_, ValRaw>, dst: usize) -> Result<()> {
        match ty {
            InterfaceType::Bool => {
                let value = next(src)?.get_u32() != 0;
                self.put(dst, &[u8::from(value)])
            }
            // The canonical ABI ignores the bits above a small integer's own.
            InterfaceType::U8 | InterfaceType::S8 => {
                let [a, ..] = next(src)?.get_u32().to_le_bytes();
                self.put(dst, &[a])
            }
            InterfaceType::U16 | InterfaceType::S16 => {
                let [a, b, ..] = next(src)?.get_u32().to_le_bytes();
                self.put(dst, &[a, b])
            }
            InterfaceType::U32 | InterfaceType::S32 => {
                let value = next(src)?.get_u32();
                self.put(dst, &value.to_le_bytes())
            }
            InterfaceType::U64 | InterfaceType::S64 => {
                let value = next(src)?.get_u64();
                self.put(dst, &value.to_le_bytes())
            }
            InterfaceType::Float32 => {
                let bits = next(src)?.get_f32();
                self.put(dst, &bits.to_le_bytes())
            }
            InterfaceType::Float64 => {
                let bits = next(src)?.get_f64();
                self.put(dst, &bits.to_le_bytes())
            }
            InterfaceType::Char => {
                let value = check_char(next(src)?.get_u32())?;
                self.put(dst, &value.to_le_bytes())
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
                let size = layout(self.types, &ty).0;
                let bytes = bits.to_le_bytes();
                self.put(dst, bytes.get(..size).unwrap_or(&bytes))
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
                self.put_discriminant(tag, number, dst)?;
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

    fn flat_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: &mut Iter<'_, ValRaw>,
        dst: usize,
    ) -> Result<()> {
        let mut end = 0;
        for ty in fields {
            let (size, align) = layout(self.types, &ty);
            end = align_to(end, align);
            self.flat(ty, src, dst + end)?;
            end += size;
        }
        Ok(())
    }

    /// Reads one value of `ty` from memory at `src`, to offset `dst`.
    fn memory(&mut self, ty: InterfaceType, src: usize, dst: usize) -> Result<()> {
        match ty {
            InterfaceType::Bool => {
                let [byte] = array(self.cx.memory(), src)?;
                self.put(dst, &[u8::from(byte != 0)])
            }
            InterfaceType::U8 | InterfaceType::S8 => self.copy::<1>(src, dst),
            InterfaceType::U16 | InterfaceType::S16 => self.copy::<2>(src, dst),
            InterfaceType::U32 | InterfaceType::S32 | InterfaceType::Float32 => {
                self.copy::<4>(src, dst)
            }
            InterfaceType::U64 | InterfaceType::S64 | InterfaceType::Float64 => {
                self.copy::<8>(src, dst)
            }
            InterfaceType::Char => {
                let value = check_char(u32::from_le_bytes(array(self.cx.memory(), src)?))?;
                self.put(dst, &value.to_le_bytes())
            }
            InterfaceType::String => {
                let (ptr, len) = self.pair(src)?;
                self.string(ptr, len, dst)
            }
            InterfaceType::List(i) => {
                let (ptr, len) = self.pair(src)?;
                self.list(self.types[i].element, ptr, len, dst)
            }
            InterfaceType::Record(i) => {
                let types = self.types;
                self.memory_fields(types[i].fields.iter().map(|field| field.ty), src, dst)
            }
            InterfaceType::Tuple(i) => {
                let types = self.types;
                self.memory_fields(types[i].types.iter().copied(), src, dst)
            }
            InterfaceType::Flags(_) => match layout(self.types, &ty).0 {
                1 => self.copy::<1>(src, dst),
                2 => self.copy::<2>(src, dst),
                _ => self.copy::<4>(src, dst),
            },
            InterfaceType::Enum(_)
            | InterfaceType::Variant(_)
            | InterfaceType::Option(_)
            | InterfaceType::Result(_) => {
                let (tag, payload_at) = lower::variant_layout(self.types, ty)?;
                let number = lower::discriminant(tag, self.cx.memory(), src)?;
                let payload = lower::case(self.types, ty, number)?;
                self.put_discriminant(tag, number, dst)?;
                match payload {
                    Some(payload) => self.memory(payload, src + payload_at, dst + payload_at),
                    None => Ok(()),
                }
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = u32::from_le_bytes(array(self.cx.memory(), src)?);
                self.handle(ty, index, dst)
            }
            other => bail!("{} cannot be passed to a plugin", describe(&other)),
        }
    }

    fn memory_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: usize,
        dst: usize,
    ) -> Result<()> {
        let mut end = 0;
        for ty in fields {
            let (size, align) = layout(self.types, &ty);
            end = align_to(end, align);
            self.memory(ty, src + end, dst + end)?;
            end += size;
        }
        Ok(())
    }

    fn copy<const N: usize>(&mut self, src: usize, dst: usize) -> Result<()> {
        let bytes: [u8; N] = array(self.cx.memory(), src)?;
        self.put(dst, &bytes)
    }

    /// Pointer and length of a list or string in memory.
    fn pair(&self, src: usize) -> Result<(usize, usize)> {
        let [a, b, c, d, e, f, g, h] = array(self.cx.memory(), src)?;
        Ok((
            u32::from_le_bytes([a, b, c, d]) as usize,
            u32::from_le_bytes([e, f, g, h]) as usize,
        ))
    }

    fn string(&mut self, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let (offset, len) = strings::lift(self.cx, self.buffer, ptr, len)?;
        self.put_pair(dst, offset, len)
    }

    fn list(&mut self, element: InterfaceType, ptr: usize, len: usize, dst: usize) -> Result<()> {
        let (size, align) = layout(self.types, &element);
        ensure!(ptr.is_multiple_of(align), "list pointer is not aligned");
        ensure!(size > 0 || len == 0, "a list's elements have no size");
        let bytes = slice(self.cx.memory(), ptr, len.saturating_mul(size))?;
        // As wasmtime charges a `Vec<T>`.
        self.cx.consume_fuel_array(len, size)?;

        let end = self.buffer.as_slice().len();
        let offset = align_to(end, align);
        self.buffer.extend_zeros(offset - end)?;
        if is_plain(self.types, &element) {
            self.buffer.extend(bytes)?;
        } else {
            self.buffer.extend_zeros(bytes.len())?;
            for i in 0..len {
                self.memory(element, ptr + i * size, offset + i * size)?;
            }
        }
        self.put_pair(dst, offset, len)
    }

    fn put_discriminant(&mut self, size: usize, number: u32, dst: usize) -> Result<()> {
        let bytes = number.to_le_bytes();
        self.put(dst, bytes.get(..size).unwrap_or(&bytes))
    }
}

fn too_few() -> wash_runtime::wasmtime::Error {
    format_err!("the component passes fewer values than the function takes")
}

fn next(src: &mut Iter<'_, ValRaw>) -> Result<ValRaw> {
    src.next().copied().ok_or_else(too_few)
}

fn next_pair(src: &mut Iter<'_, ValRaw>) -> Result<(usize, usize)> {
    let ptr = next(src)?.get_u32() as usize;
    let len = next(src)?.get_u32() as usize;
    Ok((ptr, len))
}

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
