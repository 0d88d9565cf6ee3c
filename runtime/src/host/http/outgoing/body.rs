//! The bodies of a guest's request and its response, on their way.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};
use wasmtime_wasi_http::{Error, WasiBody};

/// What a guest sends. It tells how that ended.
pub(super) struct RequestBody {
    inner: WasiBody,
    ended: Option<oneshot::Sender<Result<(), Error>>>,
}

/// How the sending of a body ends.
pub(super) struct Transfer(oneshot::Receiver<Result<(), Error>>);

/// The guest's body failed; why, the [`Transfer`] knows.
#[derive(Debug)]
pub(super) struct Failed;

impl RequestBody {
    pub(super) fn new(inner: WasiBody) -> (Self, Transfer) {
        let (ended, transfer) = oneshot::channel();
        let body = Self {
            inner,
            ended: Some(ended),
        };
        (body, Transfer(transfer))
    }

    fn end(&mut self, result: Result<(), Error>) {
        if let Some(ended) = self.ended.take() {
            ended.send(result).ok();
        }
    }
}

impl Transfer {
    /// Waits until the whole body was sent, or the rest is not wanted.
    pub(super) async fn ended(self) -> Result<(), Error> {
        self.0.await.unwrap_or(Ok(()))
    }

    /// Why the body failed, if it did.
    pub(super) fn failure(mut self) -> Option<Error> {
        self.0.try_recv().ok()?.err()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                self.end(Err(error));
                Some(Err(Failed))
            }
            None => {
                self.end(Ok(()));
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guest's request body failed")
    }
}

impl std::error::Error for Failed {}

/// What a guest gets, within the time that it allows between two parts.
pub(super) struct ResponseBody {
    inner: Incoming,
    between_bytes: Duration,
    /// There once somebody has waited.
    deadline: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl ResponseBody {
    pub(super) fn new(inner: Incoming, between_bytes: Duration) -> Self {
        Self {
            inner,
            between_bytes,
            deadline: None,
            is_waiting: false,
        }
    }

    /// Whether it has been waited for too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let between_bytes = self.between_bytes;
        let deadline = (self.deadline).get_or_insert_with(|| Box::pin(sleep(between_bytes)));
        if !self.is_waiting {
            self.is_waiting = true;
            deadline.as_mut().reset(Instant::now() + between_bytes);
        }
        deadline.as_mut().poll(cx)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(self.poll_deadline(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
