//! One host, from its making to its end: [`Generation`].

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wash_runtime::host::{Host, HostApi, HostBuilder};
use wash_runtime::types::{WorkloadStartRequest, WorkloadState, WorkloadStopRequest};

use super::front::{self, Backend};
use super::hosts::STOPPED;
use crate::adapt::{Attached, LoadedPlugin};

/// Builds and starts a host.
pub(super) type Make = Box<dyn Fn(HostBuilder) -> Making + Send + Sync>;

type Making = Pin<Box<dyn Future<Output = anyhow::Result<Arc<Host>>> + Send>>;

/// What is to be said of a host that the listener is of no use to.
const NO_SERVER: &str = "the host that was made has no HTTP server for the listener's requests: \
                         give its builder one without TLS at 127.0.0.1:0, or leave out the listener";

/// How long a host may take to start, its plugins and workloads included.
const START_DEADLINE: Duration = Duration::from_secs(600);

/// How long a host may take to stop, beyond what its requests were given.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// A plugin of the hosts.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) plugin: Arc<LoadedPlugin>,
    /// Set when no further workload is to be bound to it.
    pub(super) is_removed: Arc<AtomicBool>,
}

impl Placed {
    pub(super) fn new(plugin: Arc<LoadedPlugin>) -> Self {
        Self {
            plugin,
            is_removed: Arc::default(),
        }
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }
}

/// How long a host that starts is waited for.
pub(super) struct Patience {
    /// Ends it: nobody wants the host any more.
    stopping: CancellationToken,
    until: Instant,
}

impl Patience {
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self {
            stopping,
            until: Instant::now() + START_DEADLINE,
        }
    }

    async fn with<T>(&self, start: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => bail!(STOPPED),
            started = start => started,
            () = tokio::time::sleep_until(self.until) => bail!(
                "it did not start within {} seconds",
                START_DEADLINE.as_secs()
            ),
        }
    }
}

/// A host that runs.
pub(super) struct Generation {
    pub(super) host: Arc<Host>,
    /// The plugins in it. If it does not stop, they leave it by themselves.
    attached: Vec<Arc<Attached>>,
    /// Its HTTP server, if it has one.
    pub(super) backend: Option<Arc<Backend>>,
}

impl Generation {
    /// Makes a host with these plugins, and starts these workloads in it. What
    /// has begun is ended if something fails, but for the plugins.
    pub(super) async fn start(
        number: u64,
        make: &Make,
        plugins: &[Placed],
        workloads: &[WorkloadStartRequest],
        needs_http: bool,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        let mut builder = HostBuilder::new();
        let mut attached = Vec::new();
        for Placed { plugin, is_removed } in plugins {
            let plugin = Attached::new(Arc::clone(plugin), number, Arc::clone(is_removed));
            let plugin = Arc::new(plugin);
            attached.push(Arc::clone(&plugin));
            builder = builder.with_plugin(plugin)?;
        }
        let host = match patience.with(make(builder)).await {
            Ok(host) => host,
            Err(error) => {
                // It may have bound something, and is not there to say more.
                leave(&attached).await;
                return Err(error);
            }
        };
        let mut generation = Self {
            host,
            attached,
            backend: None,
        };
        for (nth, request) in workloads.iter().enumerate() {
            if let Err(error) = patience.with(generation.begin(request)).await {
                // This one has its id, and perhaps more.
                let begun = workloads.get(..=nth).unwrap_or_default();
                generation.end(begun).await;
                return Err(error);
            }
        }
        match patience.with(generation.http(number, needs_http)).await {
            Ok(backend) => generation.backend = backend,
            Err(error) => {
                generation.end(workloads).await;
                return Err(error);
            }
        }
        Ok(generation)
    }

    async fn begin(&self, request: &WorkloadStartRequest) -> anyhow::Result<()> {
        let id = &request.workload_id;
        let started = self
            .host
            .workload_start(request.clone())
            .await
            .with_context(|| format!("the workload `{id}` does not start"))?
            .workload_status;
        if started.workload_state != WorkloadState::Running {
            bail!("the workload `{id}` does not start: {}", started.message);
        }
        Ok(())
    }

    async fn http(&self, number: u64, is_needed: bool) -> anyhow::Result<Option<Arc<Backend>>> {
        let port = self.host.heartbeat().await?.http_port;
        if port != 0 {
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if is_needed {
                // It may be bound at another address, or speak TLS.
                front::reach(addr)
                    .await
                    .with_context(|| format!("{NO_SERVER}; at {addr} there is none"))?;
            }
            return Ok(Some(Backend::new(number, addr)));
        }
        if is_needed {
            bail!(NO_SERVER);
        }
        Ok(None)
    }

    /// Waits for the requests in flight, if no more can come, and cuts off those
    /// that last longer.
    pub(super) async fn drain(&self, limit: Duration) {
        let Some(backend) = &self.backend else {
            return;
        };
        if !backend.drained(limit).await {
            tracing::warn!(
                requests = backend.in_flight(),
                "requests to the host before are cut off: they have not ended within {limit:?}"
            );
            backend.cut();
        }
    }

    /// Stops these workloads and the host.
    pub(super) async fn end(self, workloads: &[WorkloadStartRequest]) {
        if let Err(error) = self.try_end(workloads).await {
            tracing::warn!("a host did not stop cleanly: {error:#}");
        }
    }

    /// The same; says what goes wrong.
    pub(super) async fn try_end(self, workloads: &[WorkloadStartRequest]) -> anyhow::Result<()> {
        let ids: Vec<String> = workloads.iter().map(|w| w.workload_id.clone()).collect();
        let host = self.host;
        // Of its own: what is not waited for goes on.
        let end = tokio::spawn(async move {
            for id in ids.into_iter().rev() {
                stop_workload(&host, id).await;
            }
            host.stop().await
        });
        let ended = tokio::time::timeout(STOP_DEADLINE, end).await;
        if let Ok(Ok(ended)) = ended {
            return ended;
        }
        leave(&self.attached).await;
        match ended {
            Ok(broke_off) => broke_off.context("stopping it broke off")?,
            Err(_) => bail!(
                "it did not stop within {} seconds, and is left behind",
                STOP_DEADLINE.as_secs()
            ),
        }
    }
}

async fn stop_workload(host: &Host, id: String) {
    let request = WorkloadStopRequest {
        workload_id: id.clone(),
    };
    if let Err(error) = host.workload_stop(request).await {
        tracing::warn!(workload_id = id, "it does not stop: {error:#}");
    }
}

/// What a host that does not stop has bound is not bound any more.
async fn leave(plugins: &[Arc<Attached>]) {
    for plugin in plugins {
        plugin.leave().await;
    }
}
