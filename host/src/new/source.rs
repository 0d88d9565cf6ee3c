//! The WIT of a new plugin: its author's, a published interface's, or an example.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

use super::published::{Published, unknown};
use crate::wit::{functional, needed, path, print, word};

/// The world of a new plugin.
pub(super) struct Source {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
}

impl Source {
    /// Returns a world with one function, as an example.
    pub(super) fn example(name: &str) -> Result<Self> {
        let package = word(name);
        let text = format!(
            "\
package demo:{package}@0.1.0;

interface greeting {{
  /// Returns a greeting for somebody.
  greet: func(name: string) -> string;
}}

/// In the world of a plugin, `export` is what the plugin serves to components.
world plugin {{
  export greeting;
}}
"
        );
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", &text)?;
        let world = resolve.select_world(&[package], None)?;
        Ok(Self { resolve, world })
    }

    /// Returns the world of a plugin for the WIT of a file or folder.
    ///
    /// The world is the one that is named, or the only one that exports an
    /// interface, or a new one that exports all interfaces that have functions.
    ///
    /// # Errors
    ///
    /// Fails if the WIT cannot be read, there is no such world, or a world
    /// exports what a plugin cannot serve.
    pub(super) fn from_path(path: &Path, world: Option<&str>) -> Result<Self> {
        let mut resolve = Resolve::default();
        let pushed = resolve.push_path(path);
        // With the file, the line and what stands there.
        let (package, _) = pushed.map_err(|error| anyhow!(resolve.render_error(&error)))?;
        if world.is_some() {
            let world = resolve.select_world(&[package], world)?;
            return Self::existing(resolve, world);
        }
        let worlds = resolve.packages.get(package).map(|package| &package.worlds);
        let mut worlds = worlds.into_iter().flatten().map(|(_, id)| *id);
        let serves = |id: &WorldId| {
            let world = resolve.worlds.get(*id);
            world.is_some_and(|world| !functional(&resolve, world.exports.values()).is_empty())
        };
        match (worlds.next(), worlds.next()) {
            (Some(only), None) if serves(&only) => Self::existing(resolve, only),
            _ => {
                let interfaces = interfaces_of(&resolve, package);
                Self::new_world(resolve, &interfaces, &[])
            }
        }
    }

    /// Returns the world of a plugin that serves a published interface, such as
    /// `wasi:logging/logging`, or all of a package.
    ///
    /// # Errors
    ///
    /// Fails if there is no such interface here, and says which ones there are.
    pub(super) fn published(wanted: &str) -> Result<Self> {
        let (name, version) = match wanted.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted, None),
        };
        let (package_name, interface) = match name.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (name, None),
        };
        let found = Published::find(package_name).ok_or_else(|| unknown(wanted))?;
        let (resolve, package) = found.load()?;
        let known = resolve.packages.get(package).context("it has no package")?;
        if let Some(version) = version
            && known
                .name
                .version
                .as_ref()
                .map(ToString::to_string)
                .as_deref()
                != Some(version)
        {
            bail!("`{package_name}` is here as `{}`", known.name);
        }
        let of_components = |id: &InterfaceId| {
            let interface = resolve.interfaces.get(*id);
            let name = interface.and_then(|interface| interface.name.as_deref());
            let mut all = found.of_components.iter();
            all.find(|(other, _)| Some(*other) == name)
        };
        let all = interfaces_of(&resolve, package);
        let (mut serves, mut calls) = (Vec::new(), Vec::new());
        match interface {
            None => {
                for id in all {
                    match of_components(&id) {
                        None => serves.push(id),
                        Some((_, true)) => calls.push(id),
                        Some((_, false)) => {}
                    }
                }
            }
            Some(interface) => {
                let id = known.interfaces.get(interface).copied();
                let id = id.filter(|id| all.contains(id));
                serves.push(id.ok_or_else(|| unknown(wanted))?);
            }
        }
        Self::new_world(resolve, &serves, &calls)
    }

    /// Returns a world that is there, if a plugin can serve it.
    fn existing(resolve: Resolve, world: WorldId) -> Result<Self> {
        let found = resolve
            .worlds
            .get(world)
            .context("there is no such world")?;
        let name = &found.name;
        for (key, item) in &found.exports {
            if let WorldItem::Function(function) = item {
                bail!(
                    "the world `{name}` exports the function `{}` by itself: put it into an \
                     interface, by whose name components find it",
                    function.name
                );
            }
            if let WorldItem::Interface { id, .. } = item
                && resolve.id_of(*id).is_none()
            {
                bail!(
                    "the world `{name}` exports the interface `{}` without a package: declare it \
                     outside of the world",
                    resolve.name_world_key(key)
                );
            }
        }
        if functional(&resolve, found.exports.values()).is_empty() {
            bail!(
                "the world `{name}` exports no interface: in the world of a plugin, `export` is \
                 what it serves to components"
            );
        }
        Ok(Self { resolve, world })
    }

    /// Returns a world that exports and imports these interfaces.
    fn new_world(
        mut resolve: Resolve,
        exports: &[InterfaceId],
        imports: &[InterfaceId],
    ) -> Result<Self> {
        if exports.is_empty() {
            bail!("there is no interface with a function in it, which a plugin could serve");
        }
        let mut text = "\
package local:plugin;

/// In the world of a plugin, `export` is what the plugin serves to components,
/// and `import` what it calls of them.
world plugin {
"
        .to_owned();
        for (keyword, interfaces) in [("import", imports), ("export", exports)] {
            for id in interfaces {
                text.push_str(&format!("  {keyword} {};\n", path(&resolve, *id)?));
            }
        }
        text.push_str("}\n");
        let package = resolve.push_str("plugin.wit", &text)?;
        let world = resolve.select_world(&[package], Some("plugin"))?;
        Ok(Self { resolve, world })
    }

    /// Returns the files of the world, by their paths below `wit/`.
    ///
    /// # Errors
    ///
    /// Fails if the WIT cannot be printed.
    pub(super) fn files(&self) -> Result<Vec<(String, String)>> {
        let world = self.resolve.worlds.get(self.world);
        let main = world.and_then(|world| world.package);
        let main = main.context("the world belongs to no package")?;
        let mut files = vec![("plugin.wit".to_owned(), print(&self.resolve, main, &[])?)];
        for id in needed(&self.resolve, main) {
            let package = self
                .resolve
                .packages
                .get(id)
                .context("a package is missing")?;
            let name = package.name.to_string().replace([':', '@'], "-");
            let text = print(&self.resolve, id, &[])?;
            files.push((format!("deps/{name}.wit"), text));
        }
        Ok(files)
    }

    /// Returns the interfaces that the plugin serves, by name.
    pub(super) fn serves(&self) -> Vec<String> {
        let world = self.resolve.worlds.get(self.world);
        let exports = world.into_iter().flat_map(|world| world.exports.values());
        let interfaces = functional(&self.resolve, exports).into_iter();
        interfaces.filter_map(|id| self.resolve.id_of(id)).collect()
    }

    /// Returns the name of the world, if it has to be told from others.
    pub(super) fn world_name(&self) -> Option<String> {
        let world = self.resolve.worlds.get(self.world)?;
        let package = self.resolve.packages.get(world.package?)?;
        (package.worlds.len() > 1).then(|| world.name.clone())
    }
}

/// The interfaces of a package that a plugin could serve.
pub(super) fn interfaces_of(resolve: &Resolve, package: PackageId) -> Vec<InterfaceId> {
    let package = resolve.packages.get(package);
    let all = package
        .into_iter()
        .flat_map(|package| package.interfaces.values().copied());
    let has_functions = |id: &InterfaceId| {
        let interface = resolve.interfaces.get(*id);
        interface.is_some_and(|interface| !interface.functions.is_empty())
    };
    all.filter(has_functions).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn all_published_packages_can_be_served() {
        for published in Published::ALL {
            let source = Source::published(published.name).unwrap();
            assert!(!source.serves().is_empty(), "{}", published.name);
            for (_, text) in source.files().unwrap() {
                assert!(
                    text.starts_with("package ") || text.starts_with("///"),
                    "{text}"
                );
            }
        }
        let one = Source::published("wasi:keyvalue/store").unwrap();
        assert_eq!(one.serves(), ["wasi:keyvalue/store@0.2.0-draft"]);
        let error = Source::published("wasi:keyvalue/store@9.0.0")
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "`wasi:keyvalue` is here as `wasi:keyvalue@0.2.0-draft`"
        );
        let error = Source::published("wasi:nothing/here")
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.starts_with("`wasi:nothing/here` is not known; there are `wasi:logging/logging`"),
            "{error}"
        );
    }
}
