//! The shape of a workload file: wasmCloud's resources `Workload` and
//! `WorkloadDeployment`, `runtime.wasmcloud.dev/v1alpha1`.
//!
//! Keys that these resources do not have are errors. Keys that only mean
//! something to a cluster are accepted, and [`yaml`](super::yaml) tells that
//! they do nothing here.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, de::IgnoredAny};

pub(super) const API_VERSION: &str = "runtime.wasmcloud.dev/v1alpha1";

/// What every resource begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource<S> {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) spec: S,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) annotations: HashMap<String, String>,
    #[serde(rename = "labels")]
    _labels: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) template: Template,
    pub(super) replicas: Option<IgnoredAny>,
    pub(super) deploy_policy: Option<IgnoredAny>,
    pub(super) artifacts: Option<IgnoredAny>,
    pub(super) service: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Template {
    #[serde(rename = "metadata")]
    _metadata: Option<IgnoredAny>,
    pub(super) spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    #[serde(default)]
    pub(super) components: Vec<Component>,
    pub(super) service: Option<Service>,
    #[serde(default)]
    pub(super) host_interfaces: Vec<HostInterface>,
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
    pub(super) host_selector: Option<IgnoredAny>,
    pub(super) host_id: Option<IgnoredAny>,
    pub(super) kubernetes: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(default)]
    pub(super) local_resources: LocalResources,
    #[serde(default)]
    pub(super) pool_size: i32,
    #[serde(default)]
    pub(super) max_invocations: i32,
    #[serde(rename = "imagePullSecret")]
    _image_pull_secret: Option<IgnoredAny>,
    #[serde(rename = "imagePullPolicy")]
    _image_pull_policy: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Service {
    pub(super) image: String,
    #[serde(default)]
    pub(super) max_restarts: u64,
    #[serde(default)]
    pub(super) local_resources: LocalResources,
    #[serde(rename = "imagePullSecret")]
    _image_pull_secret: Option<IgnoredAny>,
    #[serde(rename = "imagePullPolicy")]
    _image_pull_policy: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LocalResources {
    #[serde(default)]
    pub(super) environment: ConfigLayer,
    #[serde(default)]
    pub(super) config: HashMap<String, String>,
    pub(super) memory_limit_mb: Option<i32>,
    pub(super) cpu_limit: Option<i32>,
    #[serde(default)]
    pub(super) allowed_hosts: Vec<String>,
    #[serde(default)]
    pub(super) volume_mounts: Vec<VolumeMount>,
}

/// Keys and values; those that stand elsewhere in a cluster are not reachable.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConfigLayer {
    #[serde(default)]
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
    #[serde(default)]
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
    #[serde(default)]
    pub(super) read_only: bool,
}
