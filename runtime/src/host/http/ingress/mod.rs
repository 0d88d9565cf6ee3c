//! [`Ingress`]: the HTTP server of a host.
//!
//! ```text
//! accept ─► connection ─► router ─► target ─► call ─► guest
//!                          which     its      one
//!                          workload  component request
//! ```
//!
//! Every request gets a fresh instance, unless the component asks for a pool
//! of warm ones, which serve one request at a time, or several if they can. Bodies stream in both directions: a slow reader holds up the
//! writer.

mod body;
mod builder;
mod call;
mod connection;
mod pool;
mod report;
mod server;
mod service;
mod shared;
mod target;
mod tls;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use async_trait::async_trait;
use tokio::net::TcpListener;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::{DefaultOutgoingHandler, HostHandler, OutgoingHandler, OutgoingResponse, Router};
use crate::engine::workload::ResolvedWorkload;
pub use builder::IngressBuilder;
use server::{Scheme, Server};
pub use tls::TlsConfig;

/// Takes HTTP requests and has components of workloads answer them.
///
/// HTTP/1.1 and HTTP/2 are spoken, with TLS and without. Which workload a
/// request is for is up to a [`Router`], and outgoing requests go to an
/// [`OutgoingHandler`].
///
/// For which host a request is, is decided once, before a router sees it: by its
/// target or else its `Host` header. Router and component find that host, in one
/// spelling, in the request's target and its `Host` header alike. A request whose
/// host is missing, invalid or ambiguous is answered with status 400, and
/// `CONNECT` with 501. A request of HTTP/1.0 may name no host: for the component
/// it is then for `localhost`.
///
/// A component that traps, or returns without a response, is answered for with
/// status 500 and one line in the log; one that does not answer
/// [in time](IngressBuilder::response_timeout), with 504. A request that no
/// workload takes is answered with 404, or with 503 and `Retry-After` until the
/// first workload is there (see [`IngressBuilder::readiness`]). A request for a
/// workload that is being stopped, or for which there is no room, is answered
/// with 503 and `Retry-After`, too.
///
/// A call ends when its client goes away before it was answered. After the
/// answer a component may go on for as long as it likes, as `wasi:http` has it.
///
/// ```
/// use std::sync::Arc;
/// use wash_runtime::host::{Host, http::{DevRouter, Ingress}};
///
/// # fn main() -> anyhow::Result<()> {
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
/// let ingress = Ingress::new(DevRouter::new(), "127.0.0.1:0".parse()?).await?;
/// println!("listening on http://{}", ingress.addr());
///
/// let host = Host::builder().with_http_handler(Arc::new(ingress)).build()?.start().await?;
/// host.stop().await
/// # })
/// # }
/// ```
pub struct Ingress<R: Router, O: OutgoingHandler = DefaultOutgoingHandler> {
    server: Arc<Server<R, O>>,
    addr: SocketAddr,
    /// Bound already; [`start`](HostHandler::start) takes it to accept.
    listener: Mutex<Option<TcpListener>>,
}

impl<R: Router> Ingress<R> {
    /// Binds a server without TLS. It accepts connections from
    /// [`Host::start`](crate::host::Host::start) on; port 0 is any free port.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn new(router: R, addr: SocketAddr) -> anyhow::Result<Self> {
        Self::builder(router, addr).build().await
    }

    /// As [`new`](Self::new), with TLS.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn new_with_tls(router: R, addr: SocketAddr, tls: TlsConfig) -> anyhow::Result<Self> {
        Self::builder(router, addr).tls(tls).build().await
    }

    /// A builder, for all other settings.
    #[must_use]
    pub fn builder(router: R, addr: SocketAddr) -> IngressBuilder<R> {
        IngressBuilder::new(router, addr)
    }
}

impl<R: Router, O: OutgoingHandler> Ingress<R, O> {
    async fn bind(server: Server<R, O>, addr: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(addr)
            .await
            .with_context(|| format!("cannot listen on {addr} for HTTP requests"))?;
        Ok(Self {
            addr: listener.local_addr()?,
            server: Arc::new(server),
            listener: Mutex::new(Some(listener)),
        })
    }

    /// The address that is bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many tasks of this server are running: its connections, and calls
    /// into guests. None after [`Host::stop`](crate::host::Host::stop).
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.server.tasks()
    }

    fn take_listener(&self) -> Option<TcpListener> {
        self.listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

#[async_trait]
impl<R: Router, O: OutgoingHandler> HostHandler for Ingress<R, O> {
    async fn start(&self) -> anyhow::Result<()> {
        let listener = self
            .take_listener()
            .context("the HTTP server was started before")?;
        self.server.accept(listener);
        tracing::info!(addr = %self.addr, "accepting HTTP requests");
        Ok(())
    }

    /// Closes the socket, lets requests in flight finish for as long as the
    /// [builder](IngressBuilder::drain_timeout) allows, and cancels the rest.
    async fn stop(&self) -> anyhow::Result<()> {
        drop(self.take_listener());
        self.server.stop().await;
        Ok(())
    }

    fn abort(&self) {
        drop(self.take_listener());
        self.server.abort();
    }

    fn port(&self) -> u16 {
        self.addr.port()
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        self.server.add(workload, component_id).await
    }

    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()> {
        self.server.remove(workload_id).await
    }

    fn forget_workload(&self, workload_id: &str) {
        self.server.outgoing.forget_workload(workload_id);
    }

    async fn outgoing_request(
        &self,
        workload_id: &str,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        self.server
            .outgoing
            .send(workload_id, request, options)
            .await
    }
}

impl<R: Router, O: OutgoingHandler> fmt::Debug for Ingress<R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
