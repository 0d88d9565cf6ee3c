//! Streams that components gave or lent to the plugin: the host has them.
#![allow(unsafe_code, reason = "the host's streams are behind a vtable")]

use std::io;
use std::task::{Context, Poll};

use crate::abi::{Buffer, EXT_STREAM, HostV1, Slice, Status, StreamV1, lend_waker};
use crate::sdk::host::Extension;

static HOST: Extension<StreamV1> = Extension::new(EXT_STREAM);

/// Finds the host's streams.
///
/// # Safety
///
/// As [`Extension::install`].
pub(crate) unsafe fn install(host: *const HostV1) {
    // SAFETY: the caller's promise.
    unsafe { HOST.install(host) };
}

/// Lets go of the host.
pub(crate) fn uninstall() {
    HOST.uninstall();
}

/// A stream that a component gave or lent.
#[derive(Debug)]
pub(super) struct HostStream {
    number: u32,
    /// Given, not lent.
    owned: bool,
    buffer: Buffer,
}

impl HostStream {
    pub(super) fn new(number: u32, owned: bool) -> Self {
        Self {
            number,
            owned,
            buffer: Buffer::new(),
        }
    }

    /// Reads up to `max` bytes; none are the end.
    pub(super) fn read(&mut self, cx: &Context<'_>, max: usize) -> Poll<io::Result<&[u8]>> {
        self.buffer.clear();
        let waker = lend_waker(cx.waker());
        let (number, out) = (self.number, self.buffer.out());
        // SAFETY: the ABI's word about a host's streams; all is lent to the
        // call, and `&mut self` keeps calls for one number apart.
        let status =
            HOST.with(|host| unsafe { (host.vtable.read)(host.data, number, max, &waker, out) });
        match status {
            Some(Status::OK) => Poll::Ready(Ok(self.buffer.as_slice())),
            Some(Status::CLOSED) => Poll::Ready(Ok(&[])),
            Some(Status::PENDING) => Poll::Pending,
            _ => Poll::Ready(Err(self.error())),
        }
    }

    /// Waits for room: how many bytes may be written.
    pub(super) fn ready(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.clear();
        let waker = lend_waker(cx.waker());
        let mut room = 0;
        let (number, out) = (self.number, self.buffer.out());
        // SAFETY: as in `read`.
        let status = HOST
            .with(|host| unsafe { (host.vtable.ready)(host.data, number, &waker, &mut room, out) });
        match status {
            Some(Status::PENDING) => Poll::Pending,
            status => Poll::Ready(self.done(status).map(|()| room)),
        }
    }

    /// Writes at most as much as there is room for.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        let (number, out) = (self.number, self.buffer.out());
        // SAFETY: as in `read`.
        let status = HOST
            .with(|host| unsafe { (host.vtable.write)(host.data, number, Slice::new(bytes), out) });
        self.done(status)
    }

    /// Begins to send what was written on its way.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.buffer.clear();
        let (number, out) = (self.number, self.buffer.out());
        // SAFETY: as in `read`.
        let status = HOST.with(|host| unsafe { (host.vtable.flush)(host.data, number, out) });
        self.done(status)
    }

    fn done(&self, status: Option<Status>) -> io::Result<()> {
        match status {
            Some(Status::OK) => Ok(()),
            Some(Status::CLOSED) => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the component's stream is closed",
            )),
            _ => Err(self.error()),
        }
    }

    fn error(&self) -> io::Error {
        let message = String::from_utf8_lossy(self.buffer.as_slice());
        io::Error::other(if message.is_empty() {
            String::from("the host has no streams, or is gone")
        } else {
            message.into_owned()
        })
    }
}

impl Drop for HostStream {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: as in `read`.
            HOST.with(|host| unsafe { (host.vtable.drop)(host.data, self.number) });
        }
    }
}
