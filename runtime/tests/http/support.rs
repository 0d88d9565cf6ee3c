//! Servers in one line, and a client.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};
use wash_runtime::{
    engine::Engine,
    host::{
        Host, HostBuilder,
        http::{DevRouter, Ingress, OutgoingHandler, Router},
    },
    types::{Workload, WorkloadState},
};

use crate::common;
pub(crate) use crate::common::guest;

pub(crate) type RequestBody = UnsyncBoxBody<Bytes, Infallible>;

/// No test should ever wait this long; without it, a bug is a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// A workload that serves HTTP with the guest of `tests/guests/http-hello`.
pub(crate) fn hello() -> Workload {
    let mut workload = common::workload(&["(component)"], &["wasi:http/incoming-handler"]);
    for component in &mut workload.components {
        component.bytes = guest("http-hello");
        component.digest = Some("http-hello".to_string());
    }
    workload
}

/// The same for a `DynamicRouter`.
pub(crate) fn hello_at(host: &str) -> Workload {
    let mut workload = hello();
    for interface in &mut workload.host_interfaces {
        interface
            .config
            .insert("host".to_string(), host.to_string());
    }
    workload
}

/// A host that is served by `ingress`, and has started.
pub(crate) async fn host<R: Router, O: OutgoingHandler>(
    ingress: Ingress<R, O>,
) -> (Arc<Host>, Arc<Ingress<R, O>>) {
    let ingress = Arc::new(ingress);
    // Shared, so that the guest is compiled once.
    static ENGINE: LazyLock<Engine> = LazyLock::new(common::engine);
    let host = HostBuilder::new()
        .with_engine(ENGINE.clone())
        .with_http_handler(Arc::clone(&ingress) as _)
        .build()
        .unwrap()
        .start()
        .await
        .unwrap();
    (host, ingress)
}

/// A host that sends all requests to the guest.
pub(crate) async fn dev() -> (Arc<Host>, Arc<Ingress<DevRouter>>) {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "hello", hello()).await;
    (host, ingress)
}

pub(crate) async fn start(host: &Arc<Host>, id: &str, workload: Workload) {
    let status = common::start(host, id, workload).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
}

pub(crate) fn get(path: &str) -> Request<RequestBody> {
    get_from("test.example", path)
}

pub(crate) fn get_from(host: &str, path: &str) -> Request<RequestBody> {
    Request::get(format!("http://{host}{path}"))
        .header("host", host)
        .body(Empty::new().boxed_unsync())
        .unwrap()
}

pub(crate) fn post(path: &str, body: RequestBody) -> Request<RequestBody> {
    get(path).map(|_| body).tap_post()
}

trait TapPost {
    fn tap_post(self) -> Self;
}

impl<B> TapPost for Request<B> {
    fn tap_post(mut self) -> Self {
        *self.method_mut() = http::Method::POST;
        self
    }
}

/// A body that the test writes, with no room for more than one chunk.
pub(crate) fn channel() -> (mpsc::Sender<Bytes>, RequestBody) {
    struct Channel(mpsc::Receiver<Bytes>);

    impl Body for Channel {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0
                .poll_recv(cx)
                .map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
        }
    }

    let (sender, receiver) = mpsc::channel(1);
    (sender, Channel(receiver).boxed_unsync())
}

/// One connection.
pub(crate) enum Client {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::http1(TcpStream::connect(addr).await.unwrap()).await
    }

    pub(crate) async fn connect_h2c(addr: SocketAddr) -> Self {
        Self::http2(TcpStream::connect(addr).await.unwrap()).await
    }

    pub(crate) async fn http1<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    pub(crate) async fn http2<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    /// The same connection once more, if it is one of HTTP/2.
    pub(crate) fn clone_h2(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// The response, as soon as its head is there.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                // HTTP/1.1 has the path only.
                let path = request.uri().path_and_query().unwrap().to_string();
                *request.uri_mut() = path.parse().unwrap();
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                request.headers_mut().remove("host");
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// The whole response.
    pub(crate) async fn answer(&mut self, request: Request<RequestBody>) -> (StatusCode, String) {
        let response = tokio::time::timeout(PATIENCE, self.send(request))
            .await
            .expect("an answer in time")
            .unwrap();
        let status = response.status();
        let body = tokio::time::timeout(PATIENCE, response.into_body().collect())
            .await
            .expect("the body in time")
            .unwrap();
        (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }
}

/// The whole response, over a connection of its own.
pub(crate) async fn answer(addr: SocketAddr, path: &str) -> (StatusCode, String) {
    Client::connect(addr).await.answer(get(path)).await
}
