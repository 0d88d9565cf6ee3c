//! [`Pollable`] and [`PollableBorrow`].

use std::fmt;
use std::future::poll_fn;
use std::io::Result;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::host::HostStream;
use crate::codec::{CodecError, Decode, Encode, Layout, Reader, Writer};
use crate::sdk::resource::slab;

/// A `pollable` of `wasi:io` that the plugin makes, for a component to wait
/// for.
pub struct Pollable(Arc<PollEnd>);

/// What is waited for; `None` once it has come.
pub(super) struct PollEnd(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Pollable {
    /// Ready once `future` has ended, and for ever after. The future runs when
    /// the component waits: what must go on by itself is a task of the plugin's.
    pub fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(PollEnd(Mutex::new(Some(Box::pin(future))))))
    }
}

/// A `pollable` that a component lends for the time of a call.
///
/// Only an asynchronous function can wait for one: name it under `async` in
/// [`bindgen!`](crate::bindgen).
pub struct PollableBorrow<'a> {
    pollable: HostStream,
    lent: PhantomData<&'a ()>,
}

impl PollableBorrow<'_> {
    /// Waits until it is ready: until a stream has bytes to be read, say, or a time has come.
    /// Several may be waited for at once.
    ///
    /// # Errors
    ///
    /// If the host does not have it any more, as when the workload is being stopped.
    pub async fn ready(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// The same, as a step of a future that is written by hand.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.pollable.ready(cx).map_ok(drop)
    }
}

impl PollEnd {
    pub(super) fn ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(future) = &mut *waiting {
            if future.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *waiting = None;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("own<pollable>")
    }
}

impl fmt::Debug for PollableBorrow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("borrow<pollable>")
    }
}

impl Layout for Pollable {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl Layout for PollableBorrow<'_> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a> Decode<'a> for PollableBorrow<'a> {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        Ok(Self {
            pollable: HostStream::new(u32::decode(reader, at)?, false),
            lent: PhantomData,
        })
    }
}

/// A record with a pollable in it can be read as far as types go. None gets
/// here: a component's pollables belong to its store, and the host keeps them.
impl<'a> Decode<'a> for Pollable {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        let number = u32::decode(reader, at)?;
        Err(CodecError::NoSuchResource {
            number,
            ty: "pollable",
        })
    }
}

impl Encode for Pollable {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> std::result::Result<(), CodecError> {
        let number = slab().insert(Arc::clone(&self.0) as _, writer.workload())?;
        number.encode(writer, at)
    }
}
