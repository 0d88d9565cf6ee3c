//! A component for WASI 0.3.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use wash_runtime::{
    host::http::{DevRouter, Ingress},
    types::Workload,
};

use crate::support::{Client, any_port, channel, get, guest, hello, host, post, start};

fn p3() -> Workload {
    let mut workload = hello();
    for component in &mut workload.components {
        component.bytes = guest("http-p3");
        component.digest = Some("http-p3".to_string());
    }
    workload
}

#[tokio::test]
async fn a_component_for_wasi_0_3_answers() {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "p3", p3()).await;
    for mut client in [
        Client::connect(ingress.addr()).await,
        Client::connect_h2c(ingress.addr()).await,
    ] {
        let (status, body) = client.answer(get("/")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, "Hello, test.example!\n");
        for path in ["/error", "/trap"] {
            let (status, _) = client.answer(get(path)).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        }
        assert_eq!(client.answer(get("/")).await.0, StatusCode::OK);
    }
    // No call is left waiting, not even that of the error.
    while ingress.tasks() > 1 {
        tokio::task::yield_now().await;
    }
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[tokio::test]
async fn its_bodies_stream() {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "p3", p3()).await;
    let mut client = Client::connect(ingress.addr()).await;
    let (sender, body) = channel();
    sender.send(Bytes::from("first, ")).await.unwrap();
    let response = client.send(post("/echo", body)).await.unwrap();
    let mut echo = response.into_body();
    let first = echo.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "first, ");
    sender.send(Bytes::from("second")).await.unwrap();
    drop(sender);
    assert_eq!(echo.collect().await.unwrap().to_bytes(), "second");
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[tokio::test]
async fn its_instances_can_be_kept_warm() {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    let mut workload = p3();
    for component in &mut workload.components {
        component.pool_size = 1;
    }
    start(&host, "p3", workload).await;
    let mut client = Client::connect(ingress.addr()).await;
    for path in ["/", "/", "/trap", "/", "/"] {
        let (status, _) = client.answer(get(path)).await;
        assert_eq!(status == StatusCode::OK, path == "/");
        while ingress.tasks() > 2 {
            tokio::task::yield_now().await;
        }
    }
    host.stop().await.unwrap();
}
