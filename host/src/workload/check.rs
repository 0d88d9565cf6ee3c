//! Whether someone serves what a workload imports: [`check_imports`].
//!
//! The runtime finds out as well, but late: a component's imports are linked
//! when it is first called. And wasmtime cannot know who could serve them.

use wash_runtime::wit::WitInterface;

use super::{
    Item,
    served::{Served, name},
};
use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// What the runtime itself links, in versions 0.2 and 0.3.
const WASI: [&str; 7] = [
    "cli",
    "clocks",
    "filesystem",
    "http",
    "io",
    "random",
    "sockets",
];

/// An import that nobody serves.
struct Missing {
    what: String,
    help: String,
}

/// Checks each import of a workload's items: the host has it, another
/// component exports it, or a plugin serves it and the workload asks for it.
///
/// # Errors
///
/// Names every import that is left, what is served instead, and what to do.
pub(crate) fn check_imports(
    items: &[Item],
    declared: &[WitInterface],
    served: &Served,
) -> Result<()> {
    let missing: Vec<Missing> = items
        .iter()
        .flat_map(|item| item.names.interfaces().map(move |import| (item, import)))
        .filter(|(item, import)| {
            import.must_be_served
                && !is_wasi(&import.name)
                && !is_exported(items, item, &import.name)
        })
        .filter_map(|(item, import)| check(&item.label, &import.name, declared, served))
        .collect();
    let mut helps: Vec<&str> = missing
        .iter()
        .map(|missing| missing.help.as_str())
        .collect();
    helps.dedup();
    let message = match missing.as_slice() {
        [] => return Ok(()),
        [one] => one.what.clone(),
        many => {
            let lines: Vec<_> = many.iter().map(|one| format!("\n  {}", one.what)).collect();
            format!("{} imports are not served:{}", many.len(), lines.concat())
        }
    };
    Err(Failure::message(Code::WorkloadStart, message).help(helps.join("\n        ")))
}

fn check(label: &str, import: &str, declared: &[WitInterface], served: &Served) -> Option<Missing> {
    if let Some((id, by)) = served.by(import) {
        if is_declared(declared, import) {
            return None;
        }
        let wanted = name(import)?;
        // Only an entry without a version matches two that differ.
        let version = match &wanted.version {
            Some(version) if by.version == wanted.version => format!(", version: {version}"),
            _ => String::new(),
        };
        return Some(Missing {
            what: format!(
                "{label} imports `{import}`, which plugin `{id}` serves, but the workload does \
                 not ask for it"
            ),
            help: format!(
                "add `- {{ namespace: {}, package: {}, interfaces: [{}]{version} }}` to \
                 `hostInterfaces` in the workload file",
                wanted.namespace, wanted.package, wanted.interface
            ),
        });
    }
    let (instead, help) = match served.other_version(import) {
        Some((id, other)) => (
            format!("plugin `{id}` serves `{other}`, a version that is not compatible"),
            "use a version of the plugin, or of the component, that matches the other",
        ),
        None if import.starts_with("wasi:keyvalue/") => (
            served.list(),
            "say where to keep values (--keyvalue memory, file:DIR, nats://HOST:PORT or \
             redis://HOST:PORT), or add a plugin that serves it",
        ),
        None => (
            served.list(),
            "add a plugin that serves it; `wash-host plugin list DIR` shows what the plugins of a \
             directory serve",
        ),
    };
    Some(Missing {
        what: format!(
            "{label} imports `{import}`, which neither the host nor a plugin serves; {instead}"
        ),
        help: help.to_owned(),
    })
}

fn is_wasi(import: &str) -> bool {
    let interface = WitInterface::from(import);
    interface.namespace == "wasi"
        && WASI.contains(&interface.package.as_str())
        && interface
            .version
            .is_some_and(|version| version.major == 0 && matches!(version.minor, 2 | 3))
}

/// Whether another component of the workload serves it.
fn is_exported(items: &[Item], importer: &Item, import: &str) -> bool {
    items
        .iter()
        .filter(|item| !std::ptr::eq(*item, importer))
        .any(|item| item.names.exports.iter().any(|export| export == import))
}

fn is_declared(declared: &[WitInterface], import: &str) -> bool {
    let wanted = WitInterface::from(import);
    declared.iter().any(|entry| {
        entry.same_package(&wanted)
            && (entry.interfaces.is_empty() || entry.interfaces.is_superset(&wanted.interfaces))
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::names::{Import, Names},
        *,
    };

    fn item(label: &str, imports: &[&str], exports: &[&str]) -> Item {
        let imports = imports
            .iter()
            .map(|name| Import {
                name: (*name).to_owned(),
                must_be_served: true,
            })
            .collect();
        let exports = exports.iter().map(|name| (*name).to_owned()).collect();
        Item {
            label: label.to_owned(),
            names: Names { imports, exports },
        }
    }

    fn logging() -> Vec<Item> {
        let imports = [
            "wasi:io/poll@0.2.0",
            "wasi:http/types@0.3.0",
            "wasi:logging/logging@0.1.0-draft",
        ];
        vec![item("app.wasm", &imports, &[])]
    }

    fn told(declared: &[WitInterface], served: &Served) -> (String, String) {
        let failure = check_imports(&logging(), declared, served).unwrap_err();
        (failure.text(), failure.help_text().to_owned())
    }

    #[test]
    fn what_nobody_serves_is_named() {
        let served = Served::of(&[("kv", "wasi:keyvalue/store@0.2.0")]);
        let (text, help) = told(&[], &served);
        assert_eq!(
            text,
            "app.wasm imports `wasi:logging/logging@0.1.0-draft`, which neither the host nor a \
             plugin serves; the plugins serve `wasi:keyvalue/store@0.2.0` (plugin `kv`)"
        );
        assert!(help.contains("add a plugin that serves it"));
        let (text, _) = told(&[], &Served::default());
        assert!(text.ends_with("; no plugin serves anything"), "{text}");
    }

    #[test]
    fn another_version_is_named() {
        let served = Served::of(&[("log", "wasi:logging/logging@0.2.0")]);
        let (text, _) = told(&[], &served);
        assert!(
            text.contains("plugin `log` serves `wasi:logging/logging@0.2.0`"),
            "{text}"
        );
    }

    #[test]
    fn what_the_workload_does_not_ask_for_is_named() {
        let served = Served::of(&[("log", "wasi:logging/logging@0.1.0-draft")]);
        let (text, help) = told(&[], &served);
        assert!(text.contains("plugin `log` serves, but the workload does not ask for it"));
        assert_eq!(
            help,
            "add `- { namespace: wasi, package: logging, interfaces: [logging], version: \
             0.1.0-draft }` to `hostInterfaces` in the workload file"
        );
        let declared = [WitInterface::from("wasi:logging/logging")];
        assert!(check_imports(&logging(), &declared, &served).is_ok());
    }

    #[test]
    fn a_compatible_version_is_asked_for_without_one() {
        let served = Served::of(&[("kv", "a:kv/store@0.2.1")]);
        let items = [item("app.wasm", &["a:kv/store@0.2.0"], &[])];
        let failure = check_imports(&items, &[], &served).unwrap_err();
        assert!(failure.help_text().contains("interfaces: [store] }"));
    }

    #[test]
    fn components_serve_each_other() {
        let items = [item("a", &["a:b/c"], &[]), item("b", &[], &["a:b/c"])];
        assert!(check_imports(&items, &[], &Served::default()).is_ok());
    }

    #[test]
    fn all_of_them_are_named() {
        let items = [
            item("a", &["a:b/c", "a:b/d"], &[]),
            item("b", &["a:b/c"], &[]),
        ];
        let failure = check_imports(&items, &[], &Served::default()).unwrap_err();
        assert!(
            failure
                .text()
                .starts_with("3 imports are not served:\n  a imports `a:b/c`")
        );
        assert!(!failure.help_text().contains('\n'), "the same help once");
    }
}
