//! The front before servers that do what hosts may do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::convert::Infallible;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::*;

/// Longer than anything takes: what hangs is to fail.
const LONG: Duration = Duration::from_secs(60);

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A server of one kind of answer, and a front before it.
async fn front<F>(
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> (Front, Arc<Backend>)
where
    F: Future<Output = Answer> + Send + 'static,
{
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    let backend = Backend::new(1, addr);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    (
        Front::open(listener, Arc::clone(&backend)).unwrap(),
        backend,
    )
}

fn full(bytes: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(bytes.into()).boxed_unsync())
}

async fn connect(addr: SocketAddr) -> TokioIo<TcpStream> {
    TokioIo::new(TcpStream::connect(addr).await.unwrap())
}

fn request(front: &Front) -> Request<Empty<Bytes>> {
    let host = front.addr().to_string();
    let request = Request::get(format!("http://{host}/")).header("host", host);
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn heads_may_be_long() {
    let many = |_| async {
        let mut response = full("many");
        for number in 0..500_u32 {
            let value = HeaderValue::try_from(format!("{number:0>80}")).unwrap();
            response.headers_mut().append("x-line", value);
        }
        response
    };
    let (front, _) = front(many).await;
    let (mut one, connection) = http1::Builder::new()
        .max_headers(1000)
        .handshake(connect(front.addr()).await)
        .await
        .unwrap();
    tokio::spawn(connection);
    let (mut two, connection) = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(1 << 20)
        .handshake(connect(front.addr()).await)
        .await
        .unwrap();
    tokio::spawn(connection);
    for response in [
        one.send_request(request(&front)).await.unwrap(),
        two.send_request(request(&front)).await.unwrap(),
    ] {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers().get_all("x-line").iter().count(), 500);
    }
}

#[tokio::test]
async fn a_response_that_is_not_read_holds_up_no_other() {
    let large = |_| async { full(vec![7; 8 << 20]) };
    let (front, _) = front(large).await;
    // A client that has room for all of them, and reads only the last one.
    let (mut client, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_connection_window_size(1 << 30)
        .handshake(connect(front.addr()).await)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(client.send_request(request(&front)).await.unwrap());
    }
    let read = async {
        let response = client.send_request(request(&front)).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let body = tokio::time::timeout(LONG, read).await;
    assert_eq!(body.expect("it is not held up").len(), 8 << 20);
}

#[tokio::test]
async fn what_is_cut_off_is_no_whole_answer() {
    let (begun, mut is_begun) = tokio::sync::mpsc::unbounded_channel();
    let never = move |request: Request<Incoming>| {
        let begun = begun.clone();
        async move {
            begun.send(()).unwrap();
            match request.headers().contains_key("x-begin") {
                true => Response::new(Begun(Some("begun")).boxed_unsync()),
                false => pending().await,
            }
        }
    };
    let (front, backend) = front(never).await;
    let (mut one, connection) = http1::handshake(connect(front.addr()).await).await.unwrap();
    tokio::spawn(connection);
    let io = connect(front.addr()).await;
    let (mut two, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let io = connect(front.addr()).await;
    let (mut other, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);

    let mut asks = request(&front);
    asks.headers_mut()
        .insert("x-begin", HeaderValue::from_static("1"));
    let begun = [
        other.send_request(asks.clone()).await.unwrap(),
        two.send_request(asks).await.unwrap(),
    ];
    let waiting = [
        tokio::spawn(one.send_request(request(&front))),
        tokio::spawn(two.send_request(request(&front))),
    ];
    for _ in 0..4 {
        is_begun.recv().await.unwrap();
    }
    assert!(!backend.drained(Duration::ZERO).await);
    backend.cut();
    for begun in begun {
        let body = tokio::time::timeout(LONG, begun.into_body().collect()).await;
        body.expect("it ends").expect_err("it is not whole");
    }
    for waiting in waiting {
        let answer = tokio::time::timeout(LONG, waiting).await;
        let answer = answer.expect("it is answered").unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    }
    assert!(backend.drained(LONG).await);
}

/// A body that begins, and does not end.
struct Begun(Option<&'static str>);

impl http_body::Body for Begun {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(text) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(text.into())))),
            None => std::task::Poll::Pending,
        }
    }
}

/// The clock is stopped, and goes on when there is nothing else to do.
#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_are_not_kept() {
    let (front, _) = front(|_| async { full("") }).await;
    for said in ["", "PRI * HTT"] {
        let client = TcpStream::connect(front.addr()).await.unwrap();
        client.writable().await.unwrap();
        client.try_write(said.as_bytes()).unwrap();
        let ended = tokio::time::timeout(2 * LONG, client.readable()).await;
        ended.expect("it is not kept").unwrap();
        // It was not answered either.
        assert!(
            matches!(client.try_read(&mut [0]), Ok(0) | Err(_)),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_server_that_wants_tls_is_of_no_use() {
    let (front, _) = front(|_| async { full("") }).await;
    reach(front.addr()).await.unwrap();

    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = server.local_addr().unwrap();
    let reached = tokio::spawn(reach(addr));
    let (stream, _) = server.accept().await.unwrap();
    // It was unexpected, and that is fatal.
    stream.writable().await.unwrap();
    stream.try_write(&[0x15, 3, 3, 0, 2, 2, 10]).unwrap();
    let error = reached.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "it wants TLS");
    drop(server);
    reach(addr).await.unwrap_err();
}
