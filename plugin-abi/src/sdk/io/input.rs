//! [`InputStream`] and [`InputStreamBorrow`].

use std::fmt;
use std::io::{Cursor, Result};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::CHUNK;
use super::host::HostStream;
use crate::codec::{CodecError, Decode, Encode, Layout, Reader, Writer};
use crate::sdk::resource::slab;

/// An `input-stream` of `wasi:io`: made by the plugin to be returned, or given
/// by a component to be read.
pub struct InputStream(Arc<InputEnd>);

/// An `input-stream` that a component lends for the time of a call.
pub struct InputStreamBorrow<'a> {
    stream: HostStream,
    lent: PhantomData<&'a ()>,
}

/// What is read, wherever the stream is.
pub(super) struct InputEnd(Mutex<Pin<Box<dyn AsyncRead + Send>>>);

impl InputStream {
    /// A stream of what `reader` reads. It ends where the reader does, and an
    /// error of the reader's is the component's.
    pub fn new(reader: impl AsyncRead + Send + 'static) -> Self {
        Self(Arc::new(InputEnd(Mutex::new(Box::pin(reader)))))
    }

    /// A stream of bytes that are at hand.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Cursor::new(bytes.into()))
    }
}

impl InputEnd {
    pub(super) fn read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        // A reader that panicked is the author's to keep sound.
        let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reader.as_mut().poll_read(cx, buf)
    }
}

impl AsyncRead for InputStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.0.read(cx, buf)
    }
}

impl AsyncRead for InputStreamBorrow<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        read(&mut self.stream, cx, buf)
    }
}

/// A stream that a component gave.
struct HostReader(HostStream);

impl AsyncRead for HostReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        read(&mut self.0, cx, buf)
    }
}

fn read(stream: &mut HostStream, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
    let max = buf.remaining().min(CHUNK);
    if max > 0 {
        let bytes = ready!(stream.read(cx, max))?;
        buf.put_slice(bytes.get(..max).unwrap_or(bytes));
    }
    Poll::Ready(Ok(()))
}

impl fmt::Debug for InputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("own<input-stream>")
    }
}

impl fmt::Debug for InputStreamBorrow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("borrow<input-stream>")
    }
}

impl Layout for InputStream {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl Layout for InputStreamBorrow<'_> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a> Decode<'a> for InputStream {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        let number = u32::decode(reader, at)?;
        Ok(Self::new(HostReader(HostStream::new(number, true))))
    }
}

impl<'a> Decode<'a> for InputStreamBorrow<'a> {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        Ok(Self {
            stream: HostStream::new(u32::decode(reader, at)?, false),
            lent: PhantomData,
        })
    }
}

impl Encode for InputStream {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> std::result::Result<(), CodecError> {
        let number = slab().insert(Arc::clone(&self.0) as _, writer.workload())?;
        number.encode(writer, at)
    }
}
