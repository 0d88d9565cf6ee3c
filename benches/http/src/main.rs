//! Requests in a second to a component that says hello: through `Ingress`,
//! beside the least that serving a component with wasmtime-wasi-http takes.
//!
//! Both run on one engine, and take turns. Called as
//! `bench-http GUEST.wasm RESULTS.json ROUNDS`; `cargo xtask bench http` does
//! that.

mod host;
#[allow(dead_code, reason = "a part of it is the other bench's")]
mod load;
mod report;

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use wash_runtime::{
    engine::Engine,
    host::Host,
    wasmtime::{
        Store,
        component::{Component as Compiled, Linker, ResourceTable},
    },
    wasmtime_wasi::{self, WasiCtx, WasiCtxView, WasiView},
    wasmtime_wasi_http::{
        WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
        io::TokioIo,
        p2::{
            self,
            bindings::{ProxyPre, http::types::Scheme},
            body::HyperOutgoingBody,
        },
    },
};

use crate::{
    load::{Load, Plan},
    report::Comparison,
};

const PLAN: Plan = Plan {
    connections: 16,
    time: Duration::from_secs(2),
    most: 100_000,
};

fn main() -> anyhow::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [guest, results, rounds] = args.as_slice() else {
        anyhow::bail!("expected GUEST.wasm RESULTS.json ROUNDS");
    };
    let (guest, results) = (PathBuf::from(guest), PathBuf::from(results));
    let rounds: usize = rounds.parse().context("ROUNDS is a number")?;
    let guest = Bytes::from(
        std::fs::read(&guest).with_context(|| format!("cannot read {}", guest.display()))?,
    );

    let server = Runtime::new()?;
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let engine = Engine::builder().build()?;

    let mut compared = Vec::new();
    for (case, pool_size) in [
        ("hello, a fresh instance each", 0),
        ("hello, warm instances beside fresh ones", 16),
    ] {
        let (floor, floor_addr) = server.block_on(floor(&engine, &guest))?;
        let (host, host_addr) = server.block_on(host::start(
            Host::builder().with_engine(engine.clone()),
            guest.clone(),
            pool_size,
            &["wasi:http/incoming-handler"],
        ))?;
        let (mut host_loads, mut floor_loads) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let floor_load = client.block_on(load::press(floor_addr, PLAN))?;
            let host_load = client.block_on(load::press(host_addr, PLAN))?;
            // The first round is for warming up.
            if round > 0 {
                eprintln!("{case}: {}", show(&host_load, &floor_load));
                floor_loads.push(floor_load);
                host_loads.push(host_load);
            }
        }
        compared.push(Comparison::new(case, &host_loads, &floor_loads));
        floor.abort();
        server.block_on(host.stop())?;
    }
    report::write(&results, &compared)
}

fn show(host: &Load, floor: &Load) -> String {
    format!("host {:.0}/s, floor {:.0}/s", host.per_s(), floor.per_s())
}

/// The least that a server needs.
struct Ctx {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

impl WasiView for Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Ctx {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: Default::default(),
        }
    }
}

async fn floor(engine: &Engine, guest: &Bytes) -> anyhow::Result<(JoinHandle<()>, SocketAddr)> {
    let engine = engine.inner();
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    let pre = ProxyPre::new(linker.instantiate_pre(&Compiled::new(engine, guest)?)?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            let pre = pre.clone();
            tokio::spawn(http1::Builder::new().serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| respond(pre.clone(), request)),
            ));
        }
    });
    Ok((task, addr))
}

async fn respond(
    pre: ProxyPre<Ctx>,
    request: Request<Incoming>,
) -> Result<Response<HyperOutgoingBody>, Infallible> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut store = Store::new(
            pre.engine(),
            Ctx {
                table: ResourceTable::new(),
                wasi: WasiCtx::builder().inherit_stdout().inherit_stderr().build(),
                http: WasiHttpCtx::new(),
            },
        );
        // The engine's guests are interrupted every so often; this one never.
        store.set_epoch_deadline(1 << 60);
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        pre.instantiate_async(&mut store)
            .await?
            .wasi_http_incoming_handler()
            .call_handle(&mut store, request, out)
            .await
    });
    Ok(match receiver.await {
        Ok(Ok(response)) => response,
        _ => {
            let mut response = Response::new(HyperOutgoingBody::default());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    })
}
