//! What to run: a bare component or a workload file.

mod check;
mod documents;
mod names;
mod resource;
mod served;
mod yaml;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use wash_plugin_loader::Untrusted;
use wash_plugin_loader::read_text;
use wash_runtime::{
    host::Host,
    plugin::HostPlugin,
    types::{Component, LocalResources, Service, Workload},
    wit::WitInterface,
};

use crate::{
    code::Code,
    failure::{Failure, Result},
};
use names::Names;

pub(crate) use check::check_imports;
pub(crate) use served::Served;

/// What was asked to run, read and checked as far as that goes without a host.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) workload: Workload,
    /// The names that each service and component imports and exports.
    pub(crate) items: Vec<Item>,
    /// Whether the host interfaces are left to derive.
    is_bare: bool,
}

/// A service or component of a workload.
#[derive(Debug)]
pub(crate) struct Item {
    /// What to call it in messages.
    pub(crate) label: String,
    pub(crate) names: Names,
}

impl Source {
    /// Reads a component, or all workloads of a workload file.
    pub(crate) fn read_all(path: &Path, env: &[(String, String)]) -> Result<Vec<Self>> {
        // JSON is YAML as well.
        let is_workload_file = path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|of| extension == *of));
        if !is_workload_file {
            return Ok(vec![Self::read(path, env)?]);
        }
        let text =
            read_text(path).map_err(|error| Failure::unreadable("workload file", path, error))?;
        yaml::read(path, &text, env)
    }

    /// Reads a component.
    pub(crate) fn read(path: &Path, env: &[(String, String)]) -> Result<Self> {
        let (bytes, names) = read_component(path)?;
        let name = path.file_stem().map_or_else(
            || "component".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let local_resources = LocalResources {
            environment: env.iter().cloned().collect(),
            ..Default::default()
        };
        let mut workload = Workload {
            namespace: "default".to_owned(),
            name: name.clone(),
            annotations: HashMap::new(),
            service: None,
            components: Vec::new(),
            host_interfaces: Vec::new(),
            volumes: Vec::new(),
        };
        if names.exports_run() {
            workload.service = Some(Service {
                bytes,
                digest: None,
                local_resources,
                max_restarts: 0,
            });
        } else {
            let component = Component {
                name,
                bytes,
                local_resources,
                ..Default::default()
            };
            workload.components.push(component);
        }
        let label = path.to_string_lossy().into_owned();
        Ok(Self {
            workload,
            items: vec![Item { label, names }],
            is_bare: true,
        })
    }

    /// Limits the memory of each service and component that has no limit of
    /// its own, in MiB. Zero is no limit.
    pub(crate) fn limit_memory(&mut self, mib: i32) {
        let service = self.workload.service.iter_mut();
        let service = service.map(|service| &mut service.local_resources);
        let components = self.workload.components.iter_mut();
        let components = components.map(|component| &mut component.local_resources);
        for resources in service.chain(components) {
            if resources.memory_limit_mb < 0 {
                resources.memory_limit_mb = mib;
            }
        }
    }

    /// Whether it is a component, and not a workload file.
    pub(crate) fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// The interface by which it takes HTTP requests.
    pub(crate) fn http_handler(&self) -> Option<&str> {
        self.items
            .iter()
            .flat_map(|item| &item.names.exports)
            .map(String::as_str)
            .find(|export| WitInterface::from(*export).is_incoming_http_handler())
    }

    /// Fills in the host interfaces of a bare component: those of its imports
    /// that a plugin serves.
    pub(crate) fn derive_interfaces(
        &mut self,
        host: &Host,
        plugins: &[Arc<dyn HostPlugin>],
        served: &Served,
    ) -> Result<()> {
        if !self.is_bare {
            return Ok(());
        }
        let service = self.workload.service.iter().map(|service| &service.bytes);
        let components = self
            .workload
            .components
            .iter()
            .map(|component| &component.bytes);
        let mut interfaces = Vec::new();
        for bytes in service.chain(components) {
            let found = host
                .intersect_interfaces(bytes)
                .map_err(|error| Failure::new(Code::Workload, error))?;
            interfaces.extend(found);
        }
        // The host compares versions exactly. A plugin also serves compatible
        // ones, which an entry without a version asks for.
        for import in self.items.iter().flat_map(|item| item.names.interfaces()) {
            let wanted = WitInterface::from(import.name.as_str());
            if !interfaces
                .iter()
                .any(|known: &WitInterface| known.contains(&wanted))
                && served.by(&import.name).is_some()
            {
                interfaces.push(WitInterface {
                    version: None,
                    ..wanted
                });
            }
        }
        self.workload.host_interfaces = merge(interfaces, plugins);
        Ok(())
    }
}

/// Joins the entries of one package and version that one plugin serves. Those
/// of two plugins stay apart: the host gives an entry to one plugin, whole.
fn merge(mut interfaces: Vec<WitInterface>, plugins: &[Arc<dyn HostPlugin>]) -> Vec<WitInterface> {
    interfaces.sort_by_key(ToString::to_string);
    let mut merged: Vec<(Option<&'static str>, WitInterface)> = Vec::new();
    for interface in interfaces {
        let owner = plugins
            .iter()
            .find(|plugin| plugin.world().includes_bidirectional(&interface))
            .map(|plugin| plugin.id());
        let joined = merged
            .iter_mut()
            .any(|(other, entry)| *other == owner && entry.merge(&interface));
        if !joined {
            merged.push((owner, interface));
        }
    }
    merged.into_iter().map(|(_, interface)| interface).collect()
}

/// Reads a component and the names that it imports and exports.
fn read_component(path: &Path) -> Result<(Bytes, Names)> {
    let bytes = fs::read(path).map_err(|error| Failure::unreadable("component", path, error))?;
    let names =
        Names::read(&bytes).map_err(|problem| {
            Failure::message(Code::Workload, format!("{}: {problem}", Untrusted::path(path))).help(
            "give a WebAssembly component (.wasm), such as the target wasm32-wasip2 makes, or a \
             workload file (.yaml)",
        )
        })?;
    Ok((Bytes::from(bytes), names))
}

/// A path that a workload file names, seen from the file.
fn resolve(file: &Path, image: &str) -> PathBuf {
    let image = image.strip_prefix("file://").unwrap_or(image);
    match file.parent() {
        Some(directory) => directory.join(image),
        None => PathBuf::from(image),
    }
}
