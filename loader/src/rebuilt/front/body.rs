//! Bodies on their way: of a request to a host, and of its response to a client.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::backend::{Backend, InFlight};

/// What a client sends, as it arrives.
pub(super) struct RequestBody {
    body: Incoming,
    is_broken: Broken,
}

/// Whether a request's body broke off: nobody but its client is to blame then.
#[derive(Clone, Default)]
pub(super) struct Broken(Arc<AtomicBool>);

impl Broken {
    pub(super) fn is_broken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl RequestBody {
    pub(super) fn new(body: Incoming, is_broken: Broken) -> Self {
        Self { body, is_broken }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Err(_)) = &frame {
            self.is_broken.0.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a client is answered with.
pub(super) enum ResponseBody {
    /// A host's answer, as it arrives. Its request is in flight until this is
    /// dropped.
    Passed {
        body: Incoming,
        from: Arc<Backend>,
        _in_flight: InFlight,
    },
    /// Words of our own.
    Text(Full<Bytes>),
}

impl ResponseBody {
    pub(super) fn passed(body: Incoming, from: Arc<Backend>, in_flight: InFlight) -> Self {
        Self::Passed {
            body,
            from,
            _in_flight: in_flight,
        }
    }

    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text(Full::new(text.into()))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Passed { body, from, .. } => {
                Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
                    // Of a connection that was given up, an end is none.
                    None if from.is_cut() => Some(Err("it was cut off".into())),
                    frame => frame.map(|frame| frame.map_err(Into::into)),
                })
            }
            Self::Text(text) => Pin::new(text)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passed { body, .. } => body.is_end_stream(),
            Self::Text(text) => text.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passed { body, .. } => body.size_hint(),
            Self::Text(text) => text.size_hint(),
        }
    }
}
