//! Starting and stopping a host.

use std::{
    mem,
    sync::{Arc, PoisonError},
    time::Duration,
};

use anyhow::Context;
use tokio::task::AbortHandle;

use super::Host;
use crate::plugin::{HostPlugin, catch_panic};

/// How long a plugin's `stop` may take.
const PLUGIN_STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the workloads together may take to be released before the plugins
/// are stopped nevertheless.
const WORKLOADS_STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// What a start has done, for a stop to undo.
#[derive(Default)]
pub(super) struct Lifecycle {
    /// In the order of their starts.
    started: Vec<Arc<dyn HostPlugin>>,
    failure_task: Option<AbortHandle>,
}

impl Host {
    /// Starts the HTTP handler and then the plugins, one after the other in
    /// ascending order of their ids.
    ///
    /// # Errors
    ///
    /// If the HTTP handler or a plugin does not start; the error names it.
    /// What had started by then is stopped again, in reverse order.
    pub async fn start(self) -> anyhow::Result<Arc<Host>> {
        let host = Arc::new(self);
        host.http_handler.inject_meters(&host.meters).await;
        if let Err(error) = host.http_handler.start().await {
            return Err(error.context("failed to start HTTP handler"));
        }
        if let Err(error) = host.start_plugins().await {
            host.stop_plugins().await;
            if let Err(error) = host.http_handler.stop().await {
                tracing::warn!(error = format!("{error:#}"), "failed to stop HTTP handler");
            }
            return Err(error);
        }
        host.drain_failures();
        tracing::info!(
            id = host.id,
            name = host.friendly_name,
            plugins = host.plugins.all().len(),
            "host started"
        );
        Ok(host)
    }

    /// Stops the host: the HTTP handler, then the workloads, then the plugins
    /// in the reverse order of their starts.
    ///
    /// Each plugin's `stop` has 3 seconds; one that fails or takes longer is
    /// logged, and the next one follows. The workloads have 30 seconds
    /// altogether. A second call does nothing.
    ///
    /// # Errors
    ///
    /// If the HTTP handler failed to stop; everything else is stopped
    /// nevertheless.
    pub async fn stop(self: Arc<Host>) -> anyhow::Result<()> {
        if !self.workloads.close() {
            return Ok(());
        }
        // First, so that no request arrives for a workload that is going.
        let http = self.http_handler.stop().await;
        if tokio::time::timeout(WORKLOADS_STOP_TIMEOUT, self.workloads.stop_all())
            .await
            .is_err()
        {
            tracing::warn!(
                timeout = ?WORKLOADS_STOP_TIMEOUT,
                "some workloads could not be released in time; stopping the plugins"
            );
        }
        self.stop_plugins().await;
        if let Some(task) = self.lock_lifecycle().failure_task.take() {
            task.abort();
        }
        http.context("failed to stop HTTP handler")
    }

    async fn start_plugins(&self) -> anyhow::Result<()> {
        for plugin in self.plugins.all().values() {
            self.start_plugin(plugin).await?;
        }
        Ok(())
    }

    /// A stop of the host is to stop it, too.
    pub(super) fn note_started(&self, plugin: &Arc<dyn HostPlugin>) {
        self.lock_lifecycle().started.push(Arc::clone(plugin));
    }

    /// A stop of the host is to leave it alone.
    pub(super) fn forget_started(&self, plugin: &Arc<dyn HostPlugin>) {
        self.lock_lifecycle()
            .started
            .retain(|started| !Arc::ptr_eq(started, plugin));
    }

    /// Stops the plugins that were started, the last one first.
    async fn stop_plugins(&self) {
        let started = mem::take(&mut self.lock_lifecycle().started);
        for plugin in started.into_iter().rev() {
            let id = plugin.id();
            let stop = catch_panic(id, "stop", async { plugin.stop().await });
            match tokio::time::timeout(PLUGIN_STOP_TIMEOUT, stop).await {
                Ok(Ok(())) => tracing::debug!(plugin = id, "plugin stopped"),
                Ok(Err(error)) => tracing::warn!(
                    plugin = id,
                    error = format!("{error:#}"),
                    "a plugin failed to stop"
                ),
                Err(_) => tracing::warn!(
                    plugin = id,
                    timeout = ?PLUGIN_STOP_TIMEOUT,
                    "a plugin did not stop in time; leaving it behind"
                ),
            }
        }
    }

    /// Takes down the workloads that plugins report as failed, for as long as
    /// the host is there. The task does not keep the host alive.
    fn drain_failures(self: &Arc<Self>) {
        let receiver = self
            .failures
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut receiver) = receiver else {
            return;
        };
        let host = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            while let Some(failure) = receiver.recv().await {
                let Some(host) = host.upgrade() else {
                    break;
                };
                host.workloads.fail(&failure.workload_id, failure.reason);
            }
        });
        self.lock_lifecycle().failure_task = Some(task.abort_handle());
    }

    fn lock_lifecycle(&self) -> std::sync::MutexGuard<'_, Lifecycle> {
        self.lifecycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.http_handler.abort();
        self.workloads.abort_services();
        let lifecycle = self
            .lifecycle
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = lifecycle.failure_task.take() {
            task.abort();
        }
    }
}
