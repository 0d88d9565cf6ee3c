//! Workload files.

use std::{path::Path, sync::Arc};

use serde::de::DeserializeOwned;
use wash_runtime::{
    types::{self, AllowedHost, EmptyDirVolume, HostPathVolume, VolumeType, Workload},
    wit::WitInterface,
};

use super::{
    Item, Source, read_component, resolve,
    resource::{
        API_VERSION, Component, ConfigLayer, Deployment, Head, HostInterface, LocalResources,
        Metadata, Resource, Service, Spec, Volume,
    },
};
use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// Reads the text of a workload file, and the components that it names.
pub(super) fn read(path: &Path, text: &str, env: &[(String, String)]) -> Result<Source> {
    let file = File { path, env };
    let head: Head = file.parse(text)?;
    match head.api_version.as_deref() {
        Some(API_VERSION) => {}
        Some(other) => {
            return Err(file.invalid(format!("its apiVersion is `{other}`, not `{API_VERSION}`")));
        }
        None => return Err(file.invalid(format!("it has no apiVersion (`{API_VERSION}`)"))),
    }
    let (metadata, spec) = match head.kind.as_deref() {
        Some("Workload") => {
            let resource: Resource<Spec> = file.parse(text)?;
            (resource.metadata, resource.spec)
        }
        Some("WorkloadDeployment") => {
            let resource: Resource<Deployment> = file.parse(text)?;
            let deployment = resource.spec;
            for (key, given) in [
                ("replicas", deployment.replicas.is_some()),
                ("deployPolicy", deployment.deploy_policy.is_some()),
                ("artifacts", deployment.artifacts.is_some()),
                ("service", deployment.service.is_some()),
            ] {
                warn_ignored(&format!("spec.{key}"), given);
            }
            (resource.metadata, deployment.template.spec)
        }
        Some(other) => {
            return Err(file.invalid(format!(
                "its kind is `{other}`, not `Workload` or `WorkloadDeployment`"
            )));
        }
        None => return Err(file.invalid("it has no kind (`Workload` or `WorkloadDeployment`)")),
    };
    file.workload(metadata, spec)
}

/// Keys that only a cluster can act on are no mistake, but should not be
/// believed to do something here.
fn warn_ignored(key: &str, given: bool) {
    if given {
        tracing::warn!("`{key}` means something in a cluster only; it is ignored");
    }
}

struct File<'a> {
    path: &'a Path,
    env: &'a [(String, String)],
}

impl File<'_> {
    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T> {
        serde_saphyr::from_str(text).map_err(|error| {
            let problem = error.to_string();
            let problem = problem.strip_prefix("error: ").unwrap_or(&problem);
            self.invalid(problem.replace("<input>", &self.path.display().to_string()))
        })
    }

    fn invalid(&self, problem: impl AsRef<str>) -> Failure {
        let path = self.path.display();
        Failure::message(
            Code::Workload,
            format!(
                "the workload file {path} is not valid: {}",
                problem.as_ref().trim_end()
            ),
        )
    }

    fn workload(&self, metadata: Metadata, spec: Spec) -> Result<Source> {
        for (key, given) in [
            ("hostSelector", spec.host_selector.is_some()),
            ("hostId", spec.host_id.is_some()),
            ("kubernetes", spec.kubernetes.is_some()),
        ] {
            warn_ignored(key, given);
        }
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
            memory_limit_mb: resources
                .memory_limit_mb
                .unwrap_or(unlimited.memory_limit_mb),
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
        let config = self.values(layer, &format!("the host interface {name}"))?;
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
        Ok(WitInterface {
            namespace: interface.namespace,
            package: interface.package,
            interfaces: interface.interfaces.into_iter().collect(),
            version,
            config,
            name: interface.name.filter(|name| !name.is_empty()),
        })
    }

    fn values(
        &self,
        layer: ConfigLayer,
        place: &str,
    ) -> Result<std::collections::HashMap<String, String>> {
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
                let local_path = resolve(self.path, &path.path).display().to_string();
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
