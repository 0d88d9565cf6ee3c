//! [`WitInterfaces`]: the declared interfaces that a callback is about.

use std::collections::HashSet;

use crate::wit::WitInterface;

/// A borrowed set of interfaces, with lookups by name.
#[derive(Debug)]
pub struct WitInterfaces<'a> {
    interfaces: &'a HashSet<WitInterface>,
}

impl<'a> WitInterfaces<'a> {
    /// Wraps a set.
    #[must_use]
    pub fn new(interfaces: &'a HashSet<WitInterface>) -> Self {
        Self { interfaces }
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &'a WitInterface> + 'a {
        self.interfaces.iter()
    }

    /// An entry of this package that lists all these interfaces.
    ///
    /// Version, name and configuration play no part. Without interfaces, every
    /// entry of the package will do.
    #[must_use]
    pub fn get(
        &self,
        namespace: &str,
        package: &str,
        interfaces: &[&str],
    ) -> Option<&WitInterface> {
        self.interfaces.iter().find(|entry| {
            entry.namespace == namespace
                && entry.package == package
                && interfaces
                    .iter()
                    .all(|name| entry.interfaces.contains(*name))
        })
    }

    /// Whether there is such an entry; see [`get`](Self::get).
    #[must_use]
    pub fn contains(&self, namespace: &str, package: &str, interfaces: &[&str]) -> bool {
        self.get(namespace, package, interfaces).is_some()
    }
}
