//! [`Pollable`].

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

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

impl Layout for Pollable {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

/// A record with a pollable in it can be read as far as types go. None gets
/// here: a component's pollables belong to its store, and the host keeps them.
impl<'a> Decode<'a> for Pollable {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let number = u32::decode(reader, at)?;
        Err(CodecError::NoSuchResource {
            number,
            ty: "pollable",
        })
    }
}

impl Encode for Pollable {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        let number = slab().insert(Arc::clone(&self.0) as _, writer.workload())?;
        number.encode(writer, at)
    }
}
