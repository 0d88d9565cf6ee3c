//! Instances that serve several requests at once, for those who ask and can.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use wash_runtime::host::{
    Host,
    http::{DevRouter, Ingress},
};

use crate::support::{Client, any_port, channel, get, guest, hello, host, post, start};

async fn sharing(name: &str) -> (Arc<Host>, Arc<Ingress<DevRouter>>) {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    let mut workload = hello();
    for component in &mut workload.components {
        component.bytes = guest(name);
        component.digest = Some(name.to_string());
        component.pool_size = 1;
        component.max_concurrency = 2;
    }
    start(&host, "one", workload).await;
    (host, ingress)
}

/// A request that is being served: it ends when the sender is dropped.
struct Begun {
    client: Client,
    sender: mpsc::Sender<Bytes>,
    body: Incoming,
    told: String,
}

async fn begin(ingress: &Ingress<DevRouter>) -> Begun {
    let mut client = Client::connect(ingress.addr()).await;
    let (sender, body) = channel();
    let response = client.send(post("/served", body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let told = body.frame().await.unwrap().unwrap().into_data().unwrap();
    Begun {
        client,
        sender,
        body,
        told: String::from_utf8(told.to_vec()).unwrap(),
    }
}

impl Begun {
    async fn end(self) {
        drop(self.sender);
        self.body.collect().await.unwrap();
        drop(self.client);
    }
}

#[tokio::test]
async fn requests_overlap_in_one_instance() {
    let (host, ingress) = sharing("http-p3").await;
    let first = begin(&ingress).await;
    assert_eq!(first.told, "1 served, 1 at once");
    let second = begin(&ingress).await;
    assert_eq!(second.told, "2 served, 2 at once");
    // The instance is full, and there may be no second one of its kind.
    let third = begin(&ingress).await;
    assert_eq!(third.told, "1 served, 1 at once");
    for begun in [first, second, third] {
        begun.end().await;
    }
    while ingress.tasks() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(begin(&ingress).await.told, "3 served, 1 at once");
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[tokio::test]
async fn all_fail_with_their_instance_and_the_next_has_a_fresh_one() {
    let (host, ingress) = sharing("http-p3").await;
    let other = begin(&ingress).await;
    let mut client = Client::connect(ingress.addr()).await;
    let (status, _) = client.answer(get("/trap")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(other.body.collect().await.is_err());
    assert_eq!(begin(&ingress).await.told, "1 served, 1 at once");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn an_instance_that_nobody_waits_for_ends() {
    let (host, ingress) = sharing("http-p3").await;
    let other = begin(&ingress).await;
    let mut client = Client::connect(ingress.addr()).await;
    let held = tokio::spawn(async move { client.send(get("/hold")).await.map(drop) });
    // One that accepts, two connections and two calls.
    while ingress.tasks() < 5 {
        tokio::task::yield_now().await;
    }
    held.abort();
    while ingress.tasks() > 3 {
        tokio::task::yield_now().await;
    }
    // It takes no more, and who was served before is served to the end.
    assert_eq!(begin(&ingress).await.told, "1 served, 1 at once");
    other.end().await;
    while ingress.tasks() > 1 {
        tokio::task::yield_now().await;
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_component_for_wasi_0_2_serves_one_request_at_a_time() {
    let (host, ingress) = sharing("http-hello").await;
    let mut client = Client::connect(ingress.addr()).await;
    let (sender, body) = channel();
    let busy = client.send(post("/echo", body)).await.unwrap();
    let mut other = Client::connect(ingress.addr()).await;
    // It has an instance of its own, although the first has served one only.
    assert_eq!(other.answer(get("/served")).await.1, "1");
    drop(sender);
    busy.into_body().collect().await.unwrap();
    host.stop().await.unwrap();
}
