//! Components that misbehave are stopped with a clear status and one line in
//! the log, while requests of another workload go on being answered.
//!
//! The tests run on one thread, which a component that does not give way would
//! keep to itself.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use wash_runtime::host::http::{DynamicRouter, Ingress};

use crate::{
    log::Lines,
    support::{Client, PATIENCE, any_port, get_from, hello_at, host, start},
};

const SOON: Duration = Duration::from_millis(300);

/// A body without an end.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const CHUNK: Bytes = Bytes::from_static(&[7; 64 << 10]);
        Poll::Ready(Some(Ok(Frame::data(CHUNK))))
    }
}

/// Sends a request to a workload that is held to some limits, and returns what
/// it is answered with and the lines in the log.
async fn serve(path: &str, timeout: Duration, h2: bool) -> (StatusCode, String, Vec<String>) {
    let (lines, guard) = Lines::record();
    let ingress = Ingress::builder(DynamicRouter::new(), any_port())
        .response_timeout(timeout)
        .build()
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    let mut bad = hello_at("bad.example");
    for component in &mut bad.components {
        component.local_resources.memory_limit_mb = 16;
    }
    start(&host, "bad", bad).await;
    start(&host, "good", hello_at("good.example")).await;

    let mut client = match h2 {
        true => Client::connect_h2c(ingress.addr()).await,
        false => Client::connect(ingress.addr()).await,
    };
    let mut request = get_from("bad.example", path);
    if path == "/hold" {
        *request.method_mut() = http::Method::POST;
        *request.body_mut() = Endless.boxed_unsync();
    }
    let answer = tokio::spawn(async move { client.answer(request).await });
    let mut good = Client::connect(ingress.addr()).await;
    let mut answered = 0;
    // At least once, while the other one is being served.
    while answered == 0 || !answer.is_finished() {
        let (status, _) = good.answer(get_from("good.example", "/")).await;
        assert_eq!(status, StatusCode::OK);
        answered += 1;
    }
    let (status, body) = answer.await.unwrap();
    drop(good);
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
    drop(guard);
    (status, body, lines.all())
}

#[tokio::test]
async fn each_is_stopped_and_told_of() {
    for (path, timeout, status, told) in [
        ("/spin", SOON, 504, "did not answer within 300ms"),
        ("/hold", SOON, 504, "did not answer within 300ms"),
        (
            "/allocate",
            PATIENCE,
            500,
            "limit=it wanted more memory than its memory_limit_mb of 16",
        ),
        ("/recurse", PATIENCE, 500, "call stack exhausted"),
    ] {
        // A server may close an HTTP/1.1 connection over which it does not want
        // the rest of a body, and the client then miss the answer.
        for h2 in [path == "/hold", true] {
            let (got, body, lines) = serve(path, timeout, h2).await;
            assert_eq!(got.as_u16(), status, "{path}: {body}");
            let [line] = lines.as_slice() else {
                panic!("{path}: {lines:#?}");
            };
            for part in ["workload_id=\"bad\"", "component=\"c0\"", told] {
                assert!(line.contains(part), "{path}: {line}");
            }
        }
    }
}
