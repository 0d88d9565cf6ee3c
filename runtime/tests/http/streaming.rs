//! Bodies pass through as they are written, and no faster than they are read.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::support::{Client, PATIENCE, channel, dev, post};

async fn clients(addr: std::net::SocketAddr) -> [Client; 2] {
    [Client::connect(addr).await, Client::connect_h2c(addr).await]
}

/// The next bytes, or `None` at the end. HTTP/2 ends with a frame of none.
async fn chunk(body: &mut Incoming) -> Option<Bytes> {
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame())
            .await
            .expect("a frame in time")?;
        let chunk = frame.unwrap().into_data().unwrap();
        if !chunk.is_empty() {
            return Some(chunk);
        }
    }
}

#[tokio::test]
async fn a_body_is_passed_on_before_it_is_complete() {
    let (host, ingress) = dev().await;
    for mut client in clients(ingress.addr()).await {
        let (sender, body) = channel();
        sender.send(Bytes::from("first")).await.unwrap();
        let response = client.send(post("/echo", body)).await.unwrap();
        let mut echo = response.into_body();
        // The guest had the first chunk while the second was not even there.
        assert_eq!(chunk(&mut echo).await.unwrap(), "first");
        sender.send(Bytes::from("second")).await.unwrap();
        assert_eq!(chunk(&mut echo).await.unwrap(), "second");
        drop(sender);
        assert_eq!(chunk(&mut echo).await, None);
    }
    host.stop().await.unwrap();
}

const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 1024;

/// Sends until the body is complete or nobody takes any more, and returns how
/// many chunks were taken.
async fn fill(sender: &mpsc::Sender<Bytes>) -> usize {
    let chunk = Bytes::from(vec![7; CHUNK]);
    for sent in 0..CHUNKS {
        let send = sender.send(chunk.clone());
        if tokio::time::timeout(Duration::from_millis(500), send)
            .await
            .is_err()
        {
            return sent;
        }
    }
    CHUNKS
}

#[tokio::test]
async fn an_unread_response_holds_up_the_request() {
    let (host, ingress) = dev().await;
    for mut client in clients(ingress.addr()).await {
        let (sender, body) = channel();
        let response = client.send(post("/echo", body)).await.unwrap();
        let sent = fill(&sender).await;
        assert!(
            sent < CHUNKS / 2,
            "{sent} of {CHUNKS} chunks are in somebody's memory"
        );

        let writer = tokio::spawn(async move {
            for _ in sent..CHUNKS {
                sender.send(Bytes::from(vec![7; CHUNK])).await.unwrap();
            }
        });
        let mut echo = response.into_body();
        let mut received = 0;
        while let Some(chunk) = chunk(&mut echo).await {
            assert!(chunk.iter().all(|byte| *byte == 7));
            received += chunk.len();
        }
        writer.await.unwrap();
        assert_eq!(received, CHUNKS * CHUNK);
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_guest_need_not_read_the_body() {
    let (host, ingress) = dev().await;
    for mut client in clients(ingress.addr()).await {
        for size in [0, 100, 1 << 20] {
            let body = Full::new(Bytes::from(vec![0; size])).boxed_unsync();
            let response = client.send(post("/never-read", body)).await;
            match response {
                Ok(response) => assert_eq!(response.status(), StatusCode::OK),
                // The server may close before all was sent.
                Err(error) if size > 100 => assert!(!error.is_timeout()),
                Err(error) => panic!("{error}"),
            }
            if size > 100 {
                break;
            }
        }
    }
    host.stop().await.unwrap();
}
