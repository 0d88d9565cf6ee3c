//! The memory of calls, used again, by thread.
#![allow(
    unsafe_code,
    reason = "a frame is moved out of its guard as that is dropped, without a check on every use"
)]

use std::any::Any;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use wash_plugin_abi::abi::{Buffer, Lent};

use super::lent::LentArgs;
use super::{End, Give, Handle, Origin};

/// A buffer that grew past this is given back to the allocator: one large
/// call should not hold its memory for ever.
const KEEP_BYTES: usize = 256 * 1024;
/// The same, for how many handles and ends there is room.
const KEEP_HANDLES: usize = 1024;
/// A call uses one frame; nested calls and futures that wait use more.
const KEEP_COUNT: usize = 8;

/// The memory of one call.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// The arguments.
    pub(crate) args: Buffer,
    /// The result.
    pub(crate) out: Buffer,
    /// The resources among the arguments, still to be written to them.
    pub(crate) handles: Vec<Handle>,
    /// The streams and futures among the arguments, likewise.
    pub(crate) ends: Vec<End>,
    /// What of the arguments is lent to the plugin.
    pub(crate) lent_args: LentArgs,
    /// What the plugin lends with the result.
    pub(crate) lent: Option<Lent>,
    /// Where the result comes from.
    pub(crate) origin: Option<&'static Origin>,
    /// Takes care of the resources in the result, if it may have some.
    pub(crate) give: Option<Arc<dyn Give>>,
    /// Keeps whoever lends it for as long.
    pub(crate) lender: Option<Arc<dyn Any + Send + Sync>>,
    /// The next one in the pool.
    next: Option<Box<Frame>>,
}

impl Frame {
    /// Whether there are resources, streams or futures among the arguments.
    #[inline]
    pub(crate) fn has_handles(&self) -> bool {
        (self.handles.len() | self.ends.len()) != 0
    }

    /// Whether there is more to it than two buffers of an ordinary size.
    #[inline]
    fn has_more(&self) -> bool {
        let parts = self.handles.len() | self.ends.len() | self.lent_args.len();
        parts != 0
            || self.lender.is_some()
            || self.give.is_some()
            || self.args.capacity().max(self.out.capacity()) > KEEP_BYTES
    }
}

/// Frames that wait for a call: a stack, linked through the frames themselves.
struct Pool {
    top: Cell<Option<Box<Frame>>>,
    len: Cell<usize>,
}

thread_local! {
    static POOL: Pool = const { Pool { top: Cell::new(None), len: Cell::new(0) } };
}

/// A frame that is empty at first, and back in its thread's pool when dropped.
#[derive(Debug)]
pub(crate) struct PooledFrame(ManuallyDrop<Box<Frame>>);

impl PooledFrame {
    #[inline]
    pub(crate) fn take() -> Self {
        // No pool while the thread ends: then a fresh one.
        let pooled = POOL.try_with(|pool| {
            let mut frame = pool.top.take()?;
            pool.top.set(frame.next.take());
            pool.len.set(pool.len.get().saturating_sub(1));
            Some(frame)
        });
        let frame = pooled.ok().flatten().unwrap_or_default();
        Self(ManuallyDrop::new(frame))
    }
}

impl std::ops::Deref for PooledFrame {
    type Target = Frame;
    #[inline]
    fn deref(&self) -> &Frame {
        &self.0
    }
}

impl std::ops::DerefMut for PooledFrame {
    #[inline]
    fn deref_mut(&mut self) -> &mut Frame {
        &mut self.0
    }
}

impl Drop for PooledFrame {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is taken out here only, and not used after.
        let mut frame = unsafe { ManuallyDrop::take(&mut self.0) };
        frame.args.clear();
        frame.out.clear();
        if frame.has_more() {
            clear_more(&mut frame);
        }
        // While the thread ends, there is no pool to go back to.
        let _ = POOL.try_with(|pool| {
            let len = pool.len.get();
            if len < KEEP_COUNT {
                frame.next = pool.top.take();
                pool.top.set(Some(frame));
                pool.len.set(len + 1);
            }
        });
    }
}

/// Empties what most calls do not use, and gives back what is too large to be
/// kept.
#[inline(never)]
fn clear_more(frame: &mut Frame) {
    frame.lent_args.clear();
    frame.handles.clear();
    frame.ends.clear();
    // What is lent is given back while its lender is there.
    frame.lent = None;
    frame.lender = None;
    frame.give = None;
    for buffer in [&mut frame.args, &mut frame.out] {
        if buffer.capacity() > KEEP_BYTES {
            *buffer = Buffer::new();
        }
    }
    if frame.handles.capacity() > KEEP_HANDLES {
        frame.handles = Vec::new();
    }
    if frame.ends.capacity() > KEEP_HANDLES {
        frame.ends = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> usize {
        POOL.with(|pool| pool.len.get())
    }

    #[test]
    fn small_buffers_come_back_empty_and_large_ones_do_not() {
        let mut frame = PooledFrame::take();
        frame.args.extend(&[1; 1000]).unwrap();
        frame.out.extend(&[1; 1000]).unwrap();
        let memory = frame.args.as_slice().as_ptr();
        drop(frame);
        let mut frame = PooledFrame::take();
        assert!(frame.args.as_slice().is_empty());
        assert!(frame.out.as_slice().is_empty());
        frame.args.extend(&[2]).unwrap();
        assert_eq!(frame.args.as_slice().as_ptr(), memory);
        frame.args.extend_zeros(KEEP_BYTES).unwrap();
        drop(frame);
        let frame = PooledFrame::take();
        assert_eq!(frame.args.capacity(), 0);
        assert!(frame.out.capacity() >= 1000);
    }

    #[test]
    fn a_thread_keeps_a_few() {
        let frames: Vec<_> = (0..3 * KEEP_COUNT).map(|_| PooledFrame::take()).collect();
        assert_eq!(pooled(), 0);
        drop(frames);
        assert_eq!(pooled(), KEEP_COUNT);
        let frame = PooledFrame::take();
        assert_eq!(pooled(), KEEP_COUNT - 1);
        drop(frame);
        assert_eq!(pooled(), KEEP_COUNT);
    }
}
