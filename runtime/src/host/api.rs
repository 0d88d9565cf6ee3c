//! [`HostApi`], and how a [`Host`] answers.

use std::{collections::HashMap, sync::Arc};

use super::{Host, start::StartContext};
use crate::{
    plugin::HostPlugin,
    types::{
        HostHeartbeat, WorkloadExit, WorkloadStartRequest, WorkloadStartResponse, WorkloadStatus,
        WorkloadStatusRequest, WorkloadStatusResponse, WorkloadStopRequest, WorkloadStopResponse,
    },
};

/// What a host can be asked.
///
/// A request that fails is answered, with the failure in the answer's status;
/// an error means that the host itself could not handle the request.
pub trait HostApi {
    /// What the host is and how it does.
    fn heartbeat(&self) -> impl Future<Output = anyhow::Result<HostHeartbeat>> + Send;

    /// Starts a workload and waits until it runs, or has failed to.
    ///
    /// Once asked for, the start is carried through even if the returned
    /// future is dropped.
    fn workload_start(
        &self,
        request: WorkloadStartRequest,
    ) -> impl Future<Output = anyhow::Result<WorkloadStartResponse>> + Send;

    /// The state of a workload.
    fn workload_status(
        &self,
        request: WorkloadStatusRequest,
    ) -> impl Future<Output = anyhow::Result<WorkloadStatusResponse>> + Send;

    /// Stops a workload and frees its id.
    fn workload_stop(
        &self,
        request: WorkloadStopRequest,
    ) -> impl Future<Output = anyhow::Result<WorkloadStopResponse>> + Send;
}

impl<T: HostApi + Send + Sync> HostApi for Arc<T> {
    async fn heartbeat(&self) -> anyhow::Result<HostHeartbeat> {
        T::heartbeat(self).await
    }

    async fn workload_start(
        &self,
        request: WorkloadStartRequest,
    ) -> anyhow::Result<WorkloadStartResponse> {
        T::workload_start(self, request).await
    }

    async fn workload_status(
        &self,
        request: WorkloadStatusRequest,
    ) -> anyhow::Result<WorkloadStatusResponse> {
        T::workload_status(self, request).await
    }

    async fn workload_stop(
        &self,
        request: WorkloadStopRequest,
    ) -> anyhow::Result<WorkloadStopResponse> {
        T::workload_stop(self, request).await
    }
}

impl HostApi for Host {
    async fn heartbeat(&self) -> anyhow::Result<HostHeartbeat> {
        let system = self.system.measure();
        let counts = self.workloads.count().await;
        let plugins = self.plugins.all();
        let worlds: Vec<_> = plugins.values().map(|plugin| plugin.world()).collect();
        Ok(HostHeartbeat {
            id: self.id.clone(),
            hostname: self.hostname.clone(),
            http_port: self.http_handler.port(),
            friendly_name: self.friendly_name.clone(),
            version: self.version().to_string(),
            labels: self.labels.clone(),
            started_at: self.started_at,
            os_arch: std::env::consts::ARCH.to_string(),
            os_name: std::env::consts::OS.to_string(),
            os_kernel: std::env::consts::FAMILY.to_string(),
            system_cpu_usage: system.cpu_usage,
            system_memory_total: system.memory_total,
            system_memory_free: system.memory_free,
            component_count: counts.components,
            workload_count: counts.workloads,
            imports: worlds
                .iter()
                .flat_map(|world| world.imports.iter().cloned())
                .collect(),
            exports: worlds
                .iter()
                .flat_map(|world| world.exports.iter().cloned())
                .collect(),
            environment: self.environment.clone(),
        })
    }

    async fn workload_start(
        &self,
        request: WorkloadStartRequest,
    ) -> anyhow::Result<WorkloadStartResponse> {
        let plugins: HashMap<&'static str, Arc<dyn HostPlugin>> = self
            .plugins
            .all()
            .iter()
            .map(|(id, plugin)| (*id, Arc::clone(plugin)))
            .collect();
        let context = StartContext {
            engine: self.engine.clone(),
            plugins,
            http_handler: Arc::clone(&self.http_handler),
        };
        let status = self.workloads.start(request, context).await;
        Ok(WorkloadStartResponse {
            workload_status: status,
        })
    }

    async fn workload_status(
        &self,
        request: WorkloadStatusRequest,
    ) -> anyhow::Result<WorkloadStatusResponse> {
        Ok(WorkloadStatusResponse {
            workload_status: self.workloads.status(&request.workload_id),
        })
    }

    async fn workload_stop(
        &self,
        request: WorkloadStopRequest,
    ) -> anyhow::Result<WorkloadStopResponse> {
        Ok(WorkloadStopResponse {
            workload_status: self.workloads.stop(&request.workload_id).await,
        })
    }
}

impl Host {
    /// Waits until a workload has ended: its service has completed, it has
    /// failed, or it was stopped. A workload without a service ends only in
    /// the latter two ways.
    ///
    /// For an unknown id the answer comes at once, in state
    /// [`NotFound`](crate::types::WorkloadState::NotFound).
    ///
    /// wasmCloud's own crate has no such method.
    pub async fn wait_workload(&self, workload_id: &str) -> WorkloadExit {
        self.workloads.wait(workload_id).await
    }

    /// The states of all workloads, in the order of their ids.
    ///
    /// wasmCloud's own crate has no such method.
    #[must_use]
    pub fn workload_statuses(&self) -> Vec<WorkloadStatus> {
        self.workloads.statuses()
    }

    /// Takes a workload down, in state
    /// [`Error`](crate::types::WorkloadState::Error) with this reason, as a
    /// plugin does through its failure sink.
    ///
    /// wasmCloud's own crate has no such method.
    pub fn fail_workload(&self, workload_id: &str, reason: impl Into<String>) {
        self.workloads.fail(workload_id, reason.into());
    }
}
