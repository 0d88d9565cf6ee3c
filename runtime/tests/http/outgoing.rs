//! Requests of guests.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::AbortHandle};
use wash_runtime::{
    host::http::{DevRouter, Ingress, OutgoingHandler, OutgoingResponse},
    types::Workload,
    wasmtime_wasi_http::{Error, RequestOptions, WasiBody},
};

use crate::{
    common,
    support::{answer, any_port, dev, guest, hello, host, start},
};

/// For WASI 0.2 and 0.3.
const GUESTS: [&str; 2] = ["http-hello", "http-p3"];

fn allowing(hosts: &[&str]) -> Workload {
    guest_allowing("http-hello", hosts)
}

fn guest_allowing(name: &str, hosts: &[&str]) -> Workload {
    let mut workload = hello();
    for component in &mut workload.components {
        component.bytes = guest(name);
        component.digest = Some(name.to_string());
        component.local_resources.allowed_hosts =
            hosts.iter().map(|host| host.parse().unwrap()).collect();
    }
    workload
}

#[tokio::test]
async fn a_guest_fetches_from_an_allowed_host() {
    let (origin, origin_ingress) = dev().await;
    let origin_addr = origin_ingress.addr();

    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", allowing(&[&origin_addr.to_string()])).await;
    let path = format!("/fetch?http://{origin_addr}/");
    let (status, body) = answer(ingress.addr(), &path).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body, "Hello from a WebAssembly component!\n");
    host.stop().await.unwrap();
    origin.stop().await.unwrap();
}

#[tokio::test]
async fn no_host_is_allowed_unless_named() {
    let (origin, origin_ingress) = dev().await;
    let origin_addr = origin_ingress.addr();

    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    let path = format!("/fetch?http://{origin_addr}/");
    for (id, hosts) in [("none", &[][..]), ("other", &["other.example"])] {
        start(&host, id, allowing(hosts)).await;
        let (status, body) = answer(ingress.addr(), &path).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
        assert!(body.contains("HttpRequestDenied"), "{body}");
    }
    host.stop().await.unwrap();
    origin.stop().await.unwrap();
}

/// Answers with the workload's id, and keeps the address.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl OutgoingHandler for Recorder {
    async fn send(
        &self,
        workload_id: &str,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        self.0.lock().unwrap().push(request.uri().to_string());
        let body = Full::new(Bytes::from(workload_id.to_string()))
            .map_err(|never| match never {})
            .boxed_unsync();
        Ok((http::Response::new(body), Box::new(async { Ok(()) })))
    }
}

#[tokio::test]
async fn an_outgoing_handler_of_ones_own_gets_the_request() {
    let recorder = Recorder::default();
    let ingress = Ingress::builder(DevRouter::new(), any_port())
        .outgoing_handler(recorder.clone())
        .build()
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", allowing(&["https://*.example"])).await;
    let (status, body) = answer(ingress.addr(), "/fetch?https://a.example/x").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "one"));
    assert_eq!(*recorder.0.lock().unwrap(), ["https://a.example/x"]);
    host.stop().await.unwrap();
}

/// A server that answers each request with the number of its connection.
async fn origin() -> (SocketAddr, AbortHandle) {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut number = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            number += 1;
            let answer = Bytes::from(number.to_string());
            let service = service_fn(move |_| {
                let body = Full::new(answer.clone());
                async move { Ok::<_, Infallible>(http::Response::new(body)) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (addr, task.abort_handle())
}

const REQUESTS: usize = 10;

/// The connections over which some requests of a guest came.
async fn connections(ingress: SocketAddr, origin: SocketAddr) -> HashSet<String> {
    let path = format!("/fetch?http://{origin}/");
    let mut connections = HashSet::new();
    for _ in 0..REQUESTS {
        let (status, body) = answer(ingress, &path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        connections.insert(body);
    }
    connections
}

#[tokio::test]
async fn a_workload_uses_its_own_connections_again() {
    for name in GUESTS {
        let (origin, server) = origin().await;
        let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
        let (host, ingress) = host(ingress).await;
        let allowed = [&*origin.to_string()];

        start(&host, "one", guest_allowing(name, &allowed)).await;
        let of_one = connections(ingress.addr(), origin).await;
        assert!(of_one.len() < REQUESTS, "{of_one:?}");
        start(&host, "other", guest_allowing(name, &allowed)).await;
        let of_other = connections(ingress.addr(), origin).await;
        assert!(of_one.is_disjoint(&of_other), "{of_one:?} {of_other:?}");

        // Nor does a later workload of the same name see them.
        common::stop(&host, "one").await;
        start(&host, "one", guest_allowing(name, &allowed)).await;
        let of_later = connections(ingress.addr(), origin).await;
        assert!(of_one.is_disjoint(&of_later), "{of_one:?} {of_later:?}");
        host.stop().await.unwrap();
        server.abort();
    }
}

#[tokio::test]
async fn a_guest_hears_why_a_request_failed() {
    let (origin, server) = origin().await;
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    for name in GUESTS {
        start(&host, name, guest_allowing(name, &[&*origin.to_string()])).await;
        for (url, told) in [
            (
                format!("http://{}/", SocketAddr::from(([127, 0, 0, 1], 9))),
                "Denied",
            ),
            (format!("https://{origin}/"), "Tls"),
        ] {
            let (_, body) = answer(ingress.addr(), &format!("/fetch?{url}")).await;
            assert!(body.contains(told), "{name} {url}: {body}");
        }
    }
    server.abort();
    host.stop().await.unwrap();
}
