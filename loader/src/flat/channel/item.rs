//! An item of a stream, or the value of a future, of any type: [`Item`].

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Arc;

use wash_runtime::wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wash_runtime::wasmtime::component::{ComponentType, Lift, Lower};
use wash_runtime::wasmtime::{Result, ValRaw, bail, ensure};

use super::super::lift::Lifter;
use super::super::lower::{Give, Lowerer};
use super::super::pool::PooledFrame;
use super::super::traits::offset_in_memory;
use super::super::{is_aligned, layout};

/// A value of a type that is known when it is copied.
#[derive(Debug)]
pub(crate) struct Item(pub(super) Content);

pub(super) enum Content {
    /// A plugin's, for a component: one of those that were read together.
    Given { batch: Arc<Batch>, index: usize },
    /// A component's, for a plugin: the first of those that were taken together,
    /// with all of them in its arguments.
    Taken(PooledFrame),
    /// One of those behind the first.
    More,
}

/// What was read from a plugin in one piece.
pub(super) struct Batch {
    /// With the values in its result.
    pub(super) frame: PooledFrame,
    /// Where the values are, one behind the other.
    pub(super) at: usize,
    /// Bytes of each.
    pub(super) size: usize,
    pub(super) give: Arc<dyn Give>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Given { .. } => "Given",
            Self::Taken(_) => "Taken",
            Self::More => "More",
        })
    }
}

/// How many items the next lift takes at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Take {
    /// A future's value.
    Value,
    /// So many of a stream's.
    List(usize),
}

thread_local! {
    static TAKE: Cell<Option<Take>> = const { Cell::new(None) };
}

/// Runs `f`, in which items are lifted: wasmtime does it one by one, from the
/// same address, as far as it knows. The first of them takes all.
pub(super) fn taking<R>(take: Take, f: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            TAKE.set(None);
        }
    }
    let _reset = Reset;
    TAKE.set(Some(take));
    f()
}

// SAFETY: `Lower` is an array of no `ValRaw`, and never used: items are only in
// memory. Size and alignment are 0 and 1, so that wasmtime neither checks nor
// adds anything: the impls below know the type's own when they are called, and
// check them. They read and write any type, so `typecheck` has nothing to say;
// that component and plugin mean the same type is checked when they are bound.
unsafe impl ComponentType for Item {
    type Lower = [ValRaw; 0];
    const ABI: CanonicalAbiInfo = <() as ComponentType>::ABI;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: all values are read through checked accessors, as `ty` says.
unsafe impl Lift for Item {
    fn linear_lift_from_flat(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &[ValRaw; 0],
    ) -> Result<Self> {
        bail!("an item of a stream is not passed as core values")
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let Some(take) = TAKE.take() else {
            return Ok(Self(Content::More));
        };
        let offset = offset_in_memory(cx, bytes)?;
        // Of a list, `root_list` checks it.
        if matches!(take, Take::Value) {
            let (_, align) = layout(cx.types, &ty);
            ensure!(is_aligned(offset, align), "write pointer not aligned");
        }
        let mut frame = PooledFrame::take();
        let mut lifter = Lifter::new(cx, &mut frame, false);
        match take {
            Take::Value => lifter.root_from_memory(ty, offset)?,
            Take::List(len) => lifter.root_list(ty, offset, len)?,
        }
        Ok(Self(Content::Taken(frame)))
    }
}

// SAFETY: memory is written through checked accessors, as `ty` says.
unsafe impl Lower for Item {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<[ValRaw; 0]>,
    ) -> Result<()> {
        bail!("an item of a stream is not passed as core values")
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        Self::linear_store_list_to_memory(cx, ty, offset, std::slice::from_ref(self))
    }

    fn linear_store_list_to_memory<T>(
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
        items: &[Self],
    ) -> Result<()> {
        let (size, align) = layout(cx.types, &ty);
        ensure!(is_aligned(offset, align), "read pointer not aligned");
        let (mut items, mut offset) = (items, offset);
        while let Some(first) = items.first() {
            let (batch, index, len) = run(items)?;
            ensure!(
                size == batch.size,
                "an item of {} bytes is read as one of {size}: {first:?}",
                batch.size
            );
            let from = batch.at.saturating_add(index.saturating_mul(size));
            Lowerer::new(cx, &batch.frame, Some(&batch.give))
                .store(ty, from, len, offset)
                .map_err(|error| batch.give.blame(error))?;
            items = items.get(len..).unwrap_or_default();
            offset = offset.saturating_add(len.saturating_mul(size));
        }
        Ok(())
    }
}

/// The items at the beginning that lie one behind the other in one batch: that,
/// the place of the first in it, and how many.
pub(super) fn run(items: &[Item]) -> Result<(&Arc<Batch>, usize, usize)> {
    let Some(Item(Content::Given { batch, index })) = items.first() else {
        bail!("an item that was taken from a component is given to one")
    };
    let follows = |(place, item): (usize, &Item)| match &item.0 {
        Content::Given {
            batch: other,
            index: at,
        } => Arc::ptr_eq(batch, other) && *at == index + place,
        Content::Taken(_) | Content::More => false,
    };
    let all = items.iter().enumerate();
    let len = all
        .take_while(|(place, item)| follows((*place, item)))
        .count();
    Ok((batch, *index, len))
}
