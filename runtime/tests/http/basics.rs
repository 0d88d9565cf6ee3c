//! Requests reach the right workload, and what goes wrong has its status.

use async_trait::async_trait;
use http::{StatusCode, request::Parts};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wash_runtime::{
    engine::workload::ResolvedWorkload,
    host::http::{DevRouter, DynamicRouter, Ingress, Readiness, RouteError, Router},
    types::WorkloadState,
};

use crate::{
    common,
    support::{Client, answer, any_port, dev, get, get_from, hello, hello_at, host, start},
};

#[tokio::test]
async fn a_component_answers() {
    let (host, ingress) = dev().await;
    let (status, body) = answer(ingress.addr(), "/").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, "Hello from a WebAssembly component!\n");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn every_request_has_a_fresh_instance() {
    let (host, ingress) = dev().await;
    let mut client = Client::connect(ingress.addr()).await;
    for _ in 0..3 {
        assert_eq!(client.answer(get("/served")).await.1, "1");
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn requests_go_by_the_host() {
    let ingress = Ingress::new(DynamicRouter::new(), any_port())
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", hello_at("one.example")).await;
    let mut client = Client::connect(ingress.addr()).await;
    let known = client.answer(get_from("one.example:1", "/")).await;
    assert_eq!(known.0, StatusCode::OK);
    let unknown = client.answer(get_from("two.example", "/")).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND, "{}", unknown.1);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_without_a_host_is_a_bad_one() {
    let ingress = Ingress::new(DynamicRouter::new(), any_port())
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", hello_at("one.example")).await;
    assert_eq!(raw(ingress.addr(), "GET / HTTP/1.0\r\n\r\n").await, "400");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn the_dev_router_needs_no_host() {
    let (host, ingress) = dev().await;
    assert_eq!(raw(ingress.addr(), "GET / HTTP/1.0\r\n\r\n").await, "200");
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_trap_costs_one_request_only() {
    let ingress = Ingress::new(DynamicRouter::new(), any_port())
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", hello_at("one.example")).await;
    start(&host, "two", hello_at("two.example")).await;
    let mut client = Client::connect(ingress.addr()).await;
    let (status, body) = client.answer(get_from("one.example", "/trap")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("the host's log says why"), "{body}");
    for name in ["one.example", "two.example"] {
        let (status, _) = client.answer(get_from(name, "/")).await;
        assert_eq!(status, StatusCode::OK, "{name}");
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn no_response_is_an_error() {
    let (host, ingress) = dev().await;
    let (status, _) = answer(ingress.addr(), "/no-response").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let (host, ingress) = dev().await;
    for h2 in [false, true] {
        let mut client = if h2 {
            Client::connect_h2c(ingress.addr()).await
        } else {
            Client::connect(ingress.addr()).await
        };
        // Not even the head arrives if it was not sent before the trap.
        if let Ok(response) = client.send(get("/trap-late")).await {
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.into_body().collect().await.is_err(), "h2: {h2}");
        }
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn the_dev_router_sends_to_the_last_workload() {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    // None is there yet: see below.
    let early = answer(ingress.addr(), "/").await.0;
    assert_eq!(early, StatusCode::SERVICE_UNAVAILABLE);
    start(&host, "one", hello()).await;
    start(&host, "two", hello()).await;
    common::stop(&host, "one").await;
    assert_eq!(answer(ingress.addr(), "/").await.0, StatusCode::OK);
    common::stop(&host, "two").await;
    assert_eq!(answer(ingress.addr(), "/").await.0, StatusCode::NOT_FOUND);
    host.stop().await.unwrap();
}

/// Routes to a workload that is no more.
struct Stale;

#[async_trait]
impl Router for Stale {
    async fn on_workload_resolved(&self, _: &ResolvedWorkload, _: &str) -> anyhow::Result<()> {
        Ok(())
    }
    async fn on_workload_unbind(&self, _: &str) -> anyhow::Result<()> {
        Ok(())
    }
    fn route(&self, _: &Parts) -> Result<String, RouteError> {
        Ok("gone".to_string())
    }
}

#[tokio::test]
async fn a_workload_that_is_gone_is_unavailable() {
    let ingress = Ingress::new(Stale, any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "hello", hello()).await;
    let (status, _) = answer(ingress.addr(), "/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_component_that_cannot_be_instantiated_does_not_start() {
    let (host, _) = dev().await;
    let mut workload = hello();
    for component in &mut workload.components {
        component.bytes = crate::support::guest("http-counter");
        component.digest = None;
    }
    let status = common::start(&host, "counter", workload).await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    for part in ["'c0'", "cannot serve HTTP", "wasi:keyvalue/"] {
        assert!(status.message.contains(part), "{}", status.message);
    }
    host.stop().await.unwrap();
}

/// The status of the answer to this text.
async fn raw(addr: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().to_string()
}

#[tokio::test]
async fn a_request_that_comes_too_early_is_to_be_sent_again() {
    let readiness = Readiness::new();
    let builder = Ingress::builder(DynamicRouter::new(), any_port());
    let ingress = builder.readiness(readiness.clone()).build().await.unwrap();
    let (host, ingress) = host(ingress).await;
    let mut client = Client::connect(ingress.addr()).await;
    let mut ask = async |host: &'static str| {
        let response = client.send(get_from(host, "/")).await.unwrap();
        let retry_after = response.headers().get(http::header::RETRY_AFTER).cloned();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        (
            status,
            retry_after.map(|value| value.to_str().unwrap().to_owned()),
        )
    };
    let too_early = (StatusCode::SERVICE_UNAVAILABLE, Some("1".to_owned()));
    assert_eq!(ask("one.example").await, too_early);
    start(&host, "one", hello_at("one.example")).await;
    assert_eq!(ask("one.example").await, (StatusCode::OK, None));
    // The second workload is still to come.
    assert_eq!(ask("two.example").await, too_early);
    start(&host, "two", hello_at("two.example")).await;
    readiness.ready();
    assert_eq!(ask("two.example").await, (StatusCode::OK, None));
    let unknown = (StatusCode::NOT_FOUND, None);
    assert_eq!(ask("three.example").await, unknown);
    for name in ["one", "two"] {
        common::stop(&host, name).await;
    }
    assert_eq!(ask("one.example").await, unknown);
    host.stop().await.unwrap();
}
