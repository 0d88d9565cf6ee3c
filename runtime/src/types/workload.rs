//! The description of a workload.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{AllowedHost, AllowedIpName, AllowedLoopbackPort};
use crate::wit::WitInterface;

/// A set of components that are started and stopped together.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The namespace that the name is unique in.
    pub namespace: String,
    /// The name, for people. Workloads are told apart by the id in the start
    /// request.
    pub name: String,
    /// Free-form annotations; the runtime does not read them.
    pub annotations: HashMap<String, String>,
    /// The long-running part, if there is one.
    pub service: Option<Service>,
    /// The components.
    pub components: Vec<Component>,
    /// What the workload needs from the host, with its configuration. An
    /// interface that is not declared here is not bound to any plugin.
    pub host_interfaces: Vec<WitInterface>,
    /// The volumes that the service and the components can mount.
    pub volumes: Vec<Volume>,
}

/// A component that is instantiated when something calls it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Component {
    /// The name, for people. The runtime gives each component an id of its own.
    pub name: String,
    /// The component, in binary format.
    pub bytes: Bytes,
    /// The digest of `bytes`, if known. Compiled components are cached by it.
    pub digest: Option<String>,
    /// Environment, limits, mounts.
    pub local_resources: LocalResources,
    /// How many warm instances to keep for HTTP requests. Zero or less: none,
    /// every request has an instance of its own.
    pub pool_size: i32,
    /// After how many calls a warm instance is retired. Zero or less: never.
    pub max_invocations: i32,
    /// How many HTTP requests a warm instance may serve at once. Zero or less:
    /// one. More are for components for WASI 0.3 only, whose calls can overlap;
    /// one for WASI 0.2 serves one request at a time, whatever this says.
    /// Requests beyond that have instances of their own.
    pub max_concurrency: i32,
}

/// A component that runs from the workload's start until it ends by itself or
/// the workload is stopped.
///
/// It exports `wasi:cli/run`, or a single interface with a `run` function.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The component, in binary format.
    pub bytes: Bytes,
    /// The digest of `bytes`, if known. Compiled components are cached by it.
    pub digest: Option<String>,
    /// Environment, limits, mounts.
    pub local_resources: LocalResources,
    /// How often a service that failed is run again.
    pub max_restarts: u64,
}

/// What one component or service may use.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalResources {
    /// The most that all memories and tables of an instance may have together,
    /// in MiB. Zero or less: no limit.
    ///
    /// A guest that wants more is refused it, and may cope.
    pub memory_limit_mb: i32,
    /// The processor time that all of the component's instances may have
    /// together, in thousandths of a processor: 500 is half of one, 2000 is
    /// two. Zero or less: no limit.
    ///
    /// As with a Kubernetes CPU limit, a guest that wants more is slowed down,
    /// not ended. Time is taken by sampling, 100 times a second. wasmCloud's
    /// own crate has the field and does not look at it.
    pub cpu_limit: i32,
    /// Configuration for plugins that serve it to the guest.
    pub config: HashMap<String, String>,
    /// The guest's environment variables.
    pub environment: HashMap<String, String>,
    /// The volumes that the guest sees.
    pub volume_mounts: Vec<VolumeMount>,
    /// The hosts that outgoing HTTP requests may go to, and the addresses that
    /// sockets may, as `tcp://` or `udp://`. Empty: none.
    ///
    /// Sockets know no names: only `*` and addresses match them.
    pub allowed_hosts: Arc<[AllowedHost]>,
    /// The names that the guest may resolve. Empty: none.
    pub allowed_ip_name_lookups: Arc<[AllowedIpName]>,
    /// The ports of the machine's loopback that the guest may connect to. It
    /// sees a loopback of its workload's own otherwise, with what the
    /// workload's service listens at.
    pub allowed_host_loopback_ports: Arc<[AllowedLoopbackPort]>,
}

impl Default for LocalResources {
    fn default() -> Self {
        Self {
            memory_limit_mb: -1,
            cpu_limit: -1,
            config: HashMap::new(),
            environment: HashMap::new(),
            volume_mounts: Vec::new(),
            allowed_hosts: Arc::from([]),
            allowed_ip_name_lookups: Arc::from([]),
            allowed_host_loopback_ports: Arc::from([]),
        }
    }
}

/// A directory that components of a workload can mount.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// The name by which a [`VolumeMount`] refers to it.
    pub name: String,
    /// Where its files are.
    pub volume_type: VolumeType,
}

/// Where a volume's files are.
#[derive(Debug, Clone, PartialEq)]
pub enum VolumeType {
    /// A directory of the host.
    HostPath(HostPathVolume),
    /// A fresh directory that lives as long as the workload.
    EmptyDir(EmptyDirVolume),
}

/// A directory of the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPathVolume {
    /// The directory. It must exist.
    pub local_path: String,
}

/// A fresh directory that lives as long as the workload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmptyDirVolume {}

/// Where a component sees a volume.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: String,
    /// The directory in the guest.
    pub mount_path: String,
    /// Whether the guest may only read.
    pub read_only: bool,
}
