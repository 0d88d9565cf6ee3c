//! Workload files.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::Arc,
};
use wash_plugin_loader::Untrusted;

use serde::de::DeserializeOwned;
use wash_runtime::{
    types::{self, AllowedHost, EmptyDirVolume, HostPathVolume, VolumeType, Workload},
    wit::WitInterface,
};

use super::{
    Item, Source,
    documents::documents,
    read_component, resolve,
    resource::{
        API_VERSION, Component, ConfigLayer, Deployment, Head, HostInterface, List, LocalResources,
        Metadata, Resource, Service, Spec, Volume,
    },
};
use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// The group of wasmCloud's resources, in whatever version.
const GROUP: &str = "runtime.wasmcloud.dev/";

/// Reads the text of a workload file, and the components that it names. Each
/// document of the file can be a workload or a list of them; resources of other
/// kinds are for a cluster, and ignored if there is a workload besides.
pub(super) fn read(path: &Path, text: &str, env: &[(String, String)]) -> Result<Vec<Source>> {
    let file = File {
        path,
        env,
        ignored: RefCell::default(),
    };
    let mut found = Found::default();
    let documents = documents(text);
    for document in &documents {
        file.document(&Document::Text(document), &mut found)?;
    }
    match (found.workloads.is_empty(), found.others.as_slice()) {
        (true, []) => return Err(file.invalid("it is empty")),
        (true, [other]) => return Err(file.invalid(&other.problem)),
        (true, others) => {
            let names: Vec<&str> = others.iter().map(|other| other.name.as_str()).collect();
            return Err(file.invalid(format!(
                "none of its {} resources is a `Workload` or `WorkloadDeployment`: it has {}",
                others.len(),
                names.join(", ")
            )));
        }
        (false, others) => {
            for other in others {
                tracing::warn!(
                    "{}: {} means something in a cluster only; it is ignored",
                    Untrusted::path(path),
                    other.name
                );
            }
        }
    }
    for key in file.ignored.into_inner() {
        tracing::warn!(
            "{}: `{key}` means something in a cluster only; it is ignored",
            Untrusted::path(path)
        );
    }
    Ok(found.workloads)
}

/// What was found in a file.
#[derive(Default)]
struct Found {
    workloads: Vec<Source>,
    others: Vec<Other>,
}

/// A resource that is no workload.
struct Other {
    /// What to call it: "the Service `hello` (v1)".
    name: String,
    /// Why it cannot be run.
    problem: String,
}

/// One resource: a document of the file, or an item of a list in one.
enum Document<'a> {
    Text(&'a str),
    Item(serde_json::Value),
}

struct File<'a> {
    path: &'a Path,
    env: &'a [(String, String)],
    /// The keys that only a cluster can act on. They are no mistake, but should
    /// not be believed to do something here.
    ignored: RefCell<BTreeSet<&'static str>>,
}

impl File<'_> {
    fn parse<T: DeserializeOwned>(&self, document: &Document<'_>) -> Result<T> {
        match document {
            Document::Text(text) => serde_saphyr::from_str(text).map_err(|error| {
                let problem = error.to_string();
                let problem = problem.strip_prefix("error: ").unwrap_or(&problem);
                self.invalid(problem.replace("<input>", &self.path.to_string_lossy()))
            }),
            Document::Item(value) => T::deserialize(value).map_err(|error| {
                let name = value
                    .pointer("/metadata/name")
                    .and_then(|name| name.as_str());
                let name = name.unwrap_or("without a name");
                self.invalid(format!("in the item `{name}` of a list, {error}"))
            }),
        }
    }

    fn invalid(&self, problem: impl AsRef<str>) -> Failure {
        let path = Untrusted::path(self.path);
        Failure::message(
            Code::Workload,
            format!(
                "the workload file {path} is not valid: {}",
                problem.as_ref().trim_end()
            ),
        )
    }

    fn ignore(&self, key: &'static str, given: bool) {
        if given {
            self.ignored.borrow_mut().insert(key);
        }
    }

    fn document(&self, document: &Document<'_>, found: &mut Found) -> Result<()> {
        let head: Head = self.parse(document)?;
        let Some(api_version) = head.api_version else {
            return Err(self.invalid(format!("it has no apiVersion (`{API_VERSION}`)")));
        };
        let Some(kind) = head.kind else {
            return Err(self.invalid("it has no kind (`Workload` or `WorkloadDeployment`)"));
        };
        let is_ours = api_version == API_VERSION;
        if api_version.starts_with(GROUP) && !is_ours {
            return Err(self.invalid(format!(
                "its apiVersion is `{api_version}`, not `{API_VERSION}`"
            )));
        }
        match kind.as_str() {
            "Workload" if is_ours => {
                let resource: Resource<Spec> = self.parse(document)?;
                found
                    .workloads
                    .push(self.workload(resource.metadata, resource.spec)?);
            }
            "WorkloadDeployment" | "WorkloadReplicaSet" if is_ours => {
                let Resource {
                    mut metadata,
                    spec: deployment,
                    ..
                }: Resource<Deployment> = self.parse(document)?;
                self.ignore("spec.replicas", deployment.replicas.is_some());
                self.ignore("spec.deployPolicy", deployment.deploy_policy.is_some());
                self.ignore("spec.artifacts", deployment.artifacts.is_some());
                self.ignore("spec.service", deployment.service.is_some());
                self.ignore("spec.kubernetes", deployment.kubernetes.is_some());
                metadata.annotations.extend(deployment.template.annotations);
                found
                    .workloads
                    .push(self.workload(metadata, deployment.template.spec)?);
            }
            list if list.ends_with("List") && (is_ours || api_version == "v1") => {
                let list: List = self.parse(document)?;
                for item in list.items {
                    self.document(&Document::Item(item), found)?;
                }
            }
            _ => {
                let problem = match is_ours {
                    true => format!("its kind is `{kind}`, not `Workload` or `WorkloadDeployment`"),
                    false => format!("its apiVersion is `{api_version}`, not `{API_VERSION}`"),
                };
                let name = match head.metadata.name {
                    Some(name) => format!("the {kind} `{name}` ({api_version})"),
                    None => format!("a {kind} ({api_version})"),
                };
                found.others.push(Other { name, problem });
            }
        }
        Ok(())
    }

    fn workload(&self, metadata: Metadata, spec: Spec) -> Result<Source> {
        self.ignore("hostSelector", spec.host_selector.is_some());
        self.ignore("hostId", spec.host_id.is_some());
        self.ignore("kubernetes", spec.kubernetes.is_some());
        self.ignore("environment", spec.environment.is_some());
        if spec.components.is_empty() && spec.service.is_none() {
            return Err(self.invalid("it has neither components nor a service"));
        }
        let name = metadata
            .name
            .ok_or_else(|| self.invalid("it has no metadata.name"))?;
        let mut items = Vec::new();
        let service = match spec.service {
            Some(service) => Some(self.service(service, &mut items)?),
            None => None,
        };
        let mut components = Vec::new();
        for component in spec.components {
            components.push(self.component(component, &mut items)?);
        }
        let workload = Workload {
            namespace: metadata.namespace.unwrap_or_else(|| "default".to_owned()),
            name,
            annotations: metadata.annotations,
            service,
            components,
            host_interfaces: spec
                .host_interfaces
                .into_iter()
                .map(|interface| self.host_interface(interface))
                .collect::<Result<_>>()?,
            volumes: spec
                .volumes
                .into_iter()
                .map(|volume| self.volume(volume))
                .collect::<Result<_>>()?,
        };
        Ok(Source {
            workload,
            items,
            is_bare: false,
        })
    }

    fn service(&self, service: Service, items: &mut Vec<Item>) -> Result<types::Service> {
        self.ignore("imagePullSecret", service.image_pull_secret.is_some());
        self.ignore("imagePullPolicy", service.image_pull_policy.is_some());
        self.ignore("precompiledUrl", service.precompiled_url.is_some());
        let (path, label) = self.image(&service.image, "the service")?;
        let (bytes, names) = read_component(&path)?;
        items.push(Item { label, names });
        Ok(types::Service {
            bytes,
            digest: None,
            local_resources: self.local_resources(service.local_resources)?,
            max_restarts: service.max_restarts,
        })
    }

    fn component(&self, component: Component, items: &mut Vec<Item>) -> Result<types::Component> {
        self.ignore("imagePullSecret", component.image_pull_secret.is_some());
        self.ignore("imagePullPolicy", component.image_pull_policy.is_some());
        self.ignore("precompiledUrl", component.precompiled_url.is_some());
        let what = format!("component `{}`", component.name);
        let (path, label) = self.image(&component.image, &what)?;
        let (bytes, names) = read_component(&path)?;
        items.push(Item { label, names });
        Ok(types::Component {
            name: component.name,
            bytes,
            local_resources: self.local_resources(component.local_resources)?,
            pool_size: component.pool_size,
            max_invocations: component.max_invocations,
            max_concurrency: component.max_concurrency,
            ..Default::default()
        })
    }

    /// The file of an image, and what to call the one who has it.
    fn image(&self, image: &str, what: &str) -> Result<(std::path::PathBuf, String)> {
        let path = resolve(self.path, image);
        if !path.exists() && is_remote(image) {
            return Err(self
                .invalid(format!(
                    "the image of {what}, `{image}`, is not a local file"
                ))
                .help(
                    "wash-host runs components from files: download it, and name the file, \
                     relative to the workload file",
                ));
        }
        Ok((path, format!("{what} ({image})")))
    }

    fn local_resources(&self, resources: LocalResources) -> Result<types::LocalResources> {
        let mut environment = self.values(resources.environment, "environment")?;
        environment.extend(self.env.iter().cloned());
        let allowed_hosts: Vec<AllowedHost> = resources
            .allowed_hosts
            .iter()
            .map(|host| host.parse())
            .collect::<std::result::Result<_, _>>()
            .map_err(|error: types::AllowedHostError| {
                self.invalid(format!("in allowedHosts, {error}"))
            })?;
        let unlimited = types::LocalResources::default();
        Ok(types::LocalResources {
            // Below zero, the host's own limit holds; what the file says wins.
            memory_limit_mb: resources
                .memory_limit_mb
                .map_or(unlimited.memory_limit_mb, |limit| limit.max(0)),
            cpu_limit: resources.cpu_limit.unwrap_or(unlimited.cpu_limit),
            config: resources.config,
            environment,
            volume_mounts: resources
                .volume_mounts
                .into_iter()
                .map(|mount| types::VolumeMount {
                    name: mount.name,
                    mount_path: mount.mount_path,
                    read_only: mount.read_only,
                })
                .collect(),
            allowed_hosts: Arc::from(allowed_hosts),
            ..unlimited
        })
    }

    fn host_interface(&self, interface: HostInterface) -> Result<WitInterface> {
        let name = format!("{}:{}", interface.namespace, interface.package);
        let layer = ConfigLayer {
            config: interface.config,
            config_from: interface.config_from,
            secret_from: interface.secret_from,
        };
        let mut config = self.values(layer, &format!("the host interface {name}"))?;
        if interface.interfaces.is_empty() {
            return Err(self.invalid(format!("the host interface {name} lists no interfaces")));
        }
        let version = match interface.version.as_deref() {
            None | Some("") => None,
            Some(version) => Some(version.parse::<semver::Version>().map_err(|error| {
                self.invalid(format!(
                    "the version `{version}` of the host interface {name}: {error}"
                ))
            })?),
        };
        let mut interface = WitInterface {
            namespace: interface.namespace,
            package: interface.package,
            interfaces: interface.interfaces.into_iter().collect(),
            version,
            config: HashMap::new(),
            name: interface.name.filter(|name| !name.is_empty()),
        };
        if interface.is_incoming_http_handler() {
            for key in ["host", "host-aliases"] {
                if let Some(hosts) = config.get_mut(key) {
                    *hosts = self.without_ports(key, hosts);
                }
            }
        }
        interface.config = config;
        Ok(interface)
    }

    /// Leaves out the ports of host names: a workload is found by its host's
    /// name alone, at whatever port the host listens.
    fn without_ports(&self, key: &str, hosts: &str) -> String {
        let without: Vec<&str> = hosts
            .split(',')
            .map(|host| without_port(host.trim()))
            .collect();
        let without = without.join(",");
        if without.len() < hosts.split_whitespace().collect::<String>().len() {
            tracing::warn!(
                "{}: the port in the {key} `{hosts}` is ignored: requests are told apart by the \
                 name of their host",
                Untrusted::path(self.path)
            );
        }
        without
    }

    fn values(&self, layer: ConfigLayer, place: &str) -> Result<HashMap<String, String>> {
        for (key, given) in [
            ("configFrom", layer.config_from.is_some()),
            ("secretFrom", layer.secret_from.is_some()),
        ] {
            if given {
                return Err(self
                    .invalid(format!(
                        "`{key}` in {place} refers to a cluster, and there is none"
                    ))
                    .help("write the keys and values under `config`"));
            }
        }
        Ok(layer.config)
    }

    fn volume(&self, volume: Volume) -> Result<types::Volume> {
        let volume_type = match (volume.host_path, volume.ephemeral) {
            (Some(path), None) => {
                let local_path = resolve(self.path, &path.path)
                    .to_string_lossy()
                    .into_owned();
                VolumeType::HostPath(HostPathVolume { local_path })
            }
            (None, Some(_)) => VolumeType::EmptyDir(EmptyDirVolume {}),
            _ => {
                return Err(self.invalid(format!(
                    "the volume `{}` needs either `hostPath` or `ephemeral: {{}}`",
                    volume.name
                )));
            }
        };
        Ok(types::Volume {
            name: volume.name,
            volume_type,
        })
    }
}

/// A host without the port behind it. What is no port stays, to be refused as a
/// part of the name.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.parse::<u16>().is_ok() => name,
        _ => host,
    }
}

/// Whether an image that is no file was meant to come from a registry.
fn is_remote(image: &str) -> bool {
    if image.starts_with("file://") {
        return false;
    }
    let first = image.split('/').next().unwrap_or_default();
    image.contains("://")
        || (first.len() < image.len()
            && !first.is_empty()
            && first != "."
            && first != ".."
            && (first.contains(['.', ':']) || first == "localhost"))
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
