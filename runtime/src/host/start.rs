//! The start of one workload.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, anyhow, bail};

use super::{
    http::HostHandler,
    workloads::{Reservation, Workloads, status},
};
use crate::{
    engine::{
        Engine,
        reason::reason,
        workload::{ResolvedWorkload, ServiceInstance},
    },
    plugin::{HostPlugin, catch_unwind},
    types::{Workload, WorkloadStartRequest, WorkloadState, WorkloadStatus},
};

/// What the host gives to a start.
pub(super) struct StartContext {
    pub(super) engine: Engine,
    pub(super) plugins: HashMap<&'static str, Arc<dyn HostPlugin>>,
    pub(super) http_handler: Arc<dyn HostHandler>,
}

/// A workload with nothing left to do but to run.
pub(super) struct Built {
    pub(super) workload: ResolvedWorkload,
    /// The first instance of the service, if there is one.
    pub(super) service: Option<ServiceInstance>,
}

impl Built {
    /// Undoes the start.
    async fn release(self) {
        drop(self.service);
        self.workload.unbind_all_plugins().await;
    }
}

impl Workloads {
    /// Starts a workload and waits until it runs, or has failed to.
    pub(super) async fn start(
        self: &Arc<Self>,
        request: WorkloadStartRequest,
        context: StartContext,
    ) -> WorkloadStatus {
        let WorkloadStartRequest {
            workload_id: id,
            workload,
        } = request;
        let reservation = match self.reserve(&id) {
            Ok(reservation) => reservation,
            Err(message) => return status(&id, WorkloadState::Error, message),
        };
        // A task of its own: a caller that goes away half way must not leave
        // plugins bound to a workload that nobody knows of.
        let this = Arc::clone(self);
        let task_id = id.clone();
        let task = tokio::spawn(async move {
            let build = this.build(&task_id, reservation, workload, context);
            let built = catch_unwind(build)
                .await
                .unwrap_or_else(|panic| Err(anyhow!("the start panicked: {panic}")));
            this.enter(&task_id, reservation, built).await
        });
        match task.await {
            Ok(status) => status,
            Err(error) => {
                self.start_failed(&id, reservation, format!("the start broke off: {error}"))
            }
        }
    }

    async fn build(
        &self,
        id: &str,
        reservation: Reservation,
        workload: Workload,
        context: StartContext,
    ) -> anyhow::Result<Built> {
        let StartContext {
            engine,
            plugins,
            http_handler,
        } = context;
        let owned_id = id.to_string();
        let unresolved =
            tokio::task::spawn_blocking(move || engine.initialize_workload(owned_id, workload))
                .await
                .context("compiling the workload broke off")??;
        if !self.is_starting(id, reservation) {
            bail!("no longer wanted");
        }
        let workload = unresolved.resolve(Some(&plugins), http_handler).await?;
        let service = if workload.has_service() {
            let instantiated = tokio::select! {
                instantiated = workload.instantiate_service() => instantiated,
                () = self.until_unwanted(id, reservation) => Err(anyhow!("no longer wanted")),
            };
            match instantiated {
                Ok(service) => Some(service),
                Err(error) => {
                    workload.unbind_all_plugins().await;
                    return Err(error);
                }
            }
        } else {
            None
        };
        Ok(Built { workload, service })
    }

    async fn enter(
        self: &Arc<Self>,
        id: &str,
        reservation: Reservation,
        built: anyhow::Result<Built>,
    ) -> WorkloadStatus {
        let error = match built {
            Ok(built) => match self.run(id, reservation, built) {
                Ok(()) => {
                    tracing::info!(workload_id = id, "workload started");
                    return status(id, WorkloadState::Running, "Workload started successfully");
                }
                Err(built) => {
                    built.release().await;
                    String::new()
                }
            },
            Err(error) => reason(error.chain()),
        };
        let status = self.start_failed(id, reservation, error);
        if status.workload_state == WorkloadState::Error {
            tracing::warn!(
                workload_id = id,
                message = status.message,
                "workload did not start"
            );
        }
        status
    }
}
