//! How a plugin reports that a workload has failed.

use tokio::sync::mpsc::UnboundedSender;

/// A workload that a plugin found to have failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadFailure {
    /// The workload's id.
    pub workload_id: String,
    /// Why, for people: it becomes the message of the workload's status.
    pub reason: String,
}

/// Where a plugin reports failures to.
///
/// The host takes a reported workload down and shows it in state
/// [`Error`](crate::types::WorkloadState::Error).
#[derive(Debug, Clone)]
pub struct WorkloadFailureSink {
    sender: UnboundedSender<WorkloadFailure>,
}

impl WorkloadFailureSink {
    /// A sink that sends into a channel.
    #[must_use]
    pub fn new(sender: UnboundedSender<WorkloadFailure>) -> Self {
        Self { sender }
    }

    /// Reports a failure. Never waits and never fails: when the host is gone,
    /// there is no one left to tell.
    pub fn report(&self, workload_id: impl Into<String>, reason: impl Into<String>) {
        let _ = self.sender.send(WorkloadFailure {
            workload_id: workload_id.into(),
            reason: reason.into(),
        });
    }
}
