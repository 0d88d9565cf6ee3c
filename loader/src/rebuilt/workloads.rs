//! Workloads of whichever host serves.
//!
//! What is begun is carried through even if nobody waits for it: what the host
//! does and what is known of it do not part.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use wash_runtime::host::{Host, HostApi};
use wash_runtime::types::{
    WorkloadStartRequest, WorkloadStartResponse, WorkloadState, WorkloadStatus,
    WorkloadStatusRequest, WorkloadStatusResponse, WorkloadStopRequest, WorkloadStopResponse,
};

use super::hosts::{Hosts, STOPPED};

/// When a task of ours panicked or was aborted.
const BROKE_OFF: &str = "starting or stopping the workload broke off";

impl Hosts {
    pub(super) async fn workload_start(
        &self,
        request: WorkloadStartRequest,
    ) -> anyhow::Result<WorkloadStartResponse> {
        let this = self.this.upgrade().context(STOPPED)?;
        let starting = tokio::spawn(async move {
            let _changes = this.changes.lock().await;
            let host = this.state().host()?;
            let response = this
                .unless_stopping(host.workload_start(request.clone()))
                .await?;
            if response.workload_status.workload_state == WorkloadState::Running {
                let mut state = this.state();
                state.forget(&request.workload_id);
                state.workloads.push(request);
            }
            Ok(response)
        });
        starting.await.context(BROKE_OFF)?
    }

    pub(super) async fn workload_status(
        &self,
        request: WorkloadStatusRequest,
    ) -> anyhow::Result<WorkloadStatusResponse> {
        let host = {
            let state = self.state();
            if let Some(ended) = state.ended.get(&request.workload_id) {
                return Ok(WorkloadStatusResponse {
                    workload_status: ended.clone(),
                });
            }
            state.host()?
        };
        host.workload_status(request).await
    }

    pub(super) async fn workload_stop(
        &self,
        request: WorkloadStopRequest,
    ) -> anyhow::Result<WorkloadStopResponse> {
        let this = self.this.upgrade().context(STOPPED)?;
        let stopping = tokio::spawn(async move {
            let _changes = this.changes.lock().await;
            this.stop_workload(request).await
        });
        stopping.await.context(BROKE_OFF)?
    }

    /// Stops a workload for this reason, which it has as its status.
    pub(super) async fn take_down(&self, workload_id: String, reason: String) {
        let request = WorkloadStopRequest {
            workload_id: workload_id.clone(),
        };
        let _changes = self.changes.lock().await;
        match self.stop_workload(request).await {
            Ok(_) => {
                tracing::error!(workload_id, "workload stopped: {reason}");
                let status = WorkloadStatus {
                    workload_id: workload_id.clone(),
                    workload_state: WorkloadState::Error,
                    message: reason,
                };
                self.state().ended.insert(workload_id, status);
            }
            Err(error) => tracing::warn!(workload_id, "it does not stop: {error:#}"),
        }
    }

    /// Stops a workload, while nothing else changes.
    async fn stop_workload(
        &self,
        request: WorkloadStopRequest,
    ) -> anyhow::Result<WorkloadStopResponse> {
        let id = request.workload_id.clone();
        let host = {
            let mut state = self.state();
            let host = state.host()?;
            if state.ended.remove(&id).is_some() {
                // It is in no host any more.
                return Ok(WorkloadStopResponse {
                    workload_status: WorkloadStatus {
                        workload_id: id,
                        workload_state: WorkloadState::Stopping,
                        message: String::new(),
                    },
                });
            }
            host
        };
        let response = self.unless_stopping(host.workload_stop(request)).await?;
        self.state().forget(&id);
        Ok(response)
    }

    /// What has become of each workload that a host was given: those that are
    /// to go on in the next one, and those that are not, as they ended.
    pub(super) async fn sort(
        &self,
        host: &Arc<Host>,
        workloads: &[WorkloadStartRequest],
    ) -> (Vec<WorkloadStartRequest>, Vec<WorkloadStatus>) {
        let (mut running, mut ended) = (Vec::new(), Vec::new());
        for workload in workloads {
            let request = WorkloadStatusRequest {
                workload_id: workload.workload_id.clone(),
            };
            match host.workload_status(request).await {
                Ok(WorkloadStatusResponse { workload_status })
                    if !matches!(
                        workload_status.workload_state,
                        WorkloadState::Running | WorkloadState::Starting
                    ) =>
                {
                    ended.push(workload_status);
                }
                _ => running.push(workload.clone()),
            }
        }
        (running, ended)
    }

    /// A host's stop ends what it does, and does not wait for it.
    async fn unless_stopping<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.stopping.cancelled() => bail!(STOPPED),
        }
    }
}
