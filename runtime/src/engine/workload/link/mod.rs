//! Components of a workload that call one another.
//!
//! An import is linked to the export of the very same name, version included,
//! of another component of the workload ([`graph`]). The functions are defined
//! in the importer's linker ([`define`]), and forward each call to an instance
//! of the provider ([`call`]):
//!
//! * **one instance per store**, made at the first call. So calls within a
//!   store see the same state, and another store starts afresh.
//! * **with the provider's identity**: while it runs, its context is the active
//!   one, with its plugins, its environment and its limits.
//! * **resources pass** ([`values`]): those that the provider defines are known
//!   to others by a number and a type of their own; those of the host, such as
//!   streams, are the same for everybody in the store.
//! * **an asynchronous function** of the component model runs as a fresh
//!   instance in a store of its own ([`detached`]), so that the caller can go
//!   on meanwhile. Its values must be plain.

mod call;
mod define;
mod detached;
mod graph;
mod provider;
mod types;
mod values;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use anyhow::Context;
use tokio::sync::RwLock;

use super::{WorkloadComponent, WorkloadMetadata, WorkloadService};
use crate::{engine::inspect, host::http::HostHandler, wit::WitInterface};
use graph::{Graph, Node};
use provider::Provider;

/// The components of a workload, as the links among them know them.
pub(super) type Components = RwLock<BTreeMap<Arc<str>, WorkloadComponent>>;

/// Who imports what from whom.
pub(super) struct Links {
    graph: Graph,
}

impl Links {
    /// Finds the links of a workload. The service can import, and nothing is
    /// imported from it.
    ///
    /// # Errors
    ///
    /// If a component's import is exported by several others, or components
    /// import from one another in a circle.
    pub(super) fn find(
        service: Option<&WorkloadService>,
        components: &[WorkloadComponent],
    ) -> anyhow::Result<Self> {
        let mut nodes = Vec::new();
        for component in components {
            let mut exports: Vec<_> = inspect::exported_instances(component.component()).collect();
            exports.retain(|name| !is_ignored(name));
            nodes.push(Node {
                id: component.shared_id(),
                name: component.name().to_string(),
                imports: inspect::imported_instances(component.component()).collect(),
                exports,
                is_service: false,
            });
        }
        if let Some(service) = service {
            nodes.push(Node {
                id: service.shared_id(),
                name: "service".to_string(),
                imports: inspect::imported_instances(service.component()).collect(),
                exports: Vec::new(),
                is_service: true,
            });
        }
        Ok(Self {
            graph: Graph::new(&nodes)?,
        })
    }

    /// The imports of an item that other components serve.
    pub(super) fn served(&self, item: &str) -> HashSet<WitInterface> {
        self.graph
            .links_of(item)
            .map(|link| WitInterface::from(&*link.interface))
            .collect()
    }

    /// Defines the links in the linkers.
    ///
    /// # Errors
    ///
    /// If an import has another type than the export of its name, or a type
    /// that cannot be forwarded.
    pub(super) async fn define(
        &self,
        mut service: Option<&mut WorkloadService>,
        components: &Arc<Components>,
        http_handler: &Arc<dyn HostHandler>,
    ) -> anyhow::Result<()> {
        if self.graph.is_empty() {
            return Ok(());
        }
        let mut map = components.write().await;
        let providers: BTreeMap<Arc<str>, Arc<Provider>> = self
            .graph
            .providers()
            .map(|id| {
                let provider = map.get(id).context("a linked component is gone")?;
                let weak = Arc::downgrade(components);
                let http_handler = Arc::clone(http_handler);
                Ok((
                    Arc::clone(id),
                    Arc::new(Provider::new(provider, weak, http_handler)),
                ))
            })
            .collect::<anyhow::Result<_>>()?;
        for importer in self.graph.importers() {
            let item: &mut WorkloadMetadata = match map.get_mut(importer) {
                Some(component) => component,
                None => service.as_deref_mut().context("an importer is gone")?,
            };
            for link in self.graph.links_of(importer) {
                let provider = providers
                    .get(&link.provider)
                    .context("a provider is gone")?;
                define::link(item, &link.interface, provider)?;
            }
            item.set_linked(self.graph.reachable(importer));
        }
        Ok(())
    }
}

/// A component that extends the tool `wash` says so with this export.
fn is_ignored(export: &str) -> bool {
    export
        .strip_prefix("wasmcloud:wash/plugin")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}
