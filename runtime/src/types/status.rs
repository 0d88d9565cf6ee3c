//! Requests, responses and states.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Workload;
use crate::wit::WitInterface;

/// What a workload is doing. The numbers are those of the wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum WorkloadState {
    /// Not known.
    Unspecified = 0,
    /// Being compiled and bound.
    Starting = 1,
    /// Bound to its plugins; the service, if any, runs.
    Running = 2,
    /// The service ended well.
    Completed = 3,
    /// Being taken down, or stopped.
    Stopping = 4,
    /// It could not be started, or failed.
    Error = 5,
    /// The host has no workload of this id.
    NotFound = 6,
}

/// The state of one workload, with a sentence about it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStatus {
    /// The workload's id.
    pub workload_id: String,
    /// The state.
    pub workload_state: WorkloadState,
    /// What there is to say about the state; in state `Error`, what went wrong.
    pub message: String,
}

/// How a workload ended; the answer of
/// [`Host::wait_workload`](crate::host::Host::wait_workload).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkloadExit {
    /// `Completed`, `Error`, `Stopping` if it was stopped from outside, or
    /// `NotFound`.
    pub workload_state: WorkloadState,
    /// The code that the service gave `wasi:cli/exit`; 0 if its `run` returned
    /// `ok`, 1 if it returned `err`, as a command line would see it. `None` if
    /// it trapped or did not end by itself.
    pub exit_code: Option<i32>,
    /// What there is to say about it.
    pub message: String,
}

/// Asks to start a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStartRequest {
    /// The id to give it; it must not be in use on this host.
    pub workload_id: String,
    /// The workload.
    pub workload: Workload,
}

/// The answer to a [`WorkloadStartRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStartResponse {
    /// `Running`, or `Error` with the reason.
    pub workload_status: WorkloadStatus,
}

/// Asks for the state of a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStatusRequest {
    /// The workload's id.
    pub workload_id: String,
}

/// The answer to a [`WorkloadStatusRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStatusResponse {
    /// The state, `NotFound` if there is no such workload.
    pub workload_status: WorkloadStatus,
}

/// Asks to stop a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStopRequest {
    /// The workload's id.
    pub workload_id: String,
}

/// The answer to a [`WorkloadStopRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStopResponse {
    /// `Stopping`, or `NotFound` if there is no such workload.
    pub workload_status: WorkloadStatus,
}

/// What a host says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct HostHeartbeat {
    /// The host's id.
    pub id: String,
    /// The machine's name.
    pub hostname: String,
    /// The port of the HTTP handler; 0 if there is none.
    pub http_port: u16,
    /// A name for people.
    pub friendly_name: String,
    /// The version of this crate.
    pub version: String,
    /// The labels given to the builder.
    pub labels: HashMap<String, String>,
    /// When the host was built.
    pub started_at: DateTime<Utc>,
    /// The processor's architecture, `x86_64` for example.
    pub os_arch: String,
    /// The operating system, `linux` for example.
    pub os_name: String,
    /// The operating system's family, `unix` for example.
    pub os_kernel: String,
    /// The use of all processors together, in percent.
    pub system_cpu_usage: f32,
    /// The machine's memory, in bytes.
    pub system_memory_total: u64,
    /// The memory that is free, in bytes.
    pub system_memory_free: u64,
    /// The components of running workloads, services not counted.
    pub component_count: u64,
    /// The workloads in any state.
    pub workload_count: u64,
    /// The imports of all plugins' worlds.
    pub imports: Vec<WitInterface>,
    /// The exports of all plugins' worlds.
    pub exports: Vec<WitInterface>,
    /// The environment given to the builder.
    pub environment: String,
}
