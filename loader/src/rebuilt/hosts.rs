//! The host that serves, and what outlives it: [`Hosts`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wash_runtime::host::Host;
use wash_runtime::plugin::HostPlugin as _;
use wash_runtime::types::{WorkloadStartRequest, WorkloadStatus};

use super::front::Front;
use super::generation::{Generation, Make, Patience, Placed};
use crate::adapt::LoadedPlugin;

/// What is to be said when there is no host any more.
pub(super) const STOPPED: &str = "the host is stopped";

/// The host that serves, and all that outlives it.
pub(super) struct Hosts {
    pub(super) make: Make,
    pub(super) drain: Duration,
    pub(super) front: Option<Front>,
    /// Those of the host that serves.
    plugins: Mutex<BTreeMap<String, Placed>>,
    /// Held while one host follows another, until the one before has ended:
    /// there are never more than two.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// Held while workloads are started and stopped, and until the host that
    /// follows has them all.
    pub(super) changes: tokio::sync::Mutex<()>,
    /// No other host is wanted: nothing that takes its time is waited for.
    pub(super) stopping: CancellationToken,
    state: Mutex<State>,
    pub(super) this: Weak<Self>,
}

pub(super) struct State {
    /// Until it is stopped.
    pub(super) current: Option<Generation>,
    pub(super) made: u64,
    /// Those that run, in the order in which they were started.
    pub(super) workloads: Vec<WorkloadStartRequest>,
    /// Those that have ended, or were taken down, and are in no host any more.
    pub(super) ended: BTreeMap<String, WorkloadStatus>,
}

impl Hosts {
    /// Makes and starts the first host.
    pub(super) async fn start(
        make: Make,
        plugins: &[Arc<LoadedPlugin>],
        workloads: Vec<WorkloadStartRequest>,
        listener: Option<TcpListener>,
        drain: Duration,
    ) -> anyhow::Result<Arc<Self>> {
        let placed: Vec<Placed> = plugins.iter().cloned().map(Placed::new).collect();
        let stopping = CancellationToken::new();
        let begun = async {
            let has_front = listener.is_some();
            let patience = Patience::new(stopping.clone());
            let first =
                Generation::start(1, &make, &placed, &workloads, has_front, &patience).await?;
            let opened = match (listener, first.backend.clone()) {
                (Some(listener), Some(backend)) => Front::open(listener, backend).map(Some),
                _ => Ok(None),
            };
            match opened {
                Ok(front) => Ok((first, front)),
                Err(error) => {
                    first.end(&workloads).await;
                    Err(anyhow!(error).context("the listener cannot be used"))
                }
            }
        };
        let (first, front) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                stop(&placed).await;
                return Err(error);
            }
        };
        let plugins = placed
            .into_iter()
            .map(|placed| (placed.plugin.id().to_owned(), placed))
            .collect();
        Ok(Arc::new_cyclic(|this| Self {
            make,
            drain,
            front,
            plugins: Mutex::new(plugins),
            turn: Arc::default(),
            changes: tokio::sync::Mutex::default(),
            stopping,
            state: Mutex::new(State {
                current: Some(first),
                made: 1,
                workloads,
                ended: BTreeMap::new(),
            }),
            this: Weak::clone(this),
        }))
    }

    pub(super) fn host(&self) -> Option<Arc<Host>> {
        self.state().host().ok()
    }

    pub(super) fn made(&self) -> u64 {
        self.state().made
    }

    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.front.as_ref().map(Front::addr)
    }

    pub(super) fn tasks(&self) -> usize {
        self.front.as_ref().map_or(0, Front::tasks)
    }

    /// Stops everything but the plugins that retire.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        // Before anything is waited for: a host that starts is given up.
        self.stopping.cancel();
        if let Some(front) = &self.front {
            front.close(self.drain).await;
        }
        let _turn = self.turn.lock().await;
        let changes = self.changes.lock().await;
        let (current, workloads) = {
            let mut state = self.state();
            (state.current.take(), std::mem::take(&mut state.workloads))
        };
        let ended = match current {
            Some(current) => current.try_end(&workloads).await,
            None => Ok(()),
        };
        drop(changes);
        let plugins = std::mem::take(&mut *self.plugins());
        let plugins: Vec<Placed> = plugins.into_values().collect();
        stop(&plugins).await;
        ended
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plugins(&self) -> MutexGuard<'_, BTreeMap<String, Placed>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn host(&self) -> anyhow::Result<Arc<Host>> {
        let current = self.current.as_ref().context(STOPPED)?;
        Ok(Arc::clone(&current.host))
    }

    pub(super) fn forget(&mut self, workload_id: &str) {
        self.workloads
            .retain(|request| request.workload_id != workload_id);
        self.ended.remove(workload_id);
    }
}

pub(super) async fn stop(plugins: &[Placed]) {
    for placed in plugins {
        stop_one(&placed.plugin).await;
    }
}

pub(super) async fn stop_one(plugin: &LoadedPlugin) {
    if let Err(error) = plugin.stop().await {
        tracing::warn!(plugin = plugin.id(), "{error:#}");
    }
}
