//! [`IngressBuilder`].

use std::{fmt, net::SocketAddr, time::Duration};

use super::{
    Ingress, TlsConfig,
    server::{Server, Timeouts},
};
use crate::{
    engine::Deadlines,
    host::http::{DefaultOutgoingHandler, OutgoingHandler, Readiness, Router},
};

const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of an [`Ingress`].
pub struct IngressBuilder<R: Router, O: OutgoingHandler = DefaultOutgoingHandler> {
    router: R,
    addr: SocketAddr,
    outgoing: O,
    tls: Option<TlsConfig>,
    timeouts: Timeouts,
    readiness: Readiness,
}

impl<R: Router> IngressBuilder<R> {
    pub(super) fn new(router: R, addr: SocketAddr) -> Self {
        let readiness = Readiness::new();
        readiness.ready();
        Self {
            readiness,
            router,
            addr,
            outgoing: DefaultOutgoingHandler::default(),
            tls: None,
            timeouts: Timeouts {
                drain: DEFAULT_DRAIN_TIMEOUT,
                response: Deadlines::from_environment().detached_call,
            },
        }
    }
}

impl<R: Router, O: OutgoingHandler> IngressBuilder<R, O> {
    /// Who sends the requests of workloads.
    #[must_use]
    pub fn outgoing_handler<P: OutgoingHandler>(self, outgoing: P) -> IngressBuilder<R, P> {
        IngressBuilder {
            router: self.router,
            addr: self.addr,
            outgoing,
            tls: self.tls,
            timeouts: self.timeouts,
            readiness: self.readiness,
        }
    }

    /// When the workloads have started that the server is meant for: until
    /// then, and until the first workload is there, a request that no workload
    /// takes is answered with status 503 and `Retry-After`, and from then on
    /// with 404. By default the first workload is all that is waited for.
    ///
    /// wasmCloud's own crate has no such method.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Serves TLS only.
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long requests in flight may take to finish when the host, or their
    /// workload, is stopped. 10 seconds by default.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.drain = timeout;
        self
    }

    /// How long a component may take until it answers, from the head of the
    /// request on: its instantiation counts, and so does the request's body if
    /// it waits for that. The response's body may take as long as it likes. By
    /// default the environment's `WASH_EPHEMERAL_CALL_TIMEOUT_SECS`, or 10
    /// minutes, as for other calls that keep nobody else waiting.
    ///
    /// A component that takes longer is ended, and answered for with status
    /// 504. wasmCloud's own crate has no such method.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = timeout;
        self
    }

    /// Binds the address.
    ///
    /// # Errors
    ///
    /// If it cannot be bound.
    pub async fn build(self) -> anyhow::Result<Ingress<R, O>> {
        let server = Server::new(
            self.router,
            self.outgoing,
            self.tls.map(TlsConfig::acceptor),
            self.timeouts,
            self.readiness,
        );
        Ingress::bind(server, self.addr).await
    }
}

impl<R: Router, O: OutgoingHandler> fmt::Debug for IngressBuilder<R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngressBuilder")
            .field("addr", &self.addr)
            .field("tls", &self.tls)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
