//! A component that others call, and its instance in a store.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, Ordering},
};

use tokio::time::timeout;
use wasmtime::{
    AsContextMut, StoreContextMut, bail,
    component::{Component, ComponentExportIndex, ResourceAny, ResourceType, types::ComponentItem},
    error::Context,
    format_err,
};

use super::{Components, WorkloadComponent, WorkloadMetadata};
use crate::{
    engine::{
        Deadlines,
        ctx::{LinkedInstance, SharedCtx},
        inspect,
    },
    host::http::HostHandler,
};

/// The numbers of resource types, for `ResourceType::host_dynamic`. The lower
/// half is left to plugins, which number theirs themselves.
static NEXT_TYPE: AtomicU32 = AtomicU32::new(1 << 31);

/// A component that others call.
pub(super) struct Provider {
    pub(super) id: Arc<str>,
    pub(super) label: Arc<str>,
    pub(super) deadlines: Deadlines,
    pub(super) http_handler: Arc<dyn HostHandler>,
    component: Component,
    /// Weak: the linkers in there hold this provider.
    components: Weak<Components>,
    resources: Vec<ExportedResource>,
}

/// A resource that a provider exports.
struct ExportedResource {
    interface: String,
    name: String,
    export: ComponentExportIndex,
    number: u32,
}

impl Provider {
    pub(super) fn new(
        component: &WorkloadComponent,
        components: Weak<Components>,
        http_handler: Arc<dyn HostHandler>,
    ) -> Self {
        Self {
            id: component.shared_id(),
            label: Arc::from(component.label()),
            deadlines: component.deadlines(),
            resources: exported_resources(component),
            component: component.component().clone(),
            http_handler,
            components,
        }
    }

    pub(super) fn component(&self) -> &Component {
        &self.component
    }

    /// The components of the workload, as long as it is there.
    pub(super) fn components(&self) -> wasmtime::Result<Arc<Components>> {
        self.components
            .upgrade()
            .ok_or_else(|| format_err!("the workload of {} is gone", self.label))
    }

    /// The type by which others know a resource of this provider.
    pub(super) fn resource_type(&self, interface: &str, name: &str) -> Option<ResourceType> {
        self.resources
            .iter()
            .find(|resource| resource.interface == interface && resource.name == name)
            .map(|resource| ResourceType::host_dynamic(resource.number))
    }

    /// The instance in this store, made now if this is the first call. The
    /// provider's context must be the active one.
    pub(super) async fn instance(
        &self,
        store: &mut StoreContextMut<'_, SharedCtx>,
    ) -> wasmtime::Result<Arc<LinkedInstance>> {
        if let Some(instance) = store.data().links.instances.get(&self.id) {
            return Ok(Arc::clone(instance));
        }
        let pre = {
            let components = self.components()?;
            let components = components.read().await;
            components
                .get(&self.id)
                .ok_or_else(|| format_err!("{} is gone", self.label))?
                .pre_instantiate_ref()?
        };
        let deadline = self.deadlines.instantiation;
        let instance = match timeout(deadline, pre.instantiate_async(store.as_context_mut())).await
        {
            Ok(instance) => instance.context("it could not be instantiated")?,
            Err(_) => bail!(
                "it could not be instantiated within {deadline:?}, the host's instantiation \
                 deadline"
            ),
        };
        let mut resources: Vec<(ResourceType, u32)> = Vec::new();
        for resource in &self.resources {
            if let Some(ty) = instance.get_resource(store.as_context_mut(), resource.export)
                && !resources.iter().any(|(known, _)| *known == ty)
            {
                resources.push((ty, resource.number));
            }
        }
        let linked = Arc::new(LinkedInstance {
            instance,
            resources,
        });
        store
            .data_mut()
            .links
            .instances
            .insert(Arc::clone(&self.id), Arc::clone(&linked));
        Ok(linked)
    }

    /// Drops a resource of this provider that another component held.
    pub(super) async fn drop_resource(
        &self,
        mut store: StoreContextMut<'_, SharedCtx>,
        number: u32,
    ) -> wasmtime::Result<()> {
        let resource: ResourceAny = store.data_mut().links.release(number)?;
        let caller = Arc::clone(&store.data().active_ctx.component_id);
        store.data_mut().set_active_ctx(&self.id)?;
        let deadline = self.deadlines.call;
        let dropped = match timeout(deadline, resource.resource_drop_async(&mut store)).await {
            Ok(dropped) => dropped,
            Err(_) => Err(format_err!(
                "its destructor did not end within {deadline:?}, the host's call deadline"
            )),
        };
        store.data_mut().set_active_ctx(&caller)?;
        dropped.with_context(|| format!("a resource of {} could not be dropped", self.label))
    }
}

/// A number for each resource that a component exports. One that is exported
/// by several interfaces has the same number in all of them.
fn exported_resources(item: &WorkloadMetadata) -> Vec<ExportedResource> {
    let (component, engine) = (item.component(), item.engine());
    let ty = component.component_type();
    let mut resources = Vec::new();
    let mut numbers: Vec<(ResourceType, u32)> = Vec::new();
    for interface in inspect::exported_instances(component) {
        let Some(ComponentItem::ComponentInstance(instance)) =
            ty.get_export(engine, &interface).map(|export| export.ty)
        else {
            continue;
        };
        let Some(index) = component.get_export_index(None, &interface) else {
            continue;
        };
        for (name, export) in instance.exports(engine) {
            let ComponentItem::Resource(ty) = export.ty else {
                continue;
            };
            let known = numbers.iter().find(|(known, _)| *known == ty);
            let number = known.map_or_else(
                || NEXT_TYPE.fetch_add(1, Ordering::Relaxed),
                |(_, number)| *number,
            );
            numbers.push((ty, number));
            if let Some(export) = component.get_export_index(Some(&index), name) {
                resources.push(ExportedResource {
                    interface: interface.clone(),
                    name: name.to_string(),
                    export,
                    number,
                });
            }
        }
    }
    resources
}
