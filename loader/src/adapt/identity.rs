//! The host's names for things, as the plugin is told them.

use std::collections::HashSet;

use wash_plugin_abi::event::{Interface, Item, ItemKind, Workload};
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::WitInterfaces;
use wash_runtime::wit::{WitInterface, WitWorld};

use crate::world::{self, World};

/// What a plugin serves, as the host's binder wants it. Following the example
/// in the host's own documentation, it stands under `exports`; what it calls
/// of components stands under `imports`.
pub(super) fn wit_world(world: &World) -> WitWorld {
    WitWorld {
        imports: world.called().iter().map(wit_interface).collect(),
        exports: world.interfaces().iter().map(wit_interface).collect(),
    }
}

fn wit_interface(interface: &world::Interface) -> WitInterface {
    WitInterface {
        namespace: interface.name.namespace.clone(),
        package: interface.name.package.clone(),
        interfaces: HashSet::from([interface.name.interface.clone()]),
        version: interface.name.version.clone(),
        config: Default::default(),
        name: None,
    }
}

pub(super) fn unresolved(workload: &UnresolvedWorkload) -> Workload {
    Workload::new(workload.id(), workload.name(), workload.namespace())
}

pub(super) fn item(item: &WorkloadItem<'_>) -> Item {
    let kind = if item.is_service() {
        ItemKind::Service
    } else {
        ItemKind::Component
    };
    let workload = Workload::new(
        item.workload_id(),
        item.workload_name(),
        item.workload_namespace(),
    );
    let mut told = Item::new(item.id(), Some(kind), workload);
    told.config.clone_from(&item.local_resources().config);
    told
}

pub(super) fn resolved(
    workload: &ResolvedWorkload,
    component_id: &str,
    exports: Vec<String>,
) -> Item {
    let of = Workload::new(workload.id(), workload.name(), workload.namespace());
    let mut told = Item::new(component_id, None, of);
    told.exports = exports;
    told
}

pub(super) fn interfaces(interfaces: &WitInterfaces<'_>) -> Vec<Interface> {
    let mut all: Vec<_> = interfaces.iter().map(interface).collect();
    // The host's set has no order; a plugin should see the same one each time.
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    all
}

fn key(of: &Interface) -> impl Ord + '_ {
    (
        &of.namespace,
        &of.package,
        &of.name,
        &of.version,
        &of.interfaces,
    )
}

fn interface(from: &WitInterface) -> Interface {
    let mut names: Vec<_> = from.interfaces.iter().cloned().collect();
    names.sort();
    let mut interface = Interface::new(&from.namespace, &from.package, names);
    interface.version = from.version.as_ref().map(ToString::to_string);
    interface.name.clone_from(&from.name);
    interface.config.clone_from(&from.config);
    interface
}
