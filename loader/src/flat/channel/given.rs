//! From a plugin to a component: the plugin's end behind wasmtime's producers.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use wash_runtime::wasmtime::component::__internal::{InterfaceType, LowerContext};
use wash_runtime::wasmtime::component::{
    Destination, FutureProducer, FutureReader, Lower, StreamProducer, StreamReader, StreamResult,
    VecBuffer,
};
use wash_runtime::wasmtime::{
    AsContextMut as _, Error, Result, StoreContextMut, ValRaw, bail, error::format_err,
};

use super::super::lower::{Give, Lowerer};
use super::super::pool::{Frame, PooledFrame};
use super::super::values::describe;
use super::super::{array, layout, pair};
use super::carried::Carried;
use super::item::{Batch, Content, Item};
use super::payload;

/// As many items as are asked for where the reader does not say.
const SOME: usize = 1024;
/// As many as are asked for at once.
const MOST: usize = 1024 * 1024;

/// Why a stream or future does not go from a plugin to a plugin, behind the name of
/// the one that made it.
pub(super) const NOT_PORTABLE: &str = "made a stream or future with resources, or with other \
     streams, which a component passed to a plugin without reading it: let it read it, and pass \
     on what it reads";

/// The readable end of a plugin's stream or future. Dropped, it is given up.
pub(crate) trait Channel: Send + Sync + 'static {
    /// Reads up to `max` items, as a list, or a future's value, to the frame's
    /// result. `false` at the end. An error is one that was told already.
    fn poll_read(&mut self, cx: &Context<'_>, max: usize, frame: &mut Frame) -> Poll<Result<bool>>;

    /// That the plugin did wrong: what it did, with its name before.
    fn error(&self, what: &str) -> Error;
}

impl<T: 'static> Lowerer<'_, '_, T> {
    /// Gives the plugin's stream or future of the number at offset `src` to the
    /// component: its handle there.
    pub(in super::super) fn channel(&mut self, ty: InterfaceType, src: usize) -> Result<u32> {
        let Some(give) = self.give else {
            bail!("{} cannot be returned by this function", describe(&ty));
        };
        let number = u32::from_le_bytes(array(self.buffer, src)?);
        let channel = give.channel(number)?;
        let carries = payload(self.types, ty)?;
        let items = |channel, ty: InterfaceType| Items {
            channel,
            give: Arc::clone(give),
            size: layout(self.types, &ty).0,
            is_portable: Carried::new(self.types, ty).is_some(),
        };
        let is_stream = matches!(ty, InterfaceType::Stream(_));
        let cx = &mut *self.cx;
        let store = cx.store.as_context_mut();
        match (is_stream, carries) {
            (true, Some(InterfaceType::U8)) => {
                let reader = StreamReader::new(store, Bytes(channel))?;
                lower(cx, ty, &reader)
            }
            (true, None) => {
                let reader = StreamReader::new(store, Units(channel))?;
                lower(cx, ty, &reader)
            }
            (true, Some(item)) => {
                let reader = StreamReader::new(store, items(channel, item))?;
                lower(cx, ty, &reader)
            }
            (false, None) => {
                let reader = FutureReader::new(store, Signal(channel))?;
                lower(cx, ty, &reader)
            }
            (false, Some(value)) => {
                let reader = FutureReader::new(store, Value(items(channel, value)))?;
                lower(cx, ty, &reader)
            }
        }
    }
}

/// The handle of wasmtime's readable end in the component.
fn lower<T, R: Lower<Lower = ValRaw>>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    reader: &R,
) -> Result<u32> {
    let mut handle = MaybeUninit::new(ValRaw::u32(0));
    reader.linear_lower_to_flat(cx, ty, &mut handle)?;
    // SAFETY: it was written above, and perhaps again.
    Ok(unsafe { handle.assume_init() }.get_u32())
}

/// How a component's read of a stream goes on.
enum Asked {
    /// With so many items at most.
    UpTo(usize),
    /// It has ended before the plugin was asked.
    Ended(StreamResult),
}

impl Asked {
    /// `some` is for who does not say how many it can take: another plugin.
    fn new(remaining: Option<usize>, some: usize, finish: bool) -> Self {
        match remaining {
            // Nothing was taken from the plugin so far, so nothing is lost.
            _ if finish => Self::Ended(StreamResult::Cancelled),
            // It wants to know whether there is something: it may try.
            Some(0) => Self::Ended(StreamResult::Completed),
            Some(room) => Self::UpTo(room.min(MOST)),
            None => Self::UpTo(some),
        }
    }
}

/// Reads up to `max` items: where in the frame they are, and how many. `None` at
/// the end, whatever that came from: it was told.
fn poll_items(
    channel: &mut dyn Channel,
    cx: &Context<'_>,
    max: usize,
    frame: &mut Frame,
) -> Poll<Result<Option<(usize, usize)>>> {
    if !ready!(channel.poll_read(cx, max, frame)).unwrap_or(false) {
        return Poll::Ready(Ok(None));
    }
    Poll::Ready(match pair(frame.out.as_slice(), 0) {
        Ok((at, len)) if (1..=max).contains(&len) => Ok(Some((at, len))),
        Ok((_, len)) => Err(channel.error(&format!(
            "gave {len} items of a stream, where 1 to {max} were asked for"
        ))),
        Err(error) => Err(channel.error(&format!("gave no items of a stream: {error}"))),
    })
}

struct Bytes(Box<dyn Channel>);

impl<D: 'static> StreamProducer<D> for Bytes {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let max = match Asked::new(destination.remaining(&mut store), 64 * SOME, finish) {
            Asked::UpTo(max) => max,
            Asked::Ended(how) => return Poll::Ready(Ok(how)),
        };
        let mut frame = PooledFrame::take();
        let channel = &mut *self.get_mut().0;
        let Some((at, len)) = ready!(poll_items(channel, cx, max, &mut frame))? else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let bytes = frame
            .out_bytes(at, len)
            .map_err(|error| channel.error(&format!("gave no bytes of a stream: {error}")))?;
        let mut direct = destination.as_direct(store, len);
        match direct.remaining().get_mut(..len) {
            Some(room) => room.copy_from_slice(bytes),
            None => {
                let error = format_err!("a component's buffer is shorter than it was");
                return Poll::Ready(Err(error));
            }
        }
        direct.mark_written(len);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct Units(Box<dyn Channel>);

impl<D: 'static> StreamProducer<D> for Units {
    type Item = ();
    type Buffer = VecBuffer<()>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, (), Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let max = match Asked::new(destination.remaining(&mut store), SOME, finish) {
            Asked::UpTo(max) => max,
            Asked::Ended(how) => return Poll::Ready(Ok(how)),
        };
        let mut frame = PooledFrame::take();
        let channel = &mut *self.get_mut().0;
        let Some((_, len)) = ready!(poll_items(channel, cx, max, &mut frame))? else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        destination.set_buffer(vec![(); len].into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Of any type; also what the value of a future comes from.
struct Items {
    channel: Box<dyn Channel>,
    give: Arc<dyn Give>,
    /// Bytes of an item.
    size: usize,
    /// Whether they mean the same to every plugin.
    is_portable: bool,
}

impl Items {
    fn batch(&self, frame: PooledFrame, at: usize) -> Arc<Batch> {
        Arc::new(Batch {
            frame,
            at,
            size: self.size,
            give: Arc::clone(&self.give),
        })
    }
}

impl<D: 'static> StreamProducer<D> for Items {
    type Item = Item;
    type Buffer = VecBuffer<Item>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let this = self.get_mut();
        let remaining = destination.remaining(&mut store);
        if remaining.is_none() && !this.is_portable {
            // Before anything is read that nobody would drop.
            return Poll::Ready(Err(this.channel.error(NOT_PORTABLE)));
        }
        let max = match Asked::new(remaining, SOME, finish) {
            Asked::UpTo(max) => max.min(SOME),
            Asked::Ended(how) => return Poll::Ready(Ok(how)),
        };
        let mut frame = PooledFrame::take();
        let read = ready!(poll_items(&mut *this.channel, cx, max, &mut frame))?;
        let Some((at, len)) = read else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let batch = this.batch(frame, at);
        let item = |index| {
            let batch = Arc::clone(&batch);
            Item(Content::Given { batch, index })
        };
        let items: Vec<_> = (0..len).map(item).collect();
        destination.set_buffer(items.into());
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Reads a future's value to the frame; `false` if that is not wanted any more.
fn poll_value(
    channel: &mut dyn Channel,
    cx: &Context<'_>,
    finish: bool,
    frame: &mut Frame,
) -> Poll<Result<bool>> {
    if finish {
        return Poll::Ready(Ok(false));
    }
    Poll::Ready(match ready!(channel.poll_read(cx, 1, frame)) {
        Ok(true) => Ok(true),
        Ok(false) => Err(channel.error("gave up a future, or was stopped, without a value for it")),
        Err(error) => Err(error),
    })
}

struct Signal(Box<dyn Channel>);

impl<D: 'static> FutureProducer<D> for Signal {
    type Item = ();

    fn poll_produce(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: StoreContextMut<'_, D>,
        finish: bool,
    ) -> Poll<Result<Option<()>>> {
        let mut frame = PooledFrame::take();
        let channel = &mut *self.get_mut().0;
        let wanted = ready!(poll_value(channel, cx, finish, &mut frame))?;
        Poll::Ready(Ok(wanted.then_some(())))
    }
}

struct Value(Items);

impl<D: 'static> FutureProducer<D> for Value {
    type Item = Item;

    fn poll_produce(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: StoreContextMut<'_, D>,
        finish: bool,
    ) -> Poll<Result<Option<Item>>> {
        let items = &mut self.get_mut().0;
        let mut frame = PooledFrame::take();
        if !ready!(poll_value(&mut *items.channel, cx, finish, &mut frame))? {
            return Poll::Ready(Ok(None));
        }
        let batch = items.batch(frame, 0);
        Poll::Ready(Ok(Some(Item(Content::Given { batch, index: 0 }))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A plugin that answers with these bytes, as it likes.
    struct Answers(&'static [u8]);

    impl Channel for Answers {
        fn poll_read(
            &mut self,
            _: &Context<'_>,
            _: usize,
            frame: &mut Frame,
        ) -> Poll<Result<bool>> {
            frame.out.clear();
            Poll::Ready(frame.out.extend(self.0).map(|()| true).map_err(Error::new))
        }

        fn error(&self, what: &str) -> Error {
            format_err!("plugin `p` {what}")
        }
    }

    fn read(answer: &'static [u8]) -> Result<Option<(usize, usize)>, String> {
        let mut frame = PooledFrame::take();
        let cx = Context::from_waker(Waker::noop());
        match poll_items(&mut Answers(answer), &cx, 3, &mut frame) {
            Poll::Ready(read) => read.map_err(|error| error.to_string()),
            Poll::Pending => panic!("it answers at once"),
        }
    }

    #[test]
    fn what_a_plugin_says_of_its_items_is_checked() {
        assert_eq!(read(&[8, 0, 0, 0, 3, 0, 0, 0]), Ok(Some((8, 3))));
        for (answer, problem) in [
            (&[8, 0, 0, 0, 0, 0, 0, 0][..], "gave 0 items"),
            (&[8, 0, 0, 0, 4, 0, 0, 0], "1 to 3 were asked for"),
            (&[8, 0, 0, 0, 0, 0, 0, 255], "gave 4278190080 items"),
            (&[8, 0, 0, 0], "out of bounds"),
        ] {
            let told = read(answer).unwrap_err();
            assert!(told.contains(problem) && told.contains("`p`"), "{told}");
        }
    }
}
