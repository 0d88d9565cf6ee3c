//! The body of a response.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use wasmtime_wasi_http::{Error, WasiBody};

use super::call::Exchange;

/// What a client gets.
pub(super) enum ResponseBody {
    /// What a guest writes, as it writes it.
    Guest(GuestBody),
    /// A sentence of the server's own.
    Text(Full<Bytes>),
}

/// A body that a guest writes.
pub(super) struct GuestBody {
    inner: WasiBody,
    exchange: Exchange,
}

impl ResponseBody {
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text(Full::new(text.into()))
    }
}

impl GuestBody {
    pub(super) fn new(inner: WasiBody, exchange: Exchange) -> Self {
        Self { inner, exchange }
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        self.exchange.read();
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Text(text) => Pin::new(text)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Guest(body) => {
                let frame = ready!(Pin::new(&mut body.inner).poll_frame(cx));
                Poll::Ready(match frame {
                    None if body.exchange.is_broken() => Some(Err(Error::InternalError(Some(
                        "the component failed before its response was complete".to_string(),
                    )))),
                    frame => frame,
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_end_stream(),
            Self::Guest(body) => body.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => text.size_hint(),
            Self::Guest(body) => body.inner.size_hint(),
        }
    }
}
