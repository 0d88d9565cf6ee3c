//! The workloads of a host and the states they are in.
//!
//! ```text
//!            ┌────────► Failed ◄──────┐
//!            │                        │
//! Starting ──┼────────► Releasing ────┴──► (gone)
//!            │              ▲
//!            └─► Running ───┤
//!                   │       │
//!                   └─► Completed
//! ```
//!
//! Whoever takes a workload out of `Running` or `Completed` owns its release,
//! so plugins are unbound once. An id stays taken while its workload is
//! `Releasing`: a plugin that keys by the workload's id never sees a new one
//! before the old one is gone.

mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, task::JoinHandle};

use super::{service, start::Built};
use crate::types::{WorkloadExit, WorkloadState, WorkloadStatus};
pub(super) use table::Reservation;
use table::{After, Phase, Running, Settled, Table};

/// The workloads by id.
#[derive(Default)]
pub(super) struct Workloads {
    table: Mutex<Table>,
    /// Rung when an id is free again.
    removed: Notify,
    /// Rung when a start may no longer be wanted.
    unwanted: Notify,
}

/// How many there are.
pub(super) struct Counts {
    pub(super) workloads: u64,
    pub(super) components: u64,
}

impl Workloads {
    /// Takes an id for a workload that is going to start.
    ///
    /// # Errors
    ///
    /// The message for the caller, if the id is taken or the host stops.
    pub(super) fn reserve(&self, id: &str) -> Result<Reservation, String> {
        self.lock().reserve(id)
    }

    /// Whether a start is still wanted.
    pub(super) fn is_starting(&self, id: &str, reservation: Reservation) -> bool {
        self.lock()
            .reserved(id, reservation)
            .is_some_and(|entry| entry.is_starting())
    }

    /// Waits until a start is no longer wanted.
    pub(super) async fn until_unwanted(&self, id: &str, reservation: Reservation) {
        loop {
            let unwanted = self.unwanted.notified();
            if !self.is_starting(id, reservation) {
                return;
            }
            unwanted.await;
        }
    }

    /// Enters a workload as running and sets its service going. If it is no
    /// longer wanted, it is given back.
    pub(super) fn run(
        self: &Arc<Self>,
        id: &str,
        reservation: Reservation,
        built: Built,
    ) -> Result<(), Built> {
        let mut table = self.lock();
        let Some(entry) = table
            .reserved(id, reservation)
            .filter(|entry| entry.is_starting())
        else {
            return Err(built);
        };
        let Built { workload, service } = built;
        // The service starts under the lock, so that it cannot end before the
        // workload is entered as running.
        let service = service.map(|instance| {
            let (this, id, workload) = (Arc::clone(self), id.to_string(), workload.clone());
            tokio::spawn(async move {
                let exit = service::supervise(&workload, instance).await;
                drop(workload);
                this.service_ended(&id, reservation, exit);
            })
        });
        entry.phase = Phase::Running(Running { workload, service });
        Ok(())
    }

    /// What a start that came to nothing leaves behind: the failure, unless
    /// something else was decided for the workload meanwhile.
    pub(super) fn start_failed(
        &self,
        id: &str,
        reservation: Reservation,
        error: String,
    ) -> WorkloadStatus {
        let mut table = self.lock();
        if let Some(entry) = table.reserved(id, reservation)
            && entry.is_starting()
        {
            entry.release(After::Fail(error));
        }
        match self.settle(&mut table, id, reservation) {
            Settled::Failed(reason) => status(id, WorkloadState::Error, reason),
            Settled::Removed | Settled::Unchanged => status(
                id,
                WorkloadState::Stopping,
                "Workload was stopped while starting",
            ),
        }
    }

    /// Stops a workload and waits until it is released, unless it is still
    /// starting.
    pub(super) async fn stop(self: &Arc<Self>, id: &str) -> WorkloadStatus {
        let release = {
            let mut table = self.lock();
            let Some(entry) = table.get_mut(id) else {
                return status(id, WorkloadState::NotFound, "Workload not found");
            };
            let reservation = entry.reservation;
            match entry.release(After::Remove) {
                Phase::Running(running) | Phase::Completed(running) => {
                    Some(self.release(id, reservation, running))
                }
                Phase::Failed(_) => {
                    self.settle(&mut table, id, reservation);
                    None
                }
                Phase::Starting => {
                    self.unwanted.notify_waiters();
                    None
                }
                Phase::Releasing(_) => None,
            }
        };
        if let Some(release) = release
            && let Err(error) = release.await
        {
            tracing::error!(workload_id = id, %error, "releasing a workload failed");
        }
        status(id, WorkloadState::Stopping, "Workload stopped successfully")
    }

    /// Takes a workload down that was reported to have failed.
    pub(super) fn fail(self: &Arc<Self>, id: &str, reason: String) {
        let mut table = self.lock();
        let Some(entry) = table.get_mut(id) else {
            tracing::debug!(
                workload_id = id,
                reason,
                "unknown workload reported as failed"
            );
            return;
        };
        let reservation = entry.reservation;
        match &entry.phase {
            // The first reason stands, and so does the wish to stop.
            Phase::Releasing(_) | Phase::Failed(_) => return,
            Phase::Starting | Phase::Running(_) | Phase::Completed(_) => {}
        }
        tracing::error!(workload_id = id, reason, "workload failed");
        match entry.release(After::Fail(reason)) {
            Phase::Running(running) | Phase::Completed(running) => {
                drop(self.release(id, reservation, running));
            }
            _ => self.unwanted.notify_waiters(),
        }
    }

    /// Whether the host stops.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// The state of a workload.
    pub(super) fn status(&self, id: &str) -> WorkloadStatus {
        match self.lock().get(id) {
            Some(entry) => status_of(id, &entry.phase),
            None => status(
                id,
                WorkloadState::NotFound,
                format!("Workload not found: {id}"),
            ),
        }
    }

    /// The states of all, in the order of their ids.
    pub(super) fn statuses(&self) -> Vec<WorkloadStatus> {
        let table = self.lock();
        let mut ids = table.ids_last_first();
        ids.sort_unstable();
        ids.iter()
            .filter_map(|id| Some(status_of(id, &table.get(id)?.phase)))
            .collect()
    }

    /// Waits until a workload has ended.
    pub(super) async fn wait(&self, id: &str) -> WorkloadExit {
        let exit = self.lock().get(id).map(|entry| entry.exit.subscribe());
        if let Some(mut exit) = exit
            && let Ok(exit) = exit.wait_for(Option::is_some).await
            && let Some(exit) = &*exit
        {
            return exit.clone();
        }
        WorkloadExit {
            workload_state: WorkloadState::NotFound,
            exit_code: None,
            message: format!("Workload not found: {id}"),
        }
    }

    /// Counts all workloads, and the components of the running ones.
    pub(super) async fn count(&self) -> Counts {
        let (workloads, running) = {
            let table = self.lock();
            let running: Vec<_> = table
                .entries()
                .filter_map(|entry| match &entry.phase {
                    Phase::Running(running) => Some(running.workload.clone()),
                    _ => None,
                })
                .collect();
            (table.entries().len(), running)
        };
        let mut components = 0;
        for workload in running {
            components += workload.component_count().await;
        }
        Counts {
            workloads: workloads as u64,
            components: components as u64,
        }
    }

    /// Refuses further starts. False if that was so already.
    pub(super) fn close(&self) -> bool {
        self.lock().close()
    }

    /// Stops all workloads, the last one first, and waits until they are gone.
    pub(super) async fn stop_all(self: &Arc<Self>) {
        let ids = self.lock().ids_last_first();
        for id in ids {
            self.stop(&id).await;
        }
        // Those that were starting, or being released by others.
        loop {
            // Asked for before the look at the table, so that no ring is missed.
            let removed = self.removed.notified();
            if self.lock().entries().len() == 0 {
                return;
            }
            removed.await;
        }
    }

    /// Ends the services without releasing anything, for a host that is
    /// dropped without being stopped.
    pub(super) fn abort_services(&self) {
        let mut table = self.lock();
        table.close();
        for entry in table.entries() {
            if let Phase::Running(Running {
                service: Some(task),
                ..
            }) = &entry.phase
            {
                task.abort();
            }
        }
    }

    /// The end of a service's own task.
    fn service_ended(self: &Arc<Self>, id: &str, reservation: Reservation, exit: WorkloadExit) {
        let mut table = self.lock();
        let Some(entry) = table.reserved(id, reservation) else {
            return;
        };
        // If it is being released, the service's end no longer matters.
        if !matches!(entry.phase, Phase::Running(_)) {
            return;
        }
        entry.publish(exit.clone());
        let Phase::Running(running) = entry.release(After::Fail(exit.message.clone())) else {
            return;
        };
        if exit.workload_state == WorkloadState::Completed {
            tracing::info!(workload_id = id, "service completed");
            entry.phase = Phase::Completed(running);
        } else {
            tracing::error!(workload_id = id, message = exit.message, "service failed");
            // Without the service's task: it is this one, and all but over.
            let running = Running {
                service: None,
                ..running
            };
            drop(self.release(id, reservation, running));
        }
    }

    /// Ends the service and unbinds the plugins, in a task of its own: a
    /// release is carried through even if nobody waits for it.
    fn release(
        self: &Arc<Self>,
        id: &str,
        reservation: Reservation,
        running: Running,
    ) -> JoinHandle<()> {
        let (this, id) = (Arc::clone(self), id.to_string());
        tokio::spawn(async move {
            if let Some(task) = running.service {
                service::abort(&id, task).await;
            }
            running.workload.unbind_all_plugins().await;
            let mut table = this.lock();
            this.settle(&mut table, &id, reservation);
        })
    }

    fn settle(&self, table: &mut Table, id: &str, reservation: Reservation) -> Settled {
        let settled = table.settle(id, reservation);
        if matches!(settled, Settled::Removed) {
            self.removed.notify_waiters();
        }
        settled
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing that could panic leaves the table half changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status of a workload in this phase.
fn status_of(id: &str, phase: &Phase) -> WorkloadStatus {
    let state = phase.state();
    let message = match phase {
        Phase::Failed(reason) => format!("Workload is {state:?}: {reason}"),
        _ => format!("Workload is {state:?}"),
    };
    status(id, state, message)
}

/// Puts a status together.
pub(super) fn status(
    id: &str,
    workload_state: WorkloadState,
    message: impl Into<String>,
) -> WorkloadStatus {
    WorkloadStatus {
        workload_id: id.to_string(),
        workload_state,
        message: message.into(),
    }
}
