//! Streams and futures that components gave to the plugin: the host has them.
#![allow(unsafe_code, reason = "the host's streams are behind a vtable")]

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::future::Ended;
use super::reader::Source;
use super::{FutureReader, Panicked, StreamReader, items};
use crate::abi::{Buffer, ChannelV1, EXT_CHANNEL, HostV1, Status, lend_waker};
use crate::codec::{self, CodecError, Decode, Layout, Reader};
use crate::sdk::host::Extension;

static HOST: Extension<ChannelV1> = Extension::new(EXT_CHANNEL);

/// Finds the host's streams and futures: whether it has them.
///
/// # Safety
///
/// As [`Extension::install`].
pub(crate) unsafe fn install(host: *const HostV1) -> bool {
    // SAFETY: the caller's promise.
    unsafe { HOST.install(host) }
}

/// Lets go of the host.
pub(crate) fn uninstall() {
    HOST.uninstall();
}

/// A readable end of a component's. Dropped, it is given up.
struct HostEnd {
    number: u32,
    buffer: Buffer,
}

impl HostEnd {
    fn decode(reader: Reader<'_>, at: usize) -> Result<Self, CodecError> {
        Ok(Self {
            number: u32::decode(reader, at)?,
            buffer: Buffer::new(),
        })
    }

    /// Reads up to `max` items; `None` at the end.
    fn read(&mut self, cx: &Context<'_>, max: usize) -> Poll<Option<&[u8]>> {
        self.buffer.clear();
        let waker = lend_waker(cx.waker());
        let (number, out) = (self.number, self.buffer.out());
        // SAFETY: the ABI's word about a host's streams; all is lent to the call,
        // and `&mut self` keeps calls for one number apart.
        let status =
            HOST.with(|host| unsafe { (host.vtable.read)(host.data, number, max, &waker, out) });
        match status {
            Some(Status::PENDING) => Poll::Pending,
            Some(Status::OK) => Poll::Ready(Some(self.buffer.as_slice())),
            // It was stopped, or the host is gone.
            Some(Status::CLOSED) | None => Poll::Ready(None),
            Some(_) => {
                ends_early(self.buffer.as_slice());
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for HostEnd {
    fn drop(&mut self) {
        // SAFETY: as in `read`; a number that stands for nothing is ignored.
        HOST.with(|host| unsafe { (host.vtable.drop)(host.data, self.number) });
    }
}

/// Neither a stream nor a future has errors, so the log has to do.
#[cold]
fn ends_early(message: &[u8]) {
    let message = String::from_utf8_lossy(message);
    tracing::error!("a component's stream or future ends early: {message}");
}

/// A host is not wrong about what it took from a component itself. What it took from
/// another plugin, because the component passed that on unread, is as that wrote it.
#[cold]
fn unreadable(error: CodecError) {
    tracing::error!(
        "what a component gave, or passed on from another plugin, is not of its type: {error}"
    );
}

struct HostStream<T>(HostEnd, PhantomData<fn() -> T>);

impl<T: for<'a> Decode<'a>> Source<T> for HostStream<T> {
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<T>,
    ) -> Poll<Result<bool, Panicked>> {
        let read = match ready!(self.0.read(cx, max)) {
            None => return Poll::Ready(Ok(false)),
            Some(buffer) => items::read(buffer),
        };
        match read {
            Ok(items) => *into = items,
            Err(error) => unreadable(error),
        }
        Poll::Ready(Ok(!into.is_empty()))
    }
}

struct HostFuture<T>(HostEnd, PhantomData<fn() -> T>);

impl<T: for<'a> Decode<'a>> Future for HostFuture<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let read = ready!(self.0.read(cx, 1)).map(codec::from_slice);
        Poll::Ready(match read {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                unreadable(error);
                Err(Ended::Closed)
            }
            None => Err(Ended::Closed),
        })
    }
}

impl<T> Layout for StreamReader<T> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<T> Layout for FutureReader<T> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a, T: for<'b> Decode<'b> + Send + 'static> Decode<'a> for StreamReader<T> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        Ok(Self::of(HostStream(
            HostEnd::decode(reader, at)?,
            PhantomData,
        )))
    }
}

impl<'a, T: for<'b> Decode<'b> + Send + 'static> Decode<'a> for FutureReader<T> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        Ok(Self::of(HostFuture(
            HostEnd::decode(reader, at)?,
            PhantomData,
        )))
    }
}
