//! The states of workloads and the changes between them.

use std::collections::{HashMap, hash_map::Entry as MapEntry};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    engine::workload::ResolvedWorkload,
    types::{WorkloadExit, WorkloadState},
};

/// The workloads of a host by id.
#[derive(Default)]
pub(super) struct Table {
    /// Set when the host stops: no more workloads.
    closed: bool,
    last_reservation: u64,
    entries: HashMap<String, Entry>,
}

/// One workload, or the failure that it left behind.
pub(super) struct Entry {
    pub(super) reservation: Reservation,
    pub(super) phase: Phase,
    pub(super) exit: watch::Sender<Option<WorkloadExit>>,
}

/// Tells one use of an id from the next. Ascending in the order of the starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Reservation(u64);

/// What a workload is doing.
pub(super) enum Phase {
    Starting,
    Running(Running),
    Completed(Running),
    /// A task is releasing the workload, or, if it was starting, the start
    /// will do so as soon as it notices.
    Releasing(After),
    Failed(String),
}

/// What becomes of an entry when its workload is released.
pub(super) enum After {
    Remove,
    Fail(String),
}

/// What there is to release.
pub(super) struct Running {
    pub(super) workload: ResolvedWorkload,
    pub(super) service: Option<JoinHandle<()>>,
}

/// What has become of an entry.
pub(super) enum Settled {
    /// The workload has failed, for this reason.
    Failed(String),
    /// The id is free again.
    Removed,
    /// It was not being released.
    Unchanged,
}

impl Table {
    /// Takes an id for a workload that is going to start.
    pub(super) fn reserve(&mut self, id: &str) -> Result<Reservation, String> {
        if self.closed {
            return Err("the host is stopping and starts no more workloads".to_string());
        }
        let reservation = Reservation(self.last_reservation + 1);
        match self.entries.entry(id.to_string()) {
            // Upstream's spelling: clients may look for it.
            MapEntry::Occupied(_) => Err(format!(
                "Workload ID [{id}] already exists (the exising workload must be stopped to \
                 reuse the ID)"
            )),
            MapEntry::Vacant(entry) => {
                entry.insert(Entry {
                    reservation,
                    phase: Phase::Starting,
                    exit: watch::Sender::new(None),
                });
                self.last_reservation = reservation.0;
                Ok(reservation)
            }
        }
    }

    /// Refuses further reservations. False if that was so already.
    pub(super) fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.closed, true)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    /// The entry of this very start; the id may belong to another one by now.
    pub(super) fn reserved(&mut self, id: &str, reservation: Reservation) -> Option<&mut Entry> {
        self.entries
            .get_mut(id)
            .filter(|entry| entry.reservation == reservation)
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// All ids, the last start first.
    pub(super) fn ids_last_first(&self) -> Vec<String> {
        let mut ids: Vec<_> = self
            .entries
            .iter()
            .map(|(id, entry)| (entry.reservation, id))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// Brings a workload to its end whose release is done.
    pub(super) fn settle(&mut self, id: &str, reservation: Reservation) -> Settled {
        let Some(entry) = self.reserved(id, reservation) else {
            return Settled::Unchanged;
        };
        match &entry.phase {
            Phase::Releasing(After::Fail(reason)) => {
                let reason = reason.clone();
                entry.publish(WorkloadExit {
                    workload_state: WorkloadState::Error,
                    exit_code: None,
                    message: reason.clone(),
                });
                entry.phase = Phase::Failed(reason.clone());
                Settled::Failed(reason)
            }
            Phase::Releasing(After::Remove) => {
                entry.publish(WorkloadExit {
                    workload_state: WorkloadState::Stopping,
                    exit_code: None,
                    message: "Workload was stopped".to_string(),
                });
                self.entries.remove(id);
                Settled::Removed
            }
            _ => Settled::Unchanged,
        }
    }
}

impl Entry {
    pub(super) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting)
    }

    /// Has the workload released, and says what there was before.
    pub(super) fn release(&mut self, after: After) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Releasing(after))
    }

    /// Tells those who wait how it ended. The first end counts.
    pub(super) fn publish(&self, end: WorkloadExit) {
        self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert(end);
            first
        });
    }
}

impl Phase {
    pub(super) fn state(&self) -> WorkloadState {
        match self {
            Self::Starting => WorkloadState::Starting,
            Self::Running(_) => WorkloadState::Running,
            Self::Completed(_) => WorkloadState::Completed,
            Self::Releasing(_) => WorkloadState::Stopping,
            Self::Failed(_) => WorkloadState::Error,
        }
    }
}
