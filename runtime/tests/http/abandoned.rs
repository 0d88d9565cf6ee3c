//! A client that goes away.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use tokio::sync::{Semaphore, mpsc};
use wash_runtime::{
    host::http::{DevRouter, Ingress, OutgoingHandler, OutgoingResponse},
    wasmtime_wasi_http::{Error, RequestOptions, WasiBody},
};

use crate::support::{Client, any_port, get, guest, hello, host, start};

#[tokio::test]
async fn a_call_that_nobody_waits_for_ends() {
    for (name, h2) in [
        ("http-hello", false),
        ("http-hello", true),
        ("http-p3", false),
        ("http-p3", true),
    ] {
        let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
        let (host, ingress) = host(ingress).await;
        let mut workload = hello();
        for component in &mut workload.components {
            component.bytes = guest(name);
            component.digest = Some(name.to_string());
        }
        start(&host, "one", workload).await;
        for path in ["/hold", "/spin"] {
            let mut client = match h2 {
                true => Client::connect_h2c(ingress.addr()).await,
                false => Client::connect(ingress.addr()).await,
            };
            let (status, _) = client.answer(get("/")).await;
            assert_eq!(status, StatusCode::OK);
            while ingress.tasks() > 2 {
                tokio::task::yield_now().await;
            }
            // With HTTP/2 the connection stays, and only its stream is reset.
            let kept = h2.then(|| client.clone_h2()).flatten();
            let abandoned = tokio::spawn(async move { client.send(get(path)).await.map(drop) });
            // One that accepts, the connection, and the call.
            while ingress.tasks() < 3 {
                tokio::task::yield_now().await;
            }
            abandoned.abort();
            assert!(abandoned.await.unwrap_err().is_cancelled());
            let left = if h2 { 2 } else { 1 };
            while ingress.tasks() > left {
                tokio::task::yield_now().await;
            }
            drop(kept);
            while ingress.tasks() > 1 {
                tokio::task::yield_now().await;
            }
        }
        host.stop().await.unwrap();
    }
}

/// Tells of each request, and answers it when it is let to.
#[derive(Clone)]
struct Gate {
    requests: mpsc::UnboundedSender<String>,
    open: Arc<Semaphore>,
}

#[async_trait]
impl OutgoingHandler for Gate {
    async fn send(
        &self,
        _: &str,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        self.requests.send(request.uri().to_string()).unwrap();
        self.open.acquire().await.unwrap().forget();
        let body = Full::new(Bytes::new())
            .map_err(|never| match never {})
            .boxed_unsync();
        Ok((http::Response::new(body), Box::new(async { Ok(()) })))
    }
}

#[tokio::test]
async fn what_is_done_after_the_answer_goes_on() {
    let (requests, mut requested) = mpsc::unbounded_channel();
    let open = Arc::new(Semaphore::new(0));
    let ingress = Ingress::builder(DevRouter::new(), any_port())
        .outgoing_handler(Gate {
            requests,
            open: Arc::clone(&open),
        })
        .build()
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    let mut workload = hello();
    for component in &mut workload.components {
        component.local_resources.allowed_hosts = Arc::from(["*".parse().unwrap()]);
    }
    start(&host, "one", workload).await;
    let mut client = Client::connect(ingress.addr()).await;
    let (status, _) = client.answer(get("/late?http://a.example/x")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(requested.recv().await.unwrap(), "http://a.example/x");
    drop(client);
    // The connection is gone, the call is not.
    while ingress.tasks() > 2 {
        tokio::task::yield_now().await;
    }
    open.add_permits(2);
    assert_eq!(requested.recv().await.unwrap(), "http://a.example/x");
    while ingress.tasks() > 1 {
        tokio::task::yield_now().await;
    }
    host.stop().await.unwrap();
}
