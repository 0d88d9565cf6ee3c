//! wasmtime's hidden traits, once for all types.
#![allow(
    unsafe_code,
    reason = "wasmtime's ComponentType, Lift and Lower are unsafe to implement; this module is where they are"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;

use wash_runtime::wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wash_runtime::wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};
use wash_runtime::wasmtime::{Error, Result, ValRaw, bail, ensure};

use super::lift::{self, Lifter};
use super::lower::{self, Lowerer};
use super::pool::PooledFrame;
use super::raw::Raw;

/// Stands for parameters that are too many for core values, and so always lie
/// in memory.
pub(crate) const INDIRECT: usize = MAX_FLAT_PARAMS + 1;

/// As the canonical ABI has it.
const MAX_FLAT_PARAMS: usize = 16;
const MAX_FLAT_RESULTS: usize = 1;

thread_local! {
    static PERMISSIVE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with the number of core values not checked, so that a component
/// can be linked whose functions differ from the plugin's: in order to look at
/// its types and say how they differ. What comes of it must not be run (it
/// would be an error or a panic, not undefined behaviour).
pub(crate) fn permissive<R>(f: impl FnOnce() -> R) -> R {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            PERMISSIVE.set(self.0);
        }
    }
    let _reset = Reset(PERMISSIVE.replace(true));
    f()
}

/// A function's arguments, `N` core values or [`INDIRECT`], in a call's frame. With
/// `LENDS`, some of them may be left in the component's memory, for a call that
/// follows at once and is answered before the component goes on.
#[derive(Debug)]
pub(crate) struct Args<const N: usize, const LENDS: bool>(pub(crate) PooledFrame);

/// A function's result in a call's frame; `M` is 1 if it is one core value,
/// and 0 if there is none or it goes through memory.
#[derive(Debug)]
pub(crate) struct Results<const M: usize>(pub(crate) PooledFrame);

// SAFETY: `Lower` is an array of `ValRaw`, and `typecheck` makes sure that it
// has as many as the component passes. `ABI` is only used for its size: that
// of the slice that `linear_lift_from_memory` is given, of which only the
// address is used.
unsafe impl<const N: usize, const LENDS: bool> ComponentType for Args<N, LENDS> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let found = types.types.canonical_abi(ty).flat_count(MAX_FLAT_PARAMS);
        check_count(found.unwrap_or(INDIRECT), N, "parameters")
    }
}

// SAFETY: the parameters are a tuple, which is what the impls here read.
unsafe impl<const N: usize, const LENDS: bool> ComponentNamedList for Args<N, LENDS> {}

// SAFETY: all values are read through checked accessors, as `ty` says.
unsafe impl<const N: usize, const LENDS: bool> Lift for Args<N, LENDS> {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        let mut frame = PooledFrame::take();
        if let Some(rest) = lift::numbers(cx.types, ty, src, &mut frame.args)? {
            Lifter::new(cx, &mut frame, LENDS).rest_from_flat(rest)?;
        }
        Ok(Self(frame))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let offset = offset_in_memory(cx, bytes)?;
        let mut frame = PooledFrame::take();
        Lifter::new(cx, &mut frame, LENDS).root_from_memory(ty, offset)?;
        Ok(Self(frame))
    }
}

// SAFETY: as for `Args`.
unsafe impl<const N: usize> ComponentType for Raw<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        Args::<N, false>::typecheck(ty, types)
    }
}

// SAFETY: as for `Args`.
unsafe impl<const N: usize> ComponentNamedList for Raw<N> {}

// SAFETY: they are left where they are.
unsafe impl<const N: usize> Lift for Raw<N> {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        _: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        Ok(Self::new(src, cx.memory(), cx.options().string_encoding))
    }

    fn linear_lift_from_memory(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &[u8],
    ) -> Result<Self> {
        bail!("the component passes in memory what a plugin takes as core values")
    }
}

// SAFETY: as for `Args`.
unsafe impl<const M: usize> ComponentType for Results<M> {
    type Lower = [ValRaw; M];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let found = types.types.canonical_abi(ty).flat_count(MAX_FLAT_RESULTS);
        check_count(found.unwrap_or(0), M, "results")
    }
}

// SAFETY: the results are a tuple, which is what the impls here write.
unsafe impl<const M: usize> ComponentNamedList for Results<M> {}

// SAFETY: every core value of `dst` is written, and memory through checked
// accessors, as `ty` says.
unsafe impl<const M: usize> Lower for Results<M> {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; M]>,
    ) -> Result<()> {
        if M == 0 {
            return Ok(());
        }
        let value = match lower::root_number(cx.types, ty, self.0.out.as_slice()) {
            Some(number) => number,
            None => self.other_to_flat(cx, ty)?,
        };
        dst.write([value; M]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let written = self.to_memory(cx, ty, offset);
        written.map_err(|error| self.blame(error))
    }
}

impl<const M: usize> Results<M> {
    #[inline]
    fn to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let mut lowerer = self.lowerer(cx);
        if let Some(plan) = self.0.origin.and_then(|origin| origin.plan.as_ref())
            && lowerer.planned_to_memory(plan, ty, offset)?
        {
            return Ok(());
        }
        lowerer.root_to_memory(ty, offset)
    }

    /// The one core value, where it is more than a number.
    #[inline(never)]
    fn other_to_flat<T>(&self, cx: &mut LowerContext<'_, T>, ty: InterfaceType) -> Result<ValRaw> {
        let value = self.lowerer(cx).root_to_flat(ty);
        value.map_err(|error| self.blame(error))
    }

    #[inline]
    fn lowerer<'a, 'cx, T>(&'a self, cx: &'a mut LowerContext<'cx, T>) -> Lowerer<'a, 'cx, T> {
        Lowerer::new(cx, &self.0, self.0.give.as_ref())
    }

    #[cold]
    fn blame(&self, error: Error) -> Error {
        match self.0.origin {
            Some(origin) => origin.blame(error),
            None => error,
        }
    }
}

/// Where `bytes` is, an (empty) part of the component's memory.
pub(super) fn offset_in_memory(cx: &LiftContext<'_>, bytes: &[u8]) -> Result<usize> {
    let offset = bytes
        .as_ptr()
        .addr()
        .checked_sub(cx.memory().as_ptr().addr());
    match offset {
        Some(offset) => Ok(offset),
        None => bail!("the values are not in the component's memory"),
    }
}

pub(super) fn check_count(found: usize, expected: usize, what: &str) -> Result<()> {
    let count = |n| match n {
        INDIRECT => String::from("too many core values to pass but in memory"),
        n => format!("{n} core values"),
    };
    ensure!(
        found == expected || PERMISSIVE.get(),
        "the component's {what} are {}, the plugin's {}",
        count(found),
        count(expected)
    );
    Ok(())
}
