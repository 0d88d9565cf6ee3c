//! wasmtime's hidden traits, once for all types.
#![allow(
    unsafe_code,
    reason = "wasmtime's ComponentType, Lift and Lower are unsafe to implement; this module is where they are"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Arc;

use wash_runtime::wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wash_runtime::wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};
use wash_runtime::wasmtime::{Result, ValRaw, bail, ensure};

use super::lift::Lifter;
use super::lower::{Give, Lowerer};
use super::pool::PooledFrame;

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

/// A function's arguments, `N` core values or [`INDIRECT`], in a call's frame.
#[derive(Debug)]
pub(crate) struct Args<const N: usize>(pub(crate) PooledFrame);

/// A function's result in a call's frame; `M` is 1 if it is one core value,
/// and 0 if there is none or it goes through memory.
pub(crate) struct Results<const M: usize> {
    pub(crate) frame: PooledFrame,
    /// Takes care of the resources in it, if it may have some.
    pub(crate) give: Option<Arc<dyn Give>>,
}

// SAFETY: `Lower` is an array of `ValRaw`, and `typecheck` makes sure that it
// has as many as the component passes. `ABI` is only used for its size: that
// of the slice that `linear_lift_from_memory` is given, of which only the
// address is used.
unsafe impl<const N: usize> ComponentType for Args<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let found = types.types.canonical_abi(ty).flat_count(MAX_FLAT_PARAMS);
        check_count(found.unwrap_or(INDIRECT), N, "parameters")
    }
}

// SAFETY: the parameters are a tuple, which is what the impls here read.
unsafe impl<const N: usize> ComponentNamedList for Args<N> {}

// SAFETY: all values are read through checked accessors, as `ty` says.
unsafe impl<const N: usize> Lift for Args<N> {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        let mut frame = PooledFrame::take();
        Lifter::new(cx, &mut frame).root_from_flat(ty, src)?;
        Ok(Self(frame))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let offset = offset_in_memory(cx, bytes)?;
        let mut frame = PooledFrame::take();
        Lifter::new(cx, &mut frame).root_from_memory(ty, offset)?;
        Ok(Self(frame))
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
        let value = self.lowerer(cx).root_to_flat(ty)?;
        dst.write([value; M]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        self.lowerer(cx).root_to_memory(ty, offset)
    }
}

impl<const M: usize> Results<M> {
    #[inline]
    fn lowerer<'a, 'cx, T>(&'a self, cx: &'a mut LowerContext<'cx, T>) -> Lowerer<'a, 'cx, T> {
        Lowerer::new(cx, &self.frame, self.give.as_deref())
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
