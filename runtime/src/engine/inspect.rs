//! Questions about a compiled component.

use wasmtime::component::{Component, types::ComponentItem};

use crate::wit::{WitInterface, WitWorld};

const WASI_HTTP: &str = "wasi:http/";

/// The packages that the runtime serves itself.
const WASI_PACKAGES: [&str; 7] = [
    "cli",
    "clocks",
    "filesystem",
    "http",
    "io",
    "random",
    "sockets",
];

/// Whether the component imports or exports an interface of WASI 0.3.
#[must_use]
pub fn targets_wasip3(component: &Component) -> bool {
    any_name(component, is_wasip3)
}

/// Whether the component imports or exports an interface of `wasi:http` 0.3.
#[must_use]
pub fn targets_wasip3_http(component: &Component) -> bool {
    any_name(component, |name| {
        name.starts_with(WASI_HTTP) && is_wasip3(name)
    })
}

/// Whether the component imports or exports an interface of `wasi:http`.
#[must_use]
pub fn uses_wasi_http(component: &Component) -> bool {
    any_name(component, |name| name.starts_with(WASI_HTTP))
}

/// Whether the component imports an interface of `wasi:http`.
#[must_use]
pub fn imports_wasi_http(component: &Component) -> bool {
    imports(component)
        .iter()
        .any(|(name, _)| name.starts_with(WASI_HTTP))
}

/// Whether the component exports an interface of `wasi:http`.
#[must_use]
pub fn exports_wasi_http(component: &Component) -> bool {
    exports(component)
        .iter()
        .any(|(name, _)| name.starts_with(WASI_HTTP))
}

/// Whether the component exports a handler of `wasmcloud:messaging`.
#[must_use]
pub fn exports_messaging_handler(component: &Component) -> bool {
    exports(component)
        .iter()
        .any(|(name, _)| name.starts_with("wasmcloud:messaging/handler"))
}

fn is_wasip3(name: &str) -> bool {
    name.starts_with("wasi:") && name.contains("@0.3")
}

fn any_name(component: &Component, is: impl Fn(&str) -> bool) -> bool {
    imports(component)
        .iter()
        .chain(&exports(component))
        .any(|(name, _)| is(name))
}

/// One imported or exported instance: its name, and the interface that it
/// implements if it is imported under a name of its own.
type Instance = (String, Option<String>);

fn imports(component: &Component) -> Vec<Instance> {
    component
        .component_type()
        .imports(component.engine())
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, item)| (name.to_string(), item.implements.map(str::to_string)))
        .collect()
}

fn exports(component: &Component) -> Vec<Instance> {
    component
        .component_type()
        .exports(component.engine())
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, item)| (name.to_string(), item.implements.map(str::to_string)))
        .collect()
}

/// The instances that the component imports and exports. Functions, types and
/// modules at the top level are left out: no plugin serves them.
pub(crate) fn world(component: &Component) -> WitWorld {
    let mut world = WitWorld::default();
    for instance in imports(component) {
        WitWorld::merge_into(
            &mut world.imports,
            interface(&instance.0, instance.1.as_deref()),
        );
    }
    for instance in exports(component) {
        WitWorld::merge_into(
            &mut world.exports,
            interface(&instance.0, instance.1.as_deref()),
        );
    }
    world
}

/// The interface that an import or export is: the one it is named by, or the
/// one that it implements under a name of its own.
pub(super) fn interface(name: &str, implements: Option<&str>) -> WitInterface {
    match implements {
        Some(implemented) => WitInterface {
            name: Some(name.to_string()),
            ..WitInterface::from(implemented)
        },
        None => WitInterface::from(name),
    }
}

/// The imports from WASI in a version that no host function here has: neither
/// 0.2 nor 0.3, or one from before its release.
pub(crate) fn unknown_wasi(component: &Component) -> Vec<String> {
    imported_instances(component)
        .filter(|name| {
            let interface = WitInterface::from(name.as_str());
            interface.namespace == "wasi"
                && WASI_PACKAGES.contains(&interface.package.as_str())
                && interface.version.is_some_and(|version| {
                    version.major != 0
                        || ![2, 3].contains(&version.minor)
                        || !version.pre.is_empty()
                })
        })
        .collect()
}

/// The full names of the instances that the component imports.
pub(crate) fn imported_instances(component: &Component) -> impl Iterator<Item = String> {
    imports(component).into_iter().map(|(name, _)| name)
}

/// The full names of the instances that the component exports.
pub(crate) fn exported_instances(component: &Component) -> impl Iterator<Item = String> {
    exports(component).into_iter().map(|(name, _)| name)
}
