//! What the client's errors are to a guest.

use std::{error::Error as StdError, io};

use hyper_util::client::legacy;
use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

/// The error that comes nearest.
pub(super) fn of_client(error: &legacy::Error) -> Error {
    if error.is_connect() {
        return of_connect(error);
    }
    let cause = causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>());
    match cause {
        Some(cause) if cause.is_timeout() => Error::HttpResponseTimeout,
        Some(cause) if cause.is_incomplete_message() => Error::HttpResponseIncomplete,
        Some(cause) if cause.is_canceled() || cause.is_closed() => Error::ConnectionTerminated,
        _ if causes(error).any(|cause| cause.is::<io::Error>()) => Error::ConnectionTerminated,
        _ => {
            tracing::debug!(%error, "an outgoing request failed");
            Error::HttpProtocolError
        }
    }
}

fn of_connect(error: &legacy::Error) -> Error {
    let cause = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        Some(cause) if is_tls(cause) => Error::Tls(copy(cause)),
        Some(cause) => Error::Connect(copy(cause)),
        None => {
            // A host that is no name, nor an address.
            tracing::debug!(error = causes(error).last(), "cannot connect");
            Error::HttpRequestUriInvalid
        }
    }
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let source = |error: &&'a (dyn StdError + 'static)| (*error).source();
    std::iter::successors(Some(error), source)
}

/// Whether it is TLS that failed; its error may be wrapped more than once.
fn is_tls(error: &io::Error) -> bool {
    match error.get_ref() {
        Some(inner) => match inner.downcast_ref::<io::Error>() {
            Some(inner) => is_tls(inner),
            None => inner.is::<rustls::Error>(),
        },
        None => false,
    }
}

/// The same error once more, as far as that goes.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
