//! The matching of declared interfaces with plugins.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use anyhow::bail;

use crate::{
    plugin::HostPlugin,
    wit::{WitInterface, WitWorld},
};

/// The side of `wasi:http` that the HTTP handler serves, not a plugin.
const HTTP_HANDLER: [&str; 3] = ["incoming-handler", "outgoing-handler", "handler"];

/// Finds an item in its workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ItemRef {
    Service,
    Component(usize),
}

/// What an item is, as it is printed in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ItemKind {
    Service,
    Component,
}

/// An item and its world.
#[derive(Clone, Debug)]
pub(in super::super) struct ItemNeeds {
    pub(in super::super) item: ItemRef,
    pub(in super::super) kind: ItemKind,
    pub(in super::super) id: Arc<str>,
    pub(in super::super) name: String,
    pub(in super::super) world: WitWorld,
    /// What it imports from other components of the workload.
    pub(in super::super) linked: HashSet<WitInterface>,
}

impl ItemNeeds {
    /// Whether a plugin is to serve this. The workload serves itself first;
    /// but what is named as a plugin or an instance is not of the workload.
    fn needs(&self, interface: &WitInterface) -> bool {
        if !covers(&self.world, interface) {
            return false;
        }
        let serves_itself = interface.name.is_none()
            && !interface.interfaces.is_empty()
            && interface.interfaces.iter().all(|name| {
                self.linked.iter().any(|linked| {
                    linked.same_package(interface) && linked.interfaces.contains(name)
                })
            });
        !serves_itself
    }
}

/// What one plugin is to be bound to.
pub(in super::super) struct PlannedBinding {
    pub(in super::super) plugin: Arc<dyn HostPlugin>,
    /// The declared interfaces over all items.
    pub(in super::super) interfaces: HashSet<WitInterface>,
    /// The declared interfaces of each item, in the items' order.
    pub(in super::super) items: Vec<(ItemRef, HashSet<WitInterface>)>,
}

/// A plugin with the answers that it gives about itself, asked once.
struct Candidate<'a> {
    id: &'static str,
    plugin: &'a Arc<dyn HostPlugin>,
    world: WitWorld,
    named: bool,
}

impl Candidate<'_> {
    fn matches(&self, interface: &WitInterface) -> bool {
        covers(&self.world, interface) && self.plugin.claims(interface)
    }
}

/// Decides which plugin serves each declared interface to each item, plugins
/// in ascending order of their ids.
///
/// An item needs the declared interfaces that its world covers, and that no
/// other component of the workload serves to it. The first
/// plugin whose world covers one serves it, with two rules about names: one
/// that is named as a plugin belongs to that plugin; and among several
/// plugins, named interfaces go to those that tell instances apart, unnamed
/// ones to those that do not.
pub(in super::super) fn plan(
    items: &[ItemNeeds],
    declared: &[WitInterface],
    plugins: &HashMap<&'static str, Arc<dyn HostPlugin>>,
) -> anyhow::Result<Vec<PlannedBinding>> {
    let declared: Vec<&WitInterface> = declared
        .iter()
        .filter(|interface| !is_http_handler(interface))
        .collect();
    warn_of_unused(items, &declared);
    let candidates: BTreeMap<&str, Candidate<'_>> = plugins
        .values()
        .map(|plugin| {
            let candidate = Candidate {
                id: plugin.id(),
                plugin,
                world: plugin.world(),
                named: plugin.supports_named_instances(),
            };
            (candidate.id, candidate)
        })
        .collect();

    let mut planned: BTreeMap<&str, Vec<(ItemRef, HashSet<WitInterface>)>> = BTreeMap::new();
    for item in items {
        let mut unmatched = BTreeSet::new();
        for interface in declared.iter().filter(|i| item.needs(i)) {
            match choose(&candidates, interface) {
                Some(candidate) => {
                    let items = planned.entry(candidate.id).or_default();
                    match items.last_mut() {
                        Some((last, interfaces)) if *last == item.item => {
                            interfaces.insert((*interface).clone());
                        }
                        _ => items.push((item.item, HashSet::from([(*interface).clone()]))),
                    }
                }
                None => {
                    unmatched.insert(interface.to_string());
                }
            }
        }
        if !unmatched.is_empty() {
            return Err(unavailable(item, unmatched, &candidates));
        }
    }

    let mut bindings = Vec::new();
    for candidate in candidates.values() {
        let Some(items) = planned.remove(candidate.id) else {
            continue;
        };
        let interfaces: HashSet<WitInterface> = items
            .iter()
            .flat_map(|(_, interfaces)| interfaces.iter().cloned())
            .collect();
        check_names(candidate, &interfaces)?;
        bindings.push(PlannedBinding {
            plugin: Arc::clone(candidate.plugin),
            interfaces,
            items,
        });
    }
    Ok(bindings)
}

/// The plugin that serves an interface.
fn choose<'c>(
    candidates: &'c BTreeMap<&str, Candidate<'c>>,
    interface: &WitInterface,
) -> Option<&'c Candidate<'c>> {
    let name = interface.name.as_deref();
    if let Some(owner) = name.and_then(|name| candidates.get(name)) {
        return owner.matches(interface).then_some(owner);
    }
    let matching: Vec<_> = candidates
        .values()
        .filter(|candidate| candidate.matches(interface))
        .collect();
    matching
        .iter()
        .find(|candidate| candidate.named == name.is_some())
        .or_else(|| matching.first())
        .copied()
}

/// Whether a world has all of an interface. One that lists no names stands for
/// its package: taken literally it would be covered by every world, and so be
/// bound to whichever plugin comes first.
fn covers(world: &WitWorld, interface: &WitInterface) -> bool {
    if interface.interfaces.is_empty() {
        return world
            .imports
            .iter()
            .chain(&world.exports)
            .any(|entry| entry.same_package(interface));
    }
    world.includes_bidirectional(interface)
}

fn is_http_handler(interface: &WitInterface) -> bool {
    interface.namespace == "wasi"
        && interface.package == "http"
        && interface
            .interfaces
            .iter()
            .all(|name| HTTP_HANDLER.contains(&name.as_str()))
}

/// A plugin that cannot tell instances apart gets at most one named interface
/// of each package.
fn check_names(
    candidate: &Candidate<'_>,
    interfaces: &HashSet<WitInterface>,
) -> anyhow::Result<()> {
    if candidate.named {
        return Ok(());
    }
    let mut names: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for interface in interfaces {
        if let Some(name) = &interface.name {
            names
                .entry((&interface.namespace, &interface.package))
                .or_default()
                .insert(name);
        }
    }
    for ((namespace, package), names) in names {
        if names.len() > 1 {
            bail!(
                "plugin '{}' does not support named instances, but workload requires {} named \
                 entries for {namespace}:{package} (names: {}). The plugin must implement \
                 supports_named_instances() to handle multiplexed interfaces.",
                candidate.id,
                names.len(),
                names.into_iter().collect::<Vec<_>>().join(", "),
            );
        }
    }
    Ok(())
}

fn unavailable(
    item: &ItemNeeds,
    unmatched: BTreeSet<String>,
    candidates: &BTreeMap<&str, Candidate<'_>>,
) -> anyhow::Error {
    let interfaces = unmatched.into_iter().collect::<Vec<_>>().join(", ");
    let plugins = match candidates.is_empty() {
        true => "no plugins".to_string(),
        false => candidates.keys().copied().collect::<Vec<_>>().join(", "),
    };
    anyhow::anyhow!(
        "workload component {}({}) requested interfaces that are not available on this host: \
         {{{interfaces}}}; it is '{}', and the host has {plugins}",
        item.kind,
        item.id,
        item.name,
    )
}

/// A declaration that no item uses binds nothing, which is easily overlooked.
fn warn_of_unused(items: &[ItemNeeds], declared: &[&WitInterface]) {
    for interface in declared {
        if !items.iter().any(|item| covers(&item.world, interface)) {
            tracing::warn!(
                %interface,
                "declared interface is not bound: no component of the workload uses all of it"
            );
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "Service",
            Self::Component => "Component",
        })
    }
}
