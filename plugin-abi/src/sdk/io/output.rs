//! [`OutputStream`] and [`OutputStreamBorrow`].

use std::fmt;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::AsyncWrite;

use super::CHUNK;
use super::host::HostStream;
use crate::codec::{CodecError, Decode, Encode, Layout, Reader, Writer};
use crate::sdk::resource::slab;
use crate::sdk::{panic, runtime};

/// An `output-stream` of `wasi:io`: made by the plugin to be returned, or given
/// by a component to be written to.
///
/// Dropped by whoever has it, it still writes out what it was given, and then
/// shuts its writer down.
pub struct OutputStream(Arc<OutputEnd>);

/// An `output-stream` that a component lends for the time of a call. What is
/// written has to be flushed.
pub struct OutputStreamBorrow<'a> {
    writer: HostWriter,
    lent: PhantomData<&'a ()>,
}

/// What is written to, wherever the stream is.
pub(super) struct OutputEnd(Mutex<State>);

struct State {
    /// There until the end is dropped.
    writer: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// What the component wrote, and how much of it the writer has.
    pending: Vec<u8>,
    written: usize,
    /// A flush was asked for, and has not ended.
    flushing: bool,
    on_drop: Option<Box<dyn FnOnce() + Send>>,
}

impl OutputStream {
    /// A stream that writes to `writer`. An error of the writer's is the
    /// component's.
    pub fn new(writer: impl AsyncWrite + Send + 'static) -> Self {
        Self(Arc::new(OutputEnd(Mutex::new(State {
            writer: Some(Box::pin(writer)),
            pending: Vec::new(),
            written: 0,
            flushing: false,
            on_drop: None,
        }))))
    }

    /// Runs `f` as soon as the stream is dropped by whoever has it. The writer
    /// may get the last bytes, and be shut down and dropped, only later.
    #[must_use]
    pub fn on_drop(self, f: impl FnOnce() + Send + 'static) -> Self {
        self.0.state().on_drop = Some(Box::new(f));
        self
    }
}

impl OutputEnd {
    fn state(&self) -> MutexGuard<'_, State> {
        // A writer that panicked is the author's to keep sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until more can be written: how much.
    pub(super) fn ready(&self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        self.state().drive(cx).map_ok(|()| CHUNK)
    }

    /// Takes bytes, for which there was room.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut state = self.state();
        if state.pending.len() + bytes.len() > CHUNK {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "more was written than there is room for: wait until the stream is ready",
            ));
        }
        state.pending.extend_from_slice(bytes);
        state.begin()
    }

    /// Sends what was written on its way.
    pub(super) fn flush(&self) -> Result<()> {
        let mut state = self.state();
        state.flushing = true;
        state.begin()
    }
}

impl State {
    /// As much as can be done at once; whoever waits does the rest.
    fn begin(&mut self) -> Result<()> {
        match self.drive(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Writes what is pending, then flushes if that was asked for.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(writer) = &mut self.writer else {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        };
        while let Some(rest) = self.pending.get(self.written..).filter(|r| !r.is_empty()) {
            match ready!(writer.as_mut().poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(n) => self.written += n,
                Err(error) => {
                    // Tried again, it would be told again, or half of it twice.
                    self.pending.clear();
                    self.written = 0;
                    return Poll::Ready(Err(error));
                }
            }
        }
        self.pending.clear();
        self.written = 0;
        if self.flushing {
            let flushed = ready!(writer.as_mut().poll_flush(cx));
            self.flushing = false;
            return Poll::Ready(flushed);
        }
        Poll::Ready(Ok(()))
    }

    fn shut_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.drive(cx))?;
        match &mut self.writer {
            Some(writer) => writer.as_mut().poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for OutputEnd {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut rest = State {
            writer: state.writer.take(),
            pending: std::mem::take(&mut state.pending),
            written: state.written,
            flushing: state.flushing,
            on_drop: None,
        };
        let on_drop = state.on_drop.take();
        // The host and its components only know the error of a write that
        // they wait for, so nobody is told of this one.
        panic::guard_silent(|| {
            let Ok(_entered) = runtime::enter() else {
                return;
            };
            if let Some(on_drop) = on_drop {
                on_drop();
            }
            let mut cx = Context::from_waker(Waker::noop());
            if rest.shut_down(&mut cx).is_pending() {
                tokio::spawn(async move { poll_fn(|cx| rest.shut_down(cx)).await });
            }
        });
    }
}

impl AsyncWrite for OutputStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let mut state = self.0.state();
        ready!(state.drive(cx))?;
        match &mut state.writer {
            Some(writer) => writer.as_mut().poll_write(cx, buf),
            None => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.0.state();
        state.flushing = true;
        state.drive(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.state().shut_down(cx)
    }
}

/// A stream that a component gave or lent.
struct HostWriter {
    stream: HostStream,
    /// Something was written since the last flush ended.
    dirty: bool,
    /// A flush has begun.
    flushing: bool,
}

impl HostWriter {
    fn new(number: u32, owned: bool) -> Self {
        Self {
            stream: HostStream::new(number, owned),
            dirty: false,
            flushing: false,
        }
    }
}

impl AsyncWrite for HostWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let room = ready!(self.stream.ready(cx))?;
        let bytes = buf.get(..room.min(CHUNK)).unwrap_or(buf);
        self.stream.write(bytes)?;
        self.dirty = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.dirty {
            return Poll::Ready(Ok(()));
        }
        if !self.flushing {
            self.stream.flush()?;
            self.flushing = true;
        }
        let flushed = ready!(self.stream.ready(cx));
        (self.dirty, self.flushing) = (false, false);
        Poll::Ready(flushed.map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncWrite for OutputStreamBorrow<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

impl fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("own<output-stream>")
    }
}

impl fmt::Debug for OutputStreamBorrow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("borrow<output-stream>")
    }
}

impl Layout for OutputStream {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl Layout for OutputStreamBorrow<'_> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a> Decode<'a> for OutputStream {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        Ok(Self::new(HostWriter::new(u32::decode(reader, at)?, true)))
    }
}

impl<'a> Decode<'a> for OutputStreamBorrow<'a> {
    fn decode(reader: Reader<'a>, at: usize) -> std::result::Result<Self, CodecError> {
        Ok(Self {
            writer: HostWriter::new(u32::decode(reader, at)?, false),
            lent: PhantomData,
        })
    }
}

impl Encode for OutputStream {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> std::result::Result<(), CodecError> {
        let number = slab().insert(Arc::clone(&self.0) as _, writer.workload())?;
        number.encode(writer, at)
    }
}
