//! [`UnresolvedWorkload`]: compiled, being bound.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use anyhow::{Context, bail};

use super::{
    ResolvedWorkload, WorkloadComponent, WorkloadItem, WorkloadService,
    bind::{Binding, Bindings, BoundItems, ItemKind, ItemNeeds, ItemRef, PlannedBinding, plan},
};
use crate::{
    engine::inspect,
    host::http::HostHandler,
    plugin::{HostPlugin, WitInterfaces, catch_panic},
    wit::WitInterface,
};

/// A workload whose components are compiled, and not yet bound to plugins.
pub struct UnresolvedWorkload {
    id: Arc<str>,
    name: Arc<str>,
    namespace: Arc<str>,
    service: Option<WorkloadService>,
    /// In the order in which the workload lists them.
    components: Vec<WorkloadComponent>,
    host_interfaces: Vec<WitInterface>,
    bindings: Bindings,
}

impl UnresolvedWorkload {
    /// A workload of these parts.
    #[must_use]
    pub fn new(
        id: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
        namespace: impl Into<Arc<str>>,
        service: Option<WorkloadService>,
        components: impl IntoIterator<Item = WorkloadComponent>,
        host_interfaces: Vec<WitInterface>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            namespace: namespace.into(),
            service,
            components: components.into_iter().collect(),
            host_interfaces,
            bindings: Bindings::default(),
        }
    }

    /// The workload's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workload's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The workload's namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The service's id, if there is a service.
    #[must_use]
    pub fn service_id(&self) -> Option<Arc<str>> {
        self.service.as_ref().map(|service| service.shared_id())
    }

    /// The components' ids, in the order in which the workload lists them.
    #[must_use]
    pub fn component_ids(&self) -> Vec<Arc<str>> {
        self.components
            .iter()
            .map(|component| component.shared_id())
            .collect()
    }

    /// The configuration of the first declared interface that
    /// [contains](WitInterface::contains) this one.
    #[must_use]
    pub fn interface_config(&self, interface: &WitInterface) -> Option<&HashMap<String, String>> {
        self.host_interfaces
            .iter()
            .find(|declared| declared.contains(interface))
            .map(|declared| &declared.config)
    }

    /// Binds the workload to the plugins that serve what it declares.
    ///
    /// Which plugin serves what is settled before any plugin is called. Then
    /// the plugins follow one another in ascending order of their ids, each
    /// with `on_workload_bind` and, for the service and then the components in
    /// their order, `on_workload_item_bind`.
    ///
    /// Returns the bound plugins in that order, each with the ids of the items
    /// that it is bound to.
    ///
    /// # Errors
    ///
    /// If nothing serves a declared interface that the workload uses, a plugin
    /// refuses, or the workload is bound already. All plugins that had begun
    /// to bind, the failing one included, are unbound before this returns; the
    /// plugin's error is returned as it is.
    pub async fn bind_plugins(
        &mut self,
        plugins: &HashMap<&'static str, Arc<dyn HostPlugin>>,
    ) -> anyhow::Result<Vec<(Arc<dyn HostPlugin>, Vec<String>)>> {
        if !self.bindings.is_empty() {
            bail!("workload '{}' is bound to its plugins already", self.name);
        }
        let plan = plan(&self.needs(), &self.host_interfaces, plugins)?;
        let mut bound = Vec::new();
        for planned in plan {
            let plugin = Arc::clone(&planned.plugin);
            match self.bind_plugin(planned).await {
                Ok(items) => bound.push((plugin, items)),
                Err(error) => {
                    self.bindings.unbind_all(&self.id).await;
                    return Err(error);
                }
            }
        }
        Ok(bound)
    }

    /// Binds the workload to `plugins`, if any are given, and makes it ready to
    /// run.
    ///
    /// # Errors
    ///
    /// Those of [`bind_plugins`](Self::bind_plugins); if a plugin refuses the
    /// resolved workload; or if the workload needs what this version of the
    /// runtime does not support. All plugins are unbound before this returns.
    pub async fn resolve(
        mut self,
        plugins: Option<&HashMap<&'static str, Arc<dyn HostPlugin>>>,
        http_handler: Arc<dyn HostHandler>,
    ) -> anyhow::Result<ResolvedWorkload> {
        self.refuse_links()?;
        if let Some(plugins) = plugins {
            self.bind_plugins(plugins).await?;
        }
        let notify: Vec<BoundItems> = self
            .bindings
            .iter()
            .map(|binding| (Arc::clone(&binding.plugin), binding.items.clone()))
            .collect();
        let resolved = ResolvedWorkload::new(
            self.id,
            self.name,
            self.namespace,
            self.service,
            self.components,
            self.host_interfaces,
            self.bindings,
            http_handler,
        );
        match resolved.notify_resolved(notify).await {
            Ok(()) => Ok(resolved),
            Err(error) => {
                resolved.unbind_all_plugins().await;
                Err(error)
            }
        }
    }

    /// One plugin and all of its items. The binding is recorded before the
    /// plugin is called, so that it is unbound even if it fails half way.
    async fn bind_plugin(&mut self, planned: PlannedBinding) -> anyhow::Result<Vec<String>> {
        let PlannedBinding {
            plugin,
            interfaces,
            items,
        } = planned;
        let id = plugin.id();
        self.bindings.push(Binding {
            plugin: Arc::clone(&plugin),
            interfaces: interfaces.clone(),
            items: Vec::new(),
        });
        tracing::debug!(plugin = id, workload_id = %self.id, "binding a plugin");
        catch_panic(id, "on_workload_bind", async {
            let interfaces = WitInterfaces::new(&interfaces);
            plugin.on_workload_bind(self, interfaces).await
        })
        .await?;

        let mut ids = Vec::new();
        for (item, interfaces) in items {
            let mut item = self
                .item(item)
                .context("the plan names an item that is not there")?;
            catch_panic(id, "on_workload_item_bind", async {
                let interfaces = WitInterfaces::new(&interfaces);
                plugin.on_workload_item_bind(&mut item, interfaces).await
            })
            .await?;
            item.add_plugin(id, Arc::clone(&plugin) as _);
            let item_id = item.shared_id();
            ids.push(item_id.to_string());
            self.bindings.add_item(item_id);
        }
        Ok(ids)
    }

    fn item(&mut self, item: ItemRef) -> Option<WorkloadItem<'_>> {
        match item {
            ItemRef::Service => self.service.as_mut().map(WorkloadItem::Service),
            ItemRef::Component(index) => {
                self.components.get_mut(index).map(WorkloadItem::Component)
            }
        }
    }

    /// The service and the components with what each imports and exports.
    fn needs(&self) -> Vec<ItemNeeds> {
        let service = self.service.iter().map(|service| ItemNeeds {
            item: ItemRef::Service,
            kind: ItemKind::Service,
            id: service.shared_id(),
            name: self.name.to_string(),
            world: service.world(),
        });
        let components = self
            .components
            .iter()
            .enumerate()
            .map(|(index, component)| ItemNeeds {
                item: ItemRef::Component(index),
                kind: ItemKind::Component,
                id: component.shared_id(),
                name: component.name().to_string(),
                world: component.world(),
            });
        service.chain(components).collect()
    }

    /// Refuses a workload that expects its components to call one another. What
    /// a component exports is never linked to its own imports, so one that
    /// stands between its callers and a plugin is as good as any other.
    fn refuse_links(&self) -> anyhow::Result<()> {
        let mut exporters: BTreeMap<String, Vec<(usize, &str)>> = BTreeMap::new();
        for (index, component) in self.components.iter().enumerate() {
            for interface in inspect::exported_instances(component.component()) {
                let exporters = exporters.entry(interface).or_default();
                exporters.push((index, component.name()));
            }
        }
        let service = self
            .service
            .iter()
            .map(|service| (None, "service".to_string(), service.component()));
        let components = self
            .components
            .iter()
            .enumerate()
            .map(|(index, component)| {
                (
                    Some(index),
                    format!("component '{}'", component.name()),
                    component.component(),
                )
            });
        for (own, importer, component) in service.chain(components) {
            for interface in inspect::imported_instances(component) {
                let mut others: Vec<_> = exporters
                    .get(&interface)
                    .into_iter()
                    .flatten()
                    .filter(|(index, _)| Some(*index) != own)
                    .map(|(_, name)| *name)
                    .collect();
                if !others.is_empty() {
                    others.sort_unstable();
                    others.dedup();
                    bail!(
                        "links between components are not supported by this version of \
                         wash-runtime: the {importer} of workload '{}' imports '{interface}', \
                         which the workload's own '{}' exports; compose them into one component",
                        self.name,
                        others.join("', '"),
                    );
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for UnresolvedWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnresolvedWorkload")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("service", &self.service)
            .field("components", &self.components)
            .field("host_interfaces", &self.host_interfaces)
            .finish_non_exhaustive()
    }
}
