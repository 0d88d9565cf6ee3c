//! [`WitWorld`]: what a plugin or a component imports and exports.

use std::collections::HashSet;

use super::WitInterface;

/// A set of imports and a set of exports.
///
/// As a plugin's world: what the plugin serves, listed on either side. As a
/// component's world: what the binary imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WitWorld {
    /// The imports.
    pub imports: HashSet<WitInterface>,
    /// The exports.
    pub exports: HashSet<WitInterface>,
}

impl WitWorld {
    /// Whether one entry, import or export, [contains](WitInterface::contains)
    /// the whole of `interface`, its name included.
    #[must_use]
    pub fn includes(&self, interface: &WitInterface) -> bool {
        self.entries().any(|entry| entry.contains(interface))
    }

    /// Whether each of the interfaces' names is found in some entry of the
    /// same package, import or export. Names of instances and configuration
    /// play no part.
    ///
    /// An interface that lists no names is included in every world: there is
    /// nothing that could be missing.
    #[must_use]
    pub fn includes_bidirectional(&self, interface: &WitInterface) -> bool {
        covers(|| self.entries(), interface)
    }

    /// As [`includes_bidirectional`](Self::includes_bidirectional), looking at
    /// imports only.
    #[must_use]
    pub fn provides(&self, interface: &WitInterface) -> bool {
        covers(|| self.imports.iter(), interface)
    }

    /// Whether the exports of this world serve all that `guest` imports.
    ///
    /// If several exports contain an import and carry different versions, it
    /// is undecided which one is meant, and the answer is no.
    #[must_use]
    pub fn satisfies(&self, guest: &WitWorld) -> bool {
        guest.imports.iter().all(|import| {
            let serving: Vec<_> = self
                .exports
                .iter()
                .filter(|export| export.contains(import))
                .collect();
            let versions: HashSet<_> = serving
                .iter()
                .filter_map(|export| export.version.as_ref())
                .collect();
            !serving.is_empty() && versions.len() <= 1
        })
    }

    /// Imports and exports.
    fn entries(&self) -> impl Iterator<Item = &WitInterface> {
        self.imports.iter().chain(&self.exports)
    }

    /// Adds `interface` to a set, joining it with an entry of the same
    /// instance if there is one.
    pub(crate) fn merge_into(set: &mut HashSet<WitInterface>, interface: WitInterface) {
        let instance = interface.instance();
        // An element of a set cannot change in place, its hash would be stale.
        match set
            .iter()
            .find(|entry| entry.instance() == instance)
            .cloned()
        {
            Some(mut entry) => {
                set.remove(&entry);
                entry.merge(&interface);
                set.insert(entry);
            }
            None => {
                set.insert(interface);
            }
        }
    }
}

/// Whether each name of `interface` is found in an entry of its package.
fn covers<'a, I>(entries: impl Fn() -> I, interface: &WitInterface) -> bool
where
    I: Iterator<Item = &'a WitInterface>,
{
    interface.interfaces.iter().all(|name| {
        entries().any(|entry| entry.same_package(interface) && entry.interfaces.contains(name))
    })
}
