//! The shape of a workload file: wasmCloud's resources `Workload`,
//! `WorkloadReplicaSet` and `WorkloadDeployment`,
//! `runtime.wasmcloud.dev/v1alpha1`, and lists of them.
//!
//! Keys of a `spec` that these resources do not have are errors, as they are
//! mistyped. Keys that only mean something to a cluster are accepted, and
//! [`yaml`](super::yaml) tells that they do nothing here. What Kubernetes notes
//! in `metadata` and `status` is passed over. As in Kubernetes, `null` is the
//! same as nothing.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, de::IgnoredAny};

pub(super) const API_VERSION: &str = "runtime.wasmcloud.dev/v1alpha1";

/// What every resource begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
}

/// A list of resources, as `kubectl get` writes several.
#[derive(Deserialize)]
pub(super) struct List {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) items: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource<S> {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    pub(super) spec: S,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

/// What this host reads of a resource's metadata. Kubernetes has much more
/// there.
#[derive(Default, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: HashMap<String, String>,
}

/// Reads `null` as the default.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The spec of a `WorkloadDeployment` or `WorkloadReplicaSet`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) template: Template,
    pub(super) replicas: Option<IgnoredAny>,
    pub(super) deploy_policy: Option<IgnoredAny>,
    pub(super) artifacts: Option<IgnoredAny>,
    pub(super) service: Option<IgnoredAny>,
    pub(super) kubernetes: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Template {
    #[serde(rename = "metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: HashMap<String, String>,
    pub(super) spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) components: Vec<Component>,
    pub(super) service: Option<Service>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) host_interfaces: Vec<HostInterface>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) volumes: Vec<Volume>,
    pub(super) host_selector: Option<IgnoredAny>,
    pub(super) host_id: Option<IgnoredAny>,
    pub(super) kubernetes: Option<IgnoredAny>,
    pub(super) environment: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) local_resources: LocalResources,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) pool_size: i32,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) max_invocations: i32,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) max_concurrency: i32,
    pub(super) image_pull_secret: Option<IgnoredAny>,
    pub(super) image_pull_policy: Option<IgnoredAny>,
    pub(super) precompiled_url: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Service {
    pub(super) image: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) max_restarts: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) local_resources: LocalResources,
    pub(super) image_pull_secret: Option<IgnoredAny>,
    pub(super) image_pull_policy: Option<IgnoredAny>,
    pub(super) precompiled_url: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LocalResources {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) environment: ConfigLayer,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) config: HashMap<String, String>,
    pub(super) memory_limit_mb: Option<i32>,
    pub(super) cpu_limit: Option<i32>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) allowed_hosts: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) volume_mounts: Vec<VolumeMount>,
}

/// Keys and values; those that stand elsewhere in a cluster are not reachable.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConfigLayer {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) config: HashMap<String, String>,
    pub(super) config_from: Option<IgnoredAny>,
    pub(super) secret_from: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HostInterface {
    pub(super) namespace: String,
    pub(super) package: String,
    pub(super) interfaces: Vec<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) config: HashMap<String, String>,
    pub(super) config_from: Option<IgnoredAny>,
    pub(super) secret_from: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) host_path: Option<HostPath>,
    pub(super) ephemeral: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostPath {
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VolumeMount {
    pub(super) name: String,
    pub(super) mount_path: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) read_only: bool,
}
