//! Requests of guests.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use wash_runtime::{
    host::http::{DevRouter, Ingress, OutgoingHandler, OutgoingResponse},
    types::Workload,
    wasmtime_wasi_http::{Error, RequestOptions, WasiBody},
};

use crate::support::{answer, any_port, dev, hello, host, start};

fn allowing(hosts: &[&str]) -> Workload {
    let mut workload = hello();
    for component in &mut workload.components {
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
