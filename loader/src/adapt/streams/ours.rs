//! A plugin's streams and pollables, as entries of a store's table.
#![allow(
    unsafe_code,
    reason = "a plugin's streams are behind its vtable of raw functions"
)]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use wash_plugin_abi::abi::{Buffer, EXT_STREAM, Slice, Status, StreamV1, lend_waker};
use wash_runtime::wasmtime::component::{Resource, ResourceTable};
use wash_runtime::wasmtime::{Result, bail, error::format_err};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError,
    StreamResult, subscribe,
};

use super::super::instance::Instance;
use super::Kind;

/// As much as is read from a plugin before the component asks for it.
const AHEAD: usize = 64 * 1024;

/// Keeps the plugin's stream of that number in a store's table.
pub(super) fn push(
    table: &mut ResourceTable,
    owner: Arc<Instance>,
    kind: Kind,
    number: u32,
) -> Result<u32> {
    let Some(vtable) = owner.streams() else {
        bail!(
            "plugin `{}` returned a stream, and lacks the extension `{EXT_STREAM}`",
            owner.id()
        );
    };
    let end = End {
        owner,
        vtable,
        number,
        buffer: Buffer::new(),
    };
    Ok(match kind {
        Kind::Input => {
            let ahead = Ahead::Bytes(Bytes::new());
            let stream: DynInputStream = Box::new(Input { end, ahead });
            table.push(stream)?.rep()
        }
        Kind::Output => {
            let stream: DynOutputStream = Box::new(Output { end, room: 0 });
            table.push(stream)?.rep()
        }
        Kind::Pollable => {
            let waiting: Resource<Waiting> = table.push(Waiting(end))?;
            subscribe(table, waiting)?.rep()
        }
    })
}

/// The plugin's end of a stream. Dropped, it is dropped in the plugin.
struct End {
    owner: Arc<Instance>,
    vtable: &'static StreamV1,
    number: u32,
    buffer: Buffer,
}

impl End {
    fn read(&mut self, cx: &Context<'_>, max: usize) -> Poll<StreamResult<Bytes>> {
        self.buffer.clear();
        let waker = lend_waker(cx.waker());
        let out = self.buffer.out();
        // SAFETY: the vtable is of this plugin; all is lent to the call, and
        // `&mut self` keeps calls for one number apart.
        let status = self.owner.inside(|| unsafe {
            (self.vtable.read)(self.owner.raw(), self.number, max, &waker, out)
        });
        if status == Status::PENDING {
            return Poll::Pending;
        }
        Poll::Ready(self.done(status, "read from").and_then(|()| {
            let bytes = self.buffer.as_slice();
            if bytes.is_empty() || bytes.len() > max {
                let problem = format!("{} bytes, where 1 to {max} were asked for", bytes.len());
                return Err(self.failed("read from", &problem));
            }
            Ok(Bytes::copy_from_slice(bytes))
        }))
    }

    fn ready(&mut self, cx: &Context<'_>) -> Poll<StreamResult<usize>> {
        self.buffer.clear();
        let waker = lend_waker(cx.waker());
        let mut room = 0;
        let out = self.buffer.out();
        // SAFETY: as in `read`.
        let status = self.owner.inside(|| unsafe {
            (self.vtable.ready)(self.owner.raw(), self.number, &waker, &mut room, out)
        });
        if status == Status::PENDING {
            return Poll::Pending;
        }
        // The host makes zeros of this size if the component asks for it.
        Poll::Ready(self.done(status, "write to").map(|()| room.min(AHEAD)))
    }

    fn write(&mut self, bytes: &[u8]) -> StreamResult<()> {
        self.buffer.clear();
        let out = self.buffer.out();
        // SAFETY: as in `read`.
        let status = self.owner.inside(|| unsafe {
            (self.vtable.write)(self.owner.raw(), self.number, Slice::new(bytes), out)
        });
        self.done(status, "write to")
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.buffer.clear();
        let out = self.buffer.out();
        // SAFETY: as in `read`.
        let status = self
            .owner
            .inside(|| unsafe { (self.vtable.flush)(self.owner.raw(), self.number, out) });
        self.done(status, "flush")
    }

    fn done(&self, status: Status, action: &str) -> StreamResult<()> {
        match status {
            Status::OK => Ok(()),
            Status::CLOSED => Err(StreamError::Closed),
            _ => Err(self.failed(action, &String::from_utf8_lossy(self.buffer.as_slice()))),
        }
    }

    fn failed(&self, action: &str, problem: &str) -> StreamError {
        StreamError::LastOperationFailed(format_err!(
            "cannot {action} a stream of plugin `{}`: {problem}",
            self.owner.id()
        ))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: as in `read`; a number that is gone is ignored.
        self.owner
            .inside(|| unsafe { (self.vtable.drop)(self.owner.raw(), self.number) });
    }
}

/// What was read before the component asked for it.
enum Ahead {
    /// Perhaps none.
    Bytes(Bytes),
    Error(StreamError),
    /// The error was told.
    Ended,
}

struct Input {
    end: End,
    ahead: Ahead,
}

impl Input {
    /// Waits until there is something to tell.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if matches!(&self.ahead, Ahead::Bytes(bytes) if bytes.is_empty()) {
            match self.end.read(cx, AHEAD) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(bytes)) => self.ahead = Ahead::Bytes(bytes),
                Poll::Ready(Err(error)) => self.ahead = Ahead::Error(error),
            }
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        if self.poll(&Context::from_waker(Waker::noop())).is_pending() {
            return Ok(Bytes::new());
        }
        match &mut self.ahead {
            Ahead::Bytes(bytes) => Ok(bytes.split_to(size.min(bytes.len()))),
            ended => match std::mem::replace(ended, Ahead::Ended) {
                Ahead::Error(error) => Err(error),
                Ahead::Bytes(_) | Ahead::Ended => Err(StreamError::Closed),
            },
        }
    }
}

struct Output {
    end: End,
    /// As much as the component may write.
    room: usize,
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        // An error is told by the call that comes next.
        let _ = poll_fn(|cx| self.end.ready(cx)).await;
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > self.room {
            return Err(StreamError::Trap(format_err!(
                "{} bytes were written, and {} were allowed: call `check-write` first",
                bytes.len(),
                self.room
            )));
        }
        self.room = 0;
        self.end.write(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.room = 0;
        self.end.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.room = match self.end.ready(&Context::from_waker(Waker::noop())) {
            Poll::Pending => 0,
            Poll::Ready(room) => room?,
        };
        Ok(self.room)
    }
}

/// A pollable: its kind of end has no bytes.
struct Waiting(End);

#[async_trait]
impl Pollable for Waiting {
    async fn ready(&mut self) {
        // A pollable has no errors; one that is gone is not waited for.
        let _ = poll_fn(|cx| self.0.ready(cx)).await;
    }
}
