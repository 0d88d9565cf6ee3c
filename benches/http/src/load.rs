//! Requests over some connections, for some time.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// How hard to press.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many requests are under way at once, each on a connection of its
    /// own.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) time: Duration,
    /// No more than this many requests over one connection.
    pub(crate) most: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    requests: usize,
    time: Duration,
    /// What 99 of 100 requests took at most.
    pub(crate) p99: Duration,
}

impl Load {
    /// How many requests.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Requests in a second.
    pub(crate) fn per_s(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Sends requests to a server.
pub(crate) async fn press(addr: SocketAddr, plan: Plan) -> anyhow::Result<Load> {
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..plan.connections {
        connections.spawn(connection(addr, start, plan));
    }
    let mut latencies = Vec::new();
    while let Some(done) = connections.join_next().await {
        latencies.append(&mut done??);
    }
    let time = start.elapsed();
    latencies.sort_unstable();
    let p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .context("no request was made")?;
    Ok(Load {
        requests: latencies.len(),
        time,
        p99,
    })
}

async fn connection(addr: SocketAddr, start: Instant, plan: Plan) -> anyhow::Result<Vec<Duration>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut latencies = Vec::new();
    while start.elapsed() < plan.time && latencies.len() < plan.most {
        let request = Request::get("/")
            .header("host", "bench.example")
            .body(Empty::<Bytes>::new())?;
        let sent = Instant::now();
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        ensure!(response.status() == 200, "{}", response.status());
        response.into_body().collect().await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}
