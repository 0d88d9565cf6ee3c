//! One request, from a client to a host and back: [`Upstream`].

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, Scheme};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::Shared;
use super::backend::Backend;
use super::body::{Broken, RequestBody, ResponseBody};

type Failure = Box<dyn Error + Send + Sync>;

/// How much of one response is taken before its client has read it.
const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all that a client waits for: as many as a host lets it have at a
/// time, so that one which is not read holds up none of the others.
const CONNECTION_WINDOW: u32 = 200 * STREAM_WINDOW;

/// How large the headers of a response may be: more than any client takes.
const MAX_HEADER_LIST: u32 = 1 << 20;

/// One client's way to the hosts.
pub(super) struct Upstream {
    shared: Arc<Shared>,
    /// The connection to the host of this number, for the client's streams of
    /// HTTP/2: one for one, so that a client has no more of them than it could
    /// have of the host itself.
    http2: Mutex<Option<(u64, SendRequest<RequestBody>)>>,
}

impl Upstream {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            http2: Mutex::new(None),
        }
    }

    /// Has the host that serves now answer. Never fails: what goes wrong is a
    /// response as well.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        if request.method() == Method::CONNECT {
            let reason = "a host has no tunnels\n";
            return Ok(refusal(StatusCode::NOT_IMPLEMENTED, reason));
        }
        let (mut parts, body) = request.into_parts();
        // Each host decides by what it gets: that is to be unmistakable.
        if let Err(invalid) = wash_authority::settle(&mut parts, Scheme::HTTP) {
            tracing::debug!(%invalid, "refused an HTTP request");
            return Ok(refusal(invalid.status(), format!("{invalid}\n")));
        }
        let mut request = Request::from_parts(parts, body);
        let (backend, in_flight) = self.shared.backends.enter();
        let is_http2 = request.version() == Version::HTTP_2;
        remove_hop_by_hop(request.headers_mut());
        let is_broken = Broken::default();
        let request = request.map(|body| RequestBody::new(body, is_broken.clone()));
        let answered = if is_http2 {
            self.over_http2(&backend, request).await
        } else {
            over_http1(&backend, request).await
        };
        Ok(match answered {
            Ok(mut response) => {
                remove_hop_by_hop(response.headers_mut());
                response.map(|body| ResponseBody::passed(body, backend, in_flight))
            }
            // What the client sent broke off, so it is not there to read this.
            Err(error) if is_broken.is_broken() => {
                tracing::debug!(error, "a client did not send the whole of its request");
                refusal(StatusCode::BAD_REQUEST, "the request broke off\n")
            }
            Err(error) if backend.is_cut() => {
                tracing::debug!(error, "a request was cut off");
                refusal(StatusCode::BAD_GATEWAY, "the host has gone\n")
            }
            Err(error) => {
                tracing::warn!(addr = %backend.addr, error, "the host did not answer a request");
                refusal(StatusCode::BAD_GATEWAY, "the host did not answer\n")
            }
        })
    }

    async fn over_http2(
        &self,
        backend: &Backend,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut again = true;
        loop {
            let mut sender = self.sender(backend).await?;
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // What was not sent can be sent again: the connection has just ended.
            match error.take_message().filter(|_| again) {
                Some(unsent) => request = unsent,
                None => return Err(error.into_error().into()),
            }
            again = false;
        }
    }

    async fn sender(&self, backend: &Backend) -> Result<SendRequest<RequestBody>, Failure> {
        let mut http2 = self.http2.lock().await;
        if let Some((number, sender)) = &*http2
            && *number == backend.number
            && !sender.is_closed()
        {
            return Ok(sender.clone());
        }
        let stream = TcpStream::connect(backend.addr).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http2::Builder::new(backend.executor())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST)
            .handshake(TokioIo::new(stream))
            .await?;
        let connection = self.shared.tasks.track_future(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the host ended with an error");
            }
        });
        backend.executor().execute(connection);
        *http2 = Some((backend.number, sender.clone()));
        Ok(sender)
    }
}

async fn over_http1(
    backend: &Backend,
    mut request: Request<RequestBody>,
) -> Result<Response<Incoming>, Failure> {
    // What names no host stays HTTP/1.0, in which that is allowed.
    *request.version_mut() = match request.headers().contains_key(HOST) {
        true => Version::HTTP_11,
        false => Version::HTTP_10,
    };
    let authority = Authority::try_from(backend.addr.to_string())?;
    address(&mut request, authority)?;
    let body = request.body();
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // Of a method that mostly has no body, hyper would send none.
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
    Ok(backend.http1.request(request).await?)
}

/// Has the client connect there: it goes by the target, and sends the target's
/// path and the `Host` header.
fn address<B>(request: &mut Request<B>, to: Authority) -> Result<(), http::Error> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = Some(to);
    // The host is spoken to without TLS, whatever the client's target says.
    parts.scheme = Some(Scheme::HTTP);
    let slash = http::uri::PathAndQuery::from_static("/");
    parts.path_and_query.get_or_insert(slash);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// Removes what is about one connection, not about the message. With it go
/// offers to upgrade, which no host of components takes.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    // The one word of it that is for the whole way.
    let takes_trailers = headers.get_all(TE).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|coding| coding.trim() == "trailers")
    });
    if headers.contains_key(TRANSFER_ENCODING) {
        // It was overruled, and must not be believed further on.
        headers.remove(CONTENT_LENGTH);
    }
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(name);
    }
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn refusal(status: StatusCode, reason: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::text(reason));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_the_host_without_tls() {
        for (uri, expected) in [
            ("https://a.example/x?y", "http://127.0.0.1:7/x?y"),
            ("https://a.example", "http://127.0.0.1:7/"),
            ("/x", "http://127.0.0.1:7/x"),
        ] {
            let mut request = Request::builder().uri(uri).body(()).unwrap();
            address(&mut request, Authority::from_static("127.0.0.1:7")).unwrap();
            assert_eq!(request.uri().to_string(), expected);
        }
    }

    #[test]
    fn what_is_about_a_connection_is_not_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("upgrade", "websocket"),
            ("host", "a.example"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [("host", "a.example"), ("te", "trailers"), ("x-other", "2")]
        );
    }
}
