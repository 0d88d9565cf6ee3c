//! From a component to a plugin: what is taken from wasmtime's sources.

use std::sync::Arc;

use wash_runtime::wasmtime::component::{Lift, ReadBuffer, Source, WriteBuffer};
use wash_runtime::wasmtime::{AsContextMut as _, Result, StoreContextMut, bail, ensure};

use super::super::pair_bytes;
use super::super::pool::PooledFrame;
use super::carried::Carried;
use super::given::NOT_PORTABLE;
use super::item::{Batch, Content, Item, Take, run, taking};

/// What is carried, in the three forms that are told apart.
pub(crate) trait Payload: Lift + Send + Sync + 'static {
    /// As many items as are taken at once.
    const MOST: usize = 1024 * 1024;

    /// Takes `len` items of those that are there, as a list in the arguments of a
    /// frame. They are `carried`, if another plugin may have given them.
    fn take_list<D: 'static>(
        source: Source<'_, Self>,
        store: StoreContextMut<'_, D>,
        len: usize,
        carried: Option<&Carried>,
    ) -> Result<PooledFrame>;

    /// Takes a future's value.
    fn take_value<D: 'static>(
        source: Source<'_, Self>,
        store: StoreContextMut<'_, D>,
        carried: Option<&Carried>,
    ) -> Result<PooledFrame>;
}

/// A list of `len` items of one byte each, whose bytes are these.
fn list(len: usize, bytes: &[u8]) -> Result<PooledFrame> {
    let mut frame = PooledFrame::take();
    frame.args.extend(&pair_bytes(size_of::<u64>(), len)?)?;
    frame.args.extend(bytes)?;
    Ok(frame)
}

impl Payload for u8 {
    fn take_list<D: 'static>(
        source: Source<'_, u8>,
        store: StoreContextMut<'_, D>,
        len: usize,
        _: Option<&Carried>,
    ) -> Result<PooledFrame> {
        // Both borrow for as long as the view of them lives.
        let (mut source, mut store) = (source, store);
        let mut direct = source.reborrow().as_direct(store.as_context_mut());
        let Some(bytes) = direct.remaining().get(..len) else {
            bail!("a component wrote less than it said")
        };
        let frame = list(len, bytes)?;
        direct.mark_read(len);
        Ok(frame)
    }

    fn take_value<D: 'static>(
        _: Source<'_, u8>,
        _: StoreContextMut<'_, D>,
        _: Option<&Carried>,
    ) -> Result<PooledFrame> {
        bail!("the value of a future is not taken as bytes")
    }
}

/// Counts items without a payload.
struct Units {
    len: usize,
    limit: usize,
}

impl ReadBuffer<()> for Units {
    fn extend<I: IntoIterator<Item = ()>>(&mut self, iter: I) {
        self.len += iter.into_iter().count();
    }

    fn remaining_capacity(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    fn move_from(&mut self, input: &mut dyn WriteBuffer<()>, count: usize) {
        input.skip(count);
        self.len += count;
    }
}

impl Payload for () {
    fn take_list<D: 'static>(
        mut source: Source<'_, ()>,
        store: StoreContextMut<'_, D>,
        len: usize,
        _: Option<&Carried>,
    ) -> Result<PooledFrame> {
        let mut units = Units { len: 0, limit: len };
        source.read(store, &mut units)?;
        list(units.len, &[])
    }

    fn take_value<D: 'static>(
        mut source: Source<'_, ()>,
        store: StoreContextMut<'_, D>,
        _: Option<&Carried>,
    ) -> Result<PooledFrame> {
        source.read(store, &mut Units { len: 0, limit: 1 })?;
        Ok(PooledFrame::take())
    }
}

/// Items of any type that were taken.
struct Items {
    len: usize,
    limit: usize,
    /// A component's.
    lifted: Option<PooledFrame>,
    /// Another plugin's, that no component has read: the place of the first in its
    /// batch, and how many.
    unread: Option<(Arc<Batch>, usize, usize)>,
    /// They are not of one batch.
    broken: bool,
}

impl ReadBuffer<Item> for Items {
    fn extend<I: IntoIterator<Item = Item>>(&mut self, iter: I) {
        for item in iter {
            self.len += 1;
            if let Content::Taken(frame) = item.0 {
                self.lifted = Some(frame);
            }
        }
    }

    fn remaining_capacity(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    fn move_from(&mut self, input: &mut dyn WriteBuffer<Item>, count: usize) {
        if count > 0 {
            let items = input.remaining().get(..count).unwrap_or_default();
            match run(items) {
                Ok((batch, first, len)) if len == count && self.unread.is_none() => {
                    self.unread = Some((Arc::clone(batch), first, len));
                }
                _ => self.broken = true,
            }
        }
        input.skip(count);
        self.len += count;
    }
}

impl Items {
    fn new(limit: usize) -> Self {
        Self {
            len: 0,
            limit,
            lifted: None,
            unread: None,
            broken: false,
        }
    }

    /// All of them, as a list or as one value. If no component has read them, they
    /// may take so many bytes: as many as wasmtime lets a call copy.
    fn frame(self, carried: Option<&Carried>, is_list: bool, most: usize) -> Result<PooledFrame> {
        if let Some(frame) = self.lifted {
            return Ok(frame);
        }
        ensure!(!self.broken, "items of several batches were taken at once");
        let Some((batch, first, len)) = &self.unread else {
            bail!("nothing was taken")
        };
        let Some(carried) = carried else {
            bail!("a plugin {NOT_PORTABLE}")
        };
        let (mut frame, given) = (PooledFrame::take(), &batch.frame);
        let copied = if is_list {
            let at = batch.at.saturating_add(first.saturating_mul(batch.size));
            carried.copy_list(given, (at, *len), &mut frame.args, most)
        } else {
            carried.copy_value(given, &mut frame.args, most)
        };
        copied.map_err(|error| batch.give.blame(error))?;
        Ok(frame)
    }
}

impl Payload for Item {
    /// Each counts against what wasmtime lets a call copy, and so does what it
    /// refers to.
    const MOST: usize = 4096;

    fn take_list<D: 'static>(
        mut source: Source<'_, Item>,
        store: StoreContextMut<'_, D>,
        len: usize,
        carried: Option<&Carried>,
    ) -> Result<PooledFrame> {
        let (mut items, most) = (Items::new(len), store.hostcall_fuel());
        taking(Take::List(len), || source.read(store, &mut items))?;
        items.frame(carried, true, most)
    }

    fn take_value<D: 'static>(
        mut source: Source<'_, Item>,
        store: StoreContextMut<'_, D>,
        carried: Option<&Carried>,
    ) -> Result<PooledFrame> {
        let (mut items, most) = (Items::new(1), store.hostcall_fuel());
        taking(Take::Value, || source.read(store, &mut items))?;
        items.frame(carried, false, most)
    }
}
