//! The end of a server: what it took, it answers; what it does not take, it
//! refuses; and nothing is left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{net::TcpStream, sync::Barrier, task::JoinSet};
use wash_runtime::host::http::{DevRouter, Ingress};

use crate::{
    common,
    support::{Client, PATIENCE, answer, any_port, channel, dev, get, hello, host, post, start},
};

#[tokio::test]
async fn a_stopped_server_accepts_nothing() {
    let (host, ingress) = dev().await;
    let mut idle = Client::connect(ingress.addr()).await;
    assert_eq!(idle.answer(get("/")).await.0, StatusCode::OK);
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
    assert!(idle.send(get("/")).await.is_err());
    assert!(TcpStream::connect(ingress.addr()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_in_flight_are_all_answered() {
    const REQUESTS: usize = 1000;
    let ingress = Ingress::builder(DevRouter::new(), any_port())
        .drain_timeout(PATIENCE)
        .build()
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "hello", hello()).await;

    let in_flight = Arc::new(Barrier::new(REQUESTS + 1));
    let stopping = Arc::new(Barrier::new(REQUESTS + 1));
    let mut requests = JoinSet::new();
    for _ in 0..REQUESTS {
        let (in_flight, stopping) = (Arc::clone(&in_flight), Arc::clone(&stopping));
        let addr = ingress.addr();
        requests.spawn(async move {
            let mut client = Client::connect(addr).await;
            let (sender, body) = channel();
            sender.send(Bytes::from("begun, ")).await.unwrap();
            let response = client.send(post("/echo", body)).await.unwrap();
            in_flight.wait().await;
            stopping.wait().await;
            sender.send(Bytes::from("done")).await.unwrap();
            drop(sender);
            response.into_body().collect().await.unwrap().to_bytes()
        });
    }
    tokio::time::timeout(PATIENCE, in_flight.wait())
        .await
        .expect("all have begun");
    let stop = tokio::spawn(host.stop());
    stopping.wait().await;
    while let Some(body) = requests.join_next().await {
        assert_eq!(body.unwrap(), "begun, done");
    }
    tokio::time::timeout(PATIENCE, stop)
        .await
        .expect("an end")
        .unwrap()
        .unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_during_the_stop_are_answered_or_refused() {
    let (host, ingress) = dev().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for h2 in [false, true, false, true] {
        let (addr, answered) = (ingress.addr(), Arc::clone(&answered));
        clients.spawn(async move {
            let mut client = if h2 {
                Client::connect_h2c(addr).await
            } else {
                Client::connect(addr).await
            };
            loop {
                let Ok(response) = client.send(get("/")).await else {
                    return;
                };
                // What was accepted is answered in full.
                let status = response.status();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(status, StatusCode::OK, "{body:?}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answered.load(Ordering::Relaxed) < 50 {
        tokio::task::yield_now().await;
    }
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_end_is_cancelled() {
    for h2 in [false, true] {
        let ingress = Ingress::builder(DevRouter::new(), any_port())
            .drain_timeout(Duration::from_millis(50))
            .build()
            .await
            .unwrap();
        let (host, ingress) = host(ingress).await;
        start(&host, "hello", hello()).await;
        let mut client = if h2 {
            Client::connect_h2c(ingress.addr()).await
        } else {
            Client::connect(ingress.addr()).await
        };
        let (sender, body) = channel();
        let response = client.send(post("/echo", body)).await.unwrap();
        host.stop().await.unwrap();
        assert_eq!(ingress.tasks(), 0, "h2: {h2}");
        assert!(response.into_body().collect().await.is_err(), "h2: {h2}");
        drop(sender);
    }
}

#[tokio::test]
async fn stopping_a_workload_lets_its_requests_finish() {
    let (host, ingress) = dev().await;
    let mut client = Client::connect(ingress.addr()).await;
    let (sender, body) = channel();
    let response = client.send(post("/echo", body)).await.unwrap();
    let stop = tokio::spawn({
        let host = Arc::clone(&host);
        async move { common::stop(&host, "hello").await }
    });
    while answer(ingress.addr(), "/").await.0 == StatusCode::OK {
        tokio::task::yield_now().await;
    }
    sender.send(Bytes::from("done")).await.unwrap();
    drop(sender);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "done");
    stop.await.unwrap();
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[tokio::test]
async fn a_host_that_is_dropped_serves_no_more() {
    let (host, ingress) = dev().await;
    let addr = ingress.addr();
    assert_eq!(answer(addr, "/").await.0, StatusCode::OK);
    drop(host);
    while ingress.tasks() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_never_ends_is_cancelled() {
    let ingress = Ingress::builder(DevRouter::new(), any_port())
        .drain_timeout(Duration::from_millis(50))
        .build()
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "hello", hello()).await;
    let mut client = Client::connect(ingress.addr()).await;
    let spinning = tokio::spawn(async move { client.send(get("/spin")).await });
    // The connection and the call, beside the task that accepts.
    while ingress.tasks() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(answer(ingress.addr(), "/").await.0, StatusCode::OK);
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
    assert!(spinning.await.unwrap().is_err());
}
