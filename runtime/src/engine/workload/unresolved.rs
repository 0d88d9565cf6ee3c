//! [`UnresolvedWorkload`]: compiled, being bound.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, bail};
use tokio::sync::RwLock;

use super::{
    ResolvedWorkload, WorkloadComponent, WorkloadItem, WorkloadService,
    bind::{Binding, Bindings, BoundItems, ItemKind, ItemNeeds, ItemRef, PlannedBinding, plan},
    link::Links,
    resolved::Parts,
};
use crate::{
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

    /// Binds the workload to the plugins that serve what it declares, and does
    /// not serve itself: what one of its components exports is linked to the
    /// others, and no plugin is asked.
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
    /// If nothing serves a declared interface that the workload uses, the
    /// components cannot be linked to one another (a component imports what
    /// several others export, or imports go round in a circle), a plugin
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
        let links = Links::find(self.service.as_ref(), &self.components)?;
        let plan = plan(&self.needs(&links), &self.host_interfaces, plugins)?;
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
    /// Those of [`bind_plugins`](Self::bind_plugins); if a component imports an
    /// interface with other types than the one that exports it; or if a plugin
    /// refuses the resolved workload. All plugins are unbound before this
    /// returns.
    pub async fn resolve(
        mut self,
        plugins: Option<&HashMap<&'static str, Arc<dyn HostPlugin>>>,
        http_handler: Arc<dyn HostHandler>,
    ) -> anyhow::Result<ResolvedWorkload> {
        let links = Links::find(self.service.as_ref(), &self.components)?;
        if let Some(plugins) = plugins {
            self.bind_plugins(plugins).await?;
        }
        let notify: Vec<BoundItems> = self
            .bindings
            .iter()
            .map(|binding| (Arc::clone(&binding.plugin), binding.items.clone()))
            .collect();
        let stopped = Arc::new(AtomicBool::new(false));
        if let Some(service) = &mut self.service {
            service.set_stopped(Arc::clone(&stopped));
        }
        let order = self.component_ids();
        let components = std::mem::take(&mut self.components)
            .into_iter()
            .map(|mut component| {
                component.set_stopped(Arc::clone(&stopped));
                (component.shared_id(), component)
            })
            .collect();
        let components = Arc::new(RwLock::new(components));
        let linked = links.define(self.service.as_mut(), &components, &http_handler);
        if let Err(error) = linked.await {
            self.bindings.unbind_all(&self.id).await;
            return Err(error);
        }
        let resolved = ResolvedWorkload::new(Parts {
            id: self.id,
            name: self.name,
            namespace: self.namespace,
            host_interfaces: self.host_interfaces,
            service: self.service,
            components,
            order,
            bindings: self.bindings,
            http_handler,
            stopped,
        });
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
    fn needs(&self, links: &Links) -> Vec<ItemNeeds> {
        let service = self.service.iter().map(|service| ItemNeeds {
            item: ItemRef::Service,
            kind: ItemKind::Service,
            id: service.shared_id(),
            name: self.name.to_string(),
            world: service.world(),
            linked: links.served(service.id()),
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
                linked: links.served(component.id()),
            });
        service.chain(components).collect()
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
