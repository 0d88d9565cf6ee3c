//! The other way round: a component's function is called with a buffer of
//! arguments, and its result is copied to another.
#![allow(
    unsafe_code,
    reason = "wasmtime's ComponentType, Lift and Lower are unsafe to implement"
)]

use std::iter;
use std::mem::MaybeUninit;
use std::slice::IterMut;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wash_runtime::wasmtime::component::{ComponentNamedList, ComponentType, Func, Lift, Lower};
use wash_runtime::wasmtime::{Result, Store, ValRaw, bail, ensure};

use super::cases::{case, discriminant, variant_layout};
use super::lift::Lifter;
use super::lower::{Lowerer, flat};
use super::pool::Frame;
use super::traits::{check_count, offset_in_memory};
use super::values::describe;
use super::{pair, placed, slice};

/// How a function's result comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    Nothing,
    /// As one core value.
    Value,
    /// In memory.
    Memory,
}

/// Calls a component's function with `params` core values, which has to be
/// that many: the buffer of its result.
pub(crate) async fn call<T: Send>(
    func: Func,
    store: &mut Store<T>,
    params: usize,
    back: Back,
    args: Buffer,
) -> Result<Buffer> {
    macro_rules! by_count {
        ($($n:literal)*) => {
            match (params, back) {
                $(
                    ($n, Back::Nothing) => Box::pin(typed::<$n, 0, T>(func, store, args)).await,
                    ($n, Back::Value) => Box::pin(typed::<$n, 1, T>(func, store, args)).await,
                    ($n, Back::Memory) => Box::pin(typed::<$n, 2, T>(func, store, args)).await,
                )*
                (n, _) => bail!("{n} core values are more than the ABI passes"),
            }
        };
    }
    by_count!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

async fn typed<const N: usize, const M: usize, T: Send>(
    func: Func,
    store: &mut Store<T>,
    args: Buffer,
) -> Result<Buffer> {
    let func = func.typed::<Passed<N>, Returned<M>>(&*store)?;
    let mut frame = Frame::default();
    frame.out = args;
    let returned = func.call_async(store, Passed(frame)).await?;
    Ok(returned.0)
}

/// Arguments in a buffer, for `N` core values.
struct Passed<const N: usize>(Frame);

/// A result in a buffer; `M` is 2 if it came through memory.
struct Returned<const M: usize>(Buffer);

// SAFETY: `Lower` is an array of `ValRaw`, and `typecheck` makes sure that it
// has as many as the component takes.
unsafe impl<const N: usize> ComponentType for Passed<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let found = types.types.canonical_abi(ty).flat_count(16);
        check_count(found.unwrap_or(super::INDIRECT), N, "parameters")
    }
}

// SAFETY: the parameters are a tuple, which is what the impl below writes.
unsafe impl<const N: usize> ComponentNamedList for Passed<N> {}

// SAFETY: every core value of `dst` is written, and memory through checked
// accessors, as `ty` says.
unsafe impl<const N: usize> Lower for Passed<N> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; N]>,
    ) -> Result<()> {
        let mut values = [ValRaw::u64(0); N];
        Lowerer::new(cx, &self.0, None).values(ty, 0, &mut values.iter_mut())?;
        dst.write(values);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: usize,
    ) -> Result<()> {
        bail!("the component takes more parameters than a plugin passes")
    }
}

// SAFETY: as for `Passed`. `ABI` is only used for its size: that of the slice
// that `linear_lift_from_memory` is given, of which only the address is used.
unsafe impl<const M: usize> ComponentType for Returned<M> {
    type Lower = [ValRaw; M];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let found = types.types.canonical_abi(ty).flat_count(1);
        check_count(found.unwrap_or(2), M, "results")
    }
}

// SAFETY: the results are a tuple, which is what the impl below reads.
unsafe impl<const M: usize> ComponentNamedList for Returned<M> {}

// SAFETY: all values are read through checked accessors, as `ty` says.
unsafe impl<const M: usize> Lift for Returned<M> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; M],
    ) -> Result<Self> {
        Self::lift(cx, |lifter| lifter.root_from_flat(ty, src))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let offset = offset_in_memory(cx, bytes)?;
        Self::lift(cx, |lifter| lifter.root_from_memory(ty, offset))
    }
}

impl<const M: usize> Returned<M> {
    fn lift(
        cx: &mut LiftContext<'_>,
        read: impl FnOnce(&mut Lifter<'_, '_, '_>) -> Result<()>,
    ) -> Result<Self> {
        let mut frame = Frame::default();
        read(&mut Lifter::new(cx, &mut frame, false))?;
        ensure!(
            frame.handles.is_empty() && frame.ends.is_empty(),
            "a resource, stream or future cannot be returned to a plugin"
        );
        Ok(Self(frame.args))
    }
}

impl<T: 'static> Lowerer<'_, '_, T> {
    /// The core values that a value of `ty` at offset `src` is. Those that are
    /// not written are zero.
    fn values(
        &mut self,
        ty: InterfaceType,
        src: usize,
        dst: &mut IterMut<'_, ValRaw>,
    ) -> Result<()> {
        match ty {
            InterfaceType::String => {
                let (at, len) = pair(self.buffer, src)?;
                let text = std::str::from_utf8(slice(self.buffer, at, len)?)?;
                let mut both = MaybeUninit::new([ValRaw::u64(0); 2]);
                // In the encoding that the component chose.
                text.linear_lower_to_flat(self.cx, ty, &mut both)?;
                // SAFETY: it was written above, and perhaps again.
                let [ptr, len] = unsafe { both.assume_init() };
                put(dst, ptr)?;
                put(dst, len)
            }
            InterfaceType::List(_) | InterfaceType::Map(_) => {
                let (at, len) = pair(self.buffer, src)?;
                let ptr = self.list(ty, at, len)?;
                put(dst, ValRaw::u32(u32::try_from(ptr)?))?;
                put(dst, ValRaw::u32(u32::try_from(len)?))
            }
            InterfaceType::Record(i) => {
                let types = self.types;
                self.values_of(types[i].fields.iter().map(|field| field.ty), src, dst)
            }
            InterfaceType::Tuple(i) => {
                let types = self.types;
                self.values_of(types[i].types.iter().copied(), src, dst)
            }
            InterfaceType::FixedLengthList(i) => {
                let list = &self.types[i];
                let elements = iter::repeat_n(list.element, list.size as usize);
                self.values_of(elements, src, dst)
            }
            InterfaceType::Enum(_)
            | InterfaceType::Variant(_)
            | InterfaceType::Option(_)
            | InterfaceType::Result(_) => {
                // Its cases share as many core values as the longest has.
                let all = self.types.canonical_abi(&ty).flat_count;
                let mut rest = std::mem::take(dst).into_slice();
                if let Some(count) = all {
                    let parts = rest.split_at_mut_checked(count.into());
                    let Some((own, after)) = parts else {
                        bail!("the component takes fewer values than its type has");
                    };
                    rest = own;
                    *dst = after.iter_mut();
                }
                let mut own = rest.iter_mut();
                let (tag, payload_at) = variant_layout(self.types, ty)?;
                let number = discriminant(tag, self.buffer, src)?;
                let payload = case(self.types, ty, number)?;
                put(&mut own, ValRaw::u32(number))?;
                match payload {
                    Some(payload) => self.values(payload, src + payload_at, &mut own),
                    None => Ok(()),
                }
            }
            InterfaceType::Bool
            | InterfaceType::U8
            | InterfaceType::S8
            | InterfaceType::U16
            | InterfaceType::S16
            | InterfaceType::U32
            | InterfaceType::S32
            | InterfaceType::U64
            | InterfaceType::S64
            | InterfaceType::Float32
            | InterfaceType::Float64
            | InterfaceType::Char
            | InterfaceType::Flags(_) => put(dst, flat(self.types, ty, self.buffer, src)?),
            other => bail!("{} cannot be passed to a component", describe(&other)),
        }
    }

    fn values_of(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        src: usize,
        dst: &mut IterMut<'_, ValRaw>,
    ) -> Result<()> {
        for (at, ty) in placed(self.types, fields) {
            self.values(ty, src + at, dst)?;
        }
        Ok(())
    }
}

fn put(dst: &mut IterMut<'_, ValRaw>, value: ValRaw) -> Result<()> {
    match dst.next() {
        Some(place) => {
            *place = value;
            Ok(())
        }
        None => bail!("the component takes fewer values than its type has"),
    }
}
