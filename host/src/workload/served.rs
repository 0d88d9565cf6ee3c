//! What the plugins serve: [`Served`].

use std::sync::Arc;

use wash_plugin_loader::world::InterfaceName;
use wash_runtime::{plugin::HostPlugin, wit::WitInterface};

/// Each interface that a plugin serves, with the plugin's id.
#[derive(Debug, Default)]
pub(crate) struct Served(Vec<(String, InterfaceName)>);

impl Served {
    pub(crate) fn new(plugins: &[Arc<dyn HostPlugin>]) -> Self {
        let mut served = Vec::new();
        for plugin in plugins {
            let world = plugin.world();
            for interface in world.imports.iter().chain(&world.exports) {
                for name in names(interface) {
                    served.push((plugin.id().to_owned(), name));
                }
            }
        }
        served.sort_by_key(|(id, name)| (id.clone(), name.to_string()));
        Self(served)
    }

    /// The plugin that serves an import, in this or a compatible version.
    pub(crate) fn by(&self, import: &str) -> Option<(&str, &InterfaceName)> {
        let import = name(import)?;
        self.0
            .iter()
            .find(|(_, served)| served.serves(&import))
            .map(|(id, served)| (id.as_str(), served))
    }

    /// The same interface in a version that is not compatible.
    pub(crate) fn other_version(&self, import: &str) -> Option<(&str, &InterfaceName)> {
        let import = name(import)?;
        self.0
            .iter()
            .find(|(_, served)| {
                InterfaceName {
                    version: import.version.clone(),
                    ..served.clone()
                } == import
            })
            .map(|(id, served)| (id.as_str(), served))
    }

    /// As prose: "`a:b/c@0.1.0` (plugin `x`), …".
    pub(crate) fn list(&self) -> String {
        let served: Vec<String> = self
            .0
            .iter()
            .map(|(id, name)| format!("`{name}` (plugin `{id}`)"))
            .collect();
        match served.as_slice() {
            [] => "no plugin serves anything".to_owned(),
            _ => format!("the plugins serve {}", served.join(", ")),
        }
    }
}

/// The parts of an import's name; `None` if it is no interface.
pub(super) fn name(import: &str) -> Option<InterfaceName> {
    names(&WitInterface::from(import)).next()
}

fn names(interface: &WitInterface) -> impl Iterator<Item = InterfaceName> {
    interface.interfaces.iter().map(|name| InterfaceName {
        namespace: interface.namespace.clone(),
        package: interface.package.clone(),
        interface: name.clone(),
        version: interface.version.clone(),
    })
}

#[cfg(test)]
impl Served {
    pub(crate) fn of(served: &[(&str, &str)]) -> Self {
        Self(
            served
                .iter()
                .filter_map(|(id, import)| Some(((*id).to_owned(), name(import)?)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_versions_are_served() {
        let served = Served::of(&[("kv", "wasi:keyvalue/store@0.2.1")]);
        assert_eq!(
            served.by("wasi:keyvalue/store@0.2.0").map(|(id, _)| id),
            Some("kv")
        );
        assert!(served.by("wasi:keyvalue/store@0.3.0").is_none());
        assert!(served.by("wasi:keyvalue/atomics@0.2.0").is_none());
        let (id, name) = served.other_version("wasi:keyvalue/store@0.3.0").unwrap();
        assert_eq!(
            (id, name.to_string().as_str()),
            ("kv", "wasi:keyvalue/store@0.2.1")
        );
        assert!(
            served
                .other_version("wasi:keyvalue/atomics@0.3.0")
                .is_none()
        );
    }
}
