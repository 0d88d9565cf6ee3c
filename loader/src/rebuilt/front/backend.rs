//! Where requests go: the HTTP server of one host.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::body::RequestBody;

/// How long an unused connection is kept: less than a server waits for the next
/// request, so that none is sent just when it closes.
const IDLE: Duration = Duration::from_secs(5);

/// How many lines the head of a response may have. A host sends what its guests
/// give, and hyper's client takes no more than 100 unless it is told.
const MAX_HEADERS: usize = 1000;

/// The HTTP server of one host.
pub(in crate::rebuilt) struct Backend {
    pub(super) number: u64,
    pub(super) addr: SocketAddr,
    /// Keeps the connections of HTTP/1.1, which have one request at a time.
    pub(super) http1: Client<HttpConnector, RequestBody>,
    /// The requests in flight.
    requests: TaskTracker,
    /// The connections to it are given up.
    cut: CancellationToken,
}

/// Counts a request until it is dropped.
pub(super) type InFlight = TaskTrackerToken;

impl Backend {
    /// Of the host of this number, which listens there.
    pub(in crate::rebuilt) fn new(number: u64, addr: SocketAddr) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let cut = CancellationToken::new();
        let http1 = Client::builder(UntilCut(cut.clone()))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            // What the client sent is what the host gets.
            .set_host(false)
            .http1_max_headers(MAX_HEADERS)
            .build(connector);
        Arc::new(Self {
            number,
            addr,
            http1,
            requests: TaskTracker::new(),
            cut,
        })
    }

    /// Waits until no request is in flight; no more may come. Whether they
    /// ended in time.
    pub(in crate::rebuilt) async fn drained(&self, limit: Duration) -> bool {
        self.requests.close();
        tokio::time::timeout(limit, self.requests.wait())
            .await
            .is_ok()
    }

    /// Gives up the requests in flight, wherever they are: the host sees its
    /// clients go away.
    pub(in crate::rebuilt) fn cut(&self) {
        self.cut.cancel();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Runs a connection to the host until it is cut.
    pub(super) fn executor(&self) -> UntilCut {
        UntilCut(self.cut.clone())
    }

    /// How many requests are in flight.
    pub(in crate::rebuilt) fn in_flight(&self) -> usize {
        self.requests.len()
    }
}

/// Runs the connections to a host. What ends them ends their requests, even one
/// whose response nobody reads.
#[derive(Clone)]
pub(super) struct UntilCut(CancellationToken);

impl<F> Executor<F> for UntilCut
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        // Of its own, as it is asked whenever something arrives.
        let cut = self.0.child_token();
        tokio::spawn(async move { cut.run_until_cancelled(future).await });
    }
}

/// The host that serves now.
pub(super) struct Backends(RwLock<Arc<Backend>>);

impl Backends {
    pub(super) fn new(first: Arc<Backend>) -> Self {
        Self(RwLock::new(first))
    }

    /// The host that serves now, for one request.
    pub(super) fn enter(&self) -> (Arc<Backend>, InFlight) {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Counted under the lock: after a switch, no more come.
        (Arc::clone(&now), now.requests.token())
    }

    pub(super) fn switch(&self, to: Arc<Backend>) {
        let before = {
            let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, to)
        };
        // Its connections go without the lock.
        drop(before);
    }
}
