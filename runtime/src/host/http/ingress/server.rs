//! What all connections of a server share, and its end.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{connection, target::Target};
use crate::{
    engine::workload::ResolvedWorkload,
    host::http::{OutgoingHandler, Readiness, Router},
    observability::RequestMetrics,
};

/// How long what was cancelled may take to go.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a server waits for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For requests in flight, when they are to end.
    pub(super) drain: Duration,
    /// For a component to answer.
    pub(super) response: Duration,
}

/// How a client speaks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// The state of a server.
pub(super) struct Server<R, O> {
    pub(super) router: R,
    pub(super) outgoing: O,
    pub(super) tls: Option<TlsAcceptor>,
    /// Of requests that reached no workload.
    pub(super) unrouted: RequestMetrics,
    timeouts: Timeouts,
    readiness: Readiness,
    /// Whether there was a workload that takes requests.
    had_target: AtomicBool,
    targets: RwLock<HashMap<String, Arc<Target>>>,
    /// Accepting, and the connections.
    pub(super) connections: TaskTracker,
    /// No more requests are taken.
    pub(super) closing: CancellationToken,
    /// Those in flight are given up.
    pub(super) killing: CancellationToken,
}

impl<R: Router, O: OutgoingHandler> Server<R, O> {
    pub(super) fn new(
        router: R,
        outgoing: O,
        tls: Option<TlsAcceptor>,
        timeouts: Timeouts,
        readiness: Readiness,
    ) -> Self {
        Self {
            router,
            outgoing,
            tls,
            unrouted: RequestMetrics::new(""),
            timeouts,
            readiness,
            had_target: AtomicBool::new(false),
            targets: RwLock::default(),
            connections: TaskTracker::new(),
            closing: CancellationToken::new(),
            killing: CancellationToken::new(),
        }
    }

    pub(super) fn accept(self: &Arc<Self>, listener: TcpListener) {
        let accept = connection::accept(listener, Arc::clone(self));
        self.connections.spawn(accept);
    }

    /// The component that serves a workload's requests.
    pub(super) fn target(&self, workload_id: &str) -> Option<Arc<Target>> {
        self.targets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(workload_id)
            .cloned()
    }

    /// Takes requests for a workload.
    pub(super) async fn add(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let target = Arc::new(Target::new(workload, component_id, self.timeouts.response).await?);
        // Before the router knows: a request that it routes finds its target.
        self.targets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(workload.id().to_string(), target);
        let routed = self
            .router
            .on_workload_resolved(workload, component_id)
            .await;
        match &routed {
            Ok(()) => self.had_target.store(true, Ordering::Release),
            Err(_) => drop(self.take(workload.id())),
        }
        routed
    }

    /// Whether a request that no workload takes may find one soon.
    pub(super) fn is_starting(&self) -> bool {
        !(self.readiness.is_ready() && self.had_target.load(Ordering::Acquire))
    }

    /// Takes no more requests for a workload, and lets those in flight finish.
    pub(super) async fn remove(&self, workload_id: &str) -> anyhow::Result<()> {
        let unrouted = self.router.on_workload_unbind(workload_id).await;
        if let Some(target) = self.take(workload_id) {
            target.retire(self.timeouts.drain).await;
        }
        unrouted
    }

    fn take(&self, workload_id: &str) -> Option<Arc<Target>> {
        self.targets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(workload_id)
    }

    fn all_targets(&self) -> Vec<Arc<Target>> {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        targets.values().cloned().collect()
    }

    /// How many tasks are running.
    pub(super) fn tasks(&self) -> usize {
        let calls: usize = self.all_targets().iter().map(|target| target.calls()).sum();
        self.connections.len() + calls
    }

    /// Takes no more requests, lets those in flight finish for a while, and
    /// cancels the rest.
    pub(super) async fn stop(&self) {
        self.closing.cancel();
        self.connections.close();
        let drained = tokio::time::timeout(self.timeouts.drain, self.drained()).await;
        if drained.is_ok() {
            return;
        }
        tracing::warn!(
            tasks = self.tasks(),
            "cancelling HTTP connections and requests that did not finish within {:?}",
            self.timeouts.drain
        );
        self.kill();
        let gone = tokio::time::timeout(KILL_TIMEOUT, self.drained()).await;
        if gone.is_err() {
            tracing::error!(
                tasks = self.tasks(),
                "HTTP requests cannot be cancelled; leaving them behind"
            );
        }
    }

    /// Ends everything without waiting for it.
    pub(super) fn abort(&self) {
        self.closing.cancel();
        self.kill();
        let targets =
            std::mem::take(&mut *self.targets.write().unwrap_or_else(PoisonError::into_inner));
        drop(targets);
    }

    fn kill(&self) {
        self.killing.cancel();
        for target in self.all_targets() {
            target.kill();
        }
    }

    /// Waits until there are no connections and no calls any more.
    async fn drained(&self) {
        self.connections.wait().await;
        for target in self.all_targets() {
            target.drained().await;
        }
    }
}
