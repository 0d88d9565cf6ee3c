//! A host that is built again when plugins come: [`RebuiltHost`].
//!
//! Not every host takes plugins once it runs: some only take them before their
//! start. For those, this keeps a listener and the plugins, and lets hosts come
//! and go between the two. It is [`live`](crate::live) on such a host, with the
//! same way of looking at files:
//!
//! * A **new** plugin needs another host. That is made and started first, and
//!   the workloads in it; then requests go to it; then those that the host
//!   before has still in flight end, and it is stopped. If the new host does
//!   not start, or a workload not in it, the one before goes on as if nothing
//!   had been.
//! * A **changed** plugin is updated in the host that runs, as
//!   [`LoadedPlugin::update`] has it: its state is handed over, and no workload
//!   starts again.
//! * A plugin that is **gone** is hidden from workloads that start from then on,
//!   and stopped when none has it any more. [`RebuiltHost::rebuild`] makes a
//!   host without it.
//!
//! # What lasts
//!
//! A library makes its plugin once, so the plugins that stay are the same ones
//! in the next host: they are not started again, and keep their connections
//! and all that they hold in memory, for each workload, too. What lives in a
//! component's memory, or in a plugin that the embedder adds to each host, goes
//! with its host.
//!
//! While two hosts run, each workload runs in both, its service as well. A
//! plugin that calls components calls those of the host before until that has
//! unbound them, so nothing is delivered twice. It is then told that the
//! workload is unbound, and of the components of the host that stays: what it
//! keeps for a workload that it calls, such as messages that wait, does not last.
//!
//! # Requests
//!
//! The listener is open from the first host's start to the end, so no
//! connection is ever refused. A connection outlives hosts; each request on it
//! goes to one of them. See [`RebuiltHostBuilder::listener`].

mod front;
mod generation;
mod hosts;
mod registry;
mod succession;
mod workloads;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use wash_runtime::host::{Host, HostBuilder};
use wash_runtime::types::{
    WorkloadStartRequest, WorkloadStartResponse, WorkloadStatusRequest, WorkloadStatusResponse,
    WorkloadStopRequest, WorkloadStopResponse,
};

use crate::LoadError;
use crate::live::{LiveOptions, LivePlugins, PluginStatus, Reconciled, UnknownPlugin, Watch};
use crate::loader::PluginLoader;
use generation::Make;
use hosts::Hosts;

#[cfg(doc)]
use crate::LoadedPlugin;

/// How long requests of a host that goes are waited for, unless it is said.
const DRAIN: Duration = Duration::from_secs(30);

/// A host that is built again when plugins come, and what stays meanwhile.
///
/// ```no_run
/// use std::sync::Arc;
/// use wash_plugin_loader::live::Watch;
/// use wash_plugin_loader::{PluginLoader, rebuilt::RebuiltHost};
/// use wash_runtime::host::http::{DevRouter, Ingress};
///
/// # async fn run() -> anyhow::Result<()> {
/// let loader = PluginLoader::builder().directory("plugins").build()?;
/// let host = RebuiltHost::builder(loader, |host| async move {
///     let server = Ingress::new(DevRouter::new(), "127.0.0.1:0".parse()?).await?;
///     host.with_http_handler(Arc::new(server)).build()?.start().await
/// })
/// .listener(tokio::net::TcpListener::bind("0.0.0.0:8000").await?)
/// .start()
/// .await?;
/// // host.workload_start(…)
/// host.watch(Watch::Events).await;
/// # Ok(()) }
/// ```
pub struct RebuiltHost {
    live: Arc<LivePlugins>,
    hosts: Arc<Hosts>,
}

/// Collects what a [`RebuiltHost`] is made of.
pub struct RebuiltHostBuilder {
    loader: PluginLoader,
    make: Make,
    listener: Option<TcpListener>,
    workloads: Vec<WorkloadStartRequest>,
    options: LiveOptions,
    drain: Duration,
}

/// Why there is no host to begin with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuiltHostError {
    /// The plugins cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The first host, or a workload in it, does not start.
    #[error("the host does not start")]
    Start(#[source] anyhow::Error),
}

impl RebuiltHost {
    /// A host with the plugins of this loader. `make` is called for each host:
    /// it is given a builder that has the plugins, adds what else the host is
    /// to have, and builds and starts it.
    #[must_use]
    pub fn builder<M, F>(loader: PluginLoader, make: M) -> RebuiltHostBuilder
    where
        M: Fn(HostBuilder) -> F + Send + Sync + 'static,
        F: Future<Output = anyhow::Result<Arc<Host>>> + Send + 'static,
    {
        RebuiltHostBuilder {
            loader,
            make: Box::new(move |builder| Box::pin(make(builder))),
            listener: None,
            workloads: Vec::new(),
            options: LiveOptions::default(),
            drain: DRAIN,
        }
    }

    /// Looks at the files, and makes the plugins what they say: see
    /// [`LivePlugins::reconcile`].
    ///
    /// Where that took another host, it returns when that serves. The one before
    /// ends meanwhile, and the next one waits for its end.
    pub async fn reconcile(&self) -> Reconciled {
        self.live.reconcile().await
    }

    /// Looks at the files for somebody who asks: see [`LivePlugins::reload`].
    pub async fn reload(&self) -> Reconciled {
        self.live.reload().await
    }

    /// Follows the files until the returned future is dropped: see
    /// [`LivePlugins::watch`].
    pub async fn watch(&self, how: Watch) {
        self.live.watch(how).await;
    }

    /// Switches a plugin off: see [`LivePlugins::disable`]. The workloads that
    /// have it keep it, but for `force`, and no host follows while they do.
    ///
    /// # Errors
    ///
    /// If there is none of this id.
    pub async fn disable(&self, id: &str, force: bool) -> Result<(), UnknownPlugin> {
        self.live.disable(id, force).await
    }

    /// Switches a plugin on again that was switched off: see
    /// [`LivePlugins::enable`]. One that was stopped meanwhile needs another
    /// host, as a new one does.
    ///
    /// # Errors
    ///
    /// If there is none of this id.
    pub async fn enable(&self, id: &str) -> Result<Reconciled, UnknownPlugin> {
        self.live.enable(id).await
    }

    /// All plugins, and the files that were rejected.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.live.status()
    }

    /// Makes another host, with the plugins that there are, and stops this one,
    /// which it waits for. It is for workloads that should leave the version of
    /// a plugin that they stayed with, or a plugin that is gone.
    ///
    /// # Errors
    ///
    /// If it does not start, or a workload does not start in it. The host
    /// before goes on then.
    pub async fn rebuild(&self) -> anyhow::Result<()> {
        self.hosts.rebuild().await
    }

    /// Starts a workload; it runs in this host and in those that follow, until it
    /// ends. It starts even if the returned future is dropped.
    ///
    /// # Errors
    ///
    /// If the host is stopped. A workload that does not start is a status.
    pub async fn workload_start(
        &self,
        request: WorkloadStartRequest,
    ) -> anyhow::Result<WorkloadStartResponse> {
        self.hosts.workload_start(request).await
    }

    /// What has become of a workload.
    ///
    /// # Errors
    ///
    /// If the host is stopped.
    pub async fn workload_status(
        &self,
        request: WorkloadStatusRequest,
    ) -> anyhow::Result<WorkloadStatusResponse> {
        self.hosts.workload_status(request).await
    }

    /// Stops a workload for good.
    ///
    /// # Errors
    ///
    /// If the host is stopped.
    pub async fn workload_stop(
        &self,
        request: WorkloadStopRequest,
    ) -> anyhow::Result<WorkloadStopResponse> {
        self.hosts.workload_stop(request).await
    }

    /// The host that serves now; `None` once it is stopped. Workloads that are
    /// started through it are not in the next one.
    #[must_use]
    pub fn host(&self) -> Option<Arc<Host>> {
        self.hosts.host()
    }

    /// How many hosts have been made, those that did not come to serve as well.
    #[must_use]
    pub fn hosts_made(&self) -> u64 {
        self.hosts.made()
    }

    /// Where clients connect; `None` without a listener.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.hosts.addr()
    }

    /// How many tasks serve connections: none after [`stop`](Self::stop).
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.hosts.tasks()
    }

    /// Closes the listener, gives up a host that is being made, lets requests in
    /// flight end for as long as the [builder](RebuiltHostBuilder::drain) allows,
    /// and stops the workloads, the host and the plugins.
    ///
    /// # Errors
    ///
    /// If the host does not stop cleanly. Everything is stopped nevertheless.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let stopped = self.hosts.stop().await;
        self.live.stop().await;
        stopped
    }
}

impl RebuiltHostBuilder {
    /// Where clients connect. The listener is kept open until the end.
    ///
    /// HTTP/1.1 and HTTP/2 without TLS are spoken there. Each request is passed
    /// on, whole and in order, to the HTTP server of the host that serves when
    /// it arrives, which `make` gives its host: at `127.0.0.1`, at any free
    /// port. Nothing is added to it, and only what is about a connection is left
    /// out: `Connection`, `Keep-Alive`, `TE` (but for `trailers`),
    /// `Transfer-Encoding`, `Upgrade`; and trailers of HTTP/1.1 that `Trailer`
    /// does not announce. For which host a request is, is decided here, by its
    /// target or else its `Host` header, and is passed on in both; a request
    /// whose host is missing, invalid or ambiguous is answered with 400. A
    /// client that goes away ends its request in the host. `CONNECT` is answered
    /// with 501, and with 502 what a host does not answer. For the host, all
    /// clients are at `127.0.0.1`.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// A workload that each host runs.
    #[must_use]
    pub fn workload(mut self, request: WorkloadStartRequest) -> Self {
        self.workloads.push(request);
        self
    }

    /// How files are looked at and plugins updated.
    #[must_use]
    pub fn live(mut self, options: LiveOptions) -> Self {
        self.options = options;
        self
    }

    /// How long the requests of a host that goes may last: 30 seconds, unless
    /// it is said. Those that last longer are cut off.
    #[must_use]
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Loads the plugins, and makes and starts the first host, with its
    /// workloads.
    ///
    /// # Errors
    ///
    /// If the plugins cannot be loaded, or the host or a workload does not
    /// start. Nothing is left running then.
    pub async fn start(self) -> Result<RebuiltHost, RebuiltHostError> {
        let loader = Arc::new(self.loader);
        let loading = Arc::clone(&loader);
        let loaded = tokio::task::spawn_blocking(move || loading.load())
            .await
            .map_err(|error| RebuiltHostError::Start(error.into()))??;
        let hosts = Hosts::start(
            self.make,
            loaded.plugins(),
            self.workloads,
            self.listener,
            self.drain,
        )
        .await
        .map_err(RebuiltHostError::Start)?;
        let registry = Arc::clone(&hosts);
        let live = LivePlugins::new(loader, &loaded, registry, self.options);
        Ok(RebuiltHost { live, hosts })
    }
}

impl fmt::Debug for RebuiltHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RebuiltHost")
            .field("addr", &self.addr())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RebuiltHostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RebuiltHostBuilder")
            .field("loader", &self.loader)
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}
