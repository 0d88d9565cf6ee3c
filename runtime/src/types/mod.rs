//! The data that goes in and out of a host: workloads, requests, states.
//!
//! All fields are public and all types are plain data. New fields are added to
//! [`Component`] and [`LocalResources`], so build those with
//! `..Default::default()`.

mod allowed;
mod status;
mod workload;

pub use allowed::{AllowedHost, AllowedHostError, AllowedIpName, AllowedLoopbackPort};
pub use status::{
    HostHeartbeat, WorkloadExit, WorkloadStartRequest, WorkloadStartResponse, WorkloadState,
    WorkloadStatus, WorkloadStatusRequest, WorkloadStatusResponse, WorkloadStopRequest,
    WorkloadStopResponse,
};
pub use workload::{
    Component, EmptyDirVolume, HostPathVolume, LocalResources, Service, Volume, VolumeMount,
    VolumeType, Workload,
};
