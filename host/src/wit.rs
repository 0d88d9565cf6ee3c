//! WIT documents: what a plugin serves, as a component's author needs it.

use anyhow::{Context as _, Result};
use wit_component::WitPrinter;
use wit_parser::{
    Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem,
};

/// Words that mean something in WIT. A name that is one of them has a `%` before
/// it.
const KEYWORDS: [&str; 43] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

/// The world of a component that uses all that a plugin serves.
pub(crate) struct GuestWorld {
    pub(crate) resolve: Resolve,
    pub(crate) world: WorldId,
    /// The world with all packages that it needs, as one document.
    pub(crate) text: String,
}

impl GuestWorld {
    /// Turns the world of a plugin round: a component imports what the plugin
    /// exports, and exports what the plugin calls.
    ///
    /// # Errors
    ///
    /// Fails if an interface has no name, by which components could import it.
    pub(crate) fn of_plugin(mut resolve: Resolve, world: WorldId) -> Result<Self> {
        let plugin = resolve
            .worlds
            .get(world)
            .context("there is no such world")?;
        let imports = functional(&resolve, plugin.exports.values());
        let exports = functional(&resolve, plugin.imports.values());
        let package = free_name(&resolve);
        let mut text = format!("package {package};\n\nworld guest {{\n");
        for id in imports {
            text.push_str(&format!("  import {};\n", path(&resolve, id)?));
        }
        for id in exports {
            text.push_str(&format!("  export {};\n", path(&resolve, id)?));
        }
        text.push_str("}\n");
        let package = resolve.push_str("guest.wit", &text)?;
        let world = resolve.select_world(&[package], Some("guest"))?;
        // Of the other packages, only the interfaces are wanted.
        let mut printed = resolve.clone();
        for (id, other) in printed.packages.iter_mut() {
            if id != package {
                other.worlds.clear();
            }
        }
        let text = print(&printed, package, &needed(&printed, package))?;
        Ok(Self {
            resolve,
            world,
            text,
        })
    }
}

/// Returns the interfaces that have functions, and are not the host's own.
pub(crate) fn functional<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = &'a WorldItem>,
) -> Vec<InterfaceId> {
    let is_functional = |id: &InterfaceId| {
        let interface = resolve.interfaces.get(*id);
        interface.is_some_and(|interface| !interface.functions.is_empty())
            && !is_wasi_io(resolve, *id)
    };
    items
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        })
        .filter(is_functional)
        .collect()
}

/// Whether it is an interface of `wasi:io`, whose streams the host has.
fn is_wasi_io(resolve: &Resolve, id: InterfaceId) -> bool {
    let package = resolve.interfaces.get(id).and_then(|of| of.package);
    let package = package.and_then(|id| resolve.packages.get(id));
    package.is_some_and(|package| package.name.namespace == "wasi" && package.name.name == "io")
}

/// Returns the packages that a package needs, directly or not.
pub(crate) fn needed(resolve: &Resolve, package: PackageId) -> Vec<PackageId> {
    let mut needed = vec![package];
    let mut next = 0;
    while let Some(id) = needed.get(next).copied() {
        for other in resolve.package_direct_deps(id) {
            if !needed.contains(&other) {
                needed.push(other);
            }
        }
        next += 1;
    }
    needed.remove(0);
    needed
}

/// Prints a package, and others behind it.
pub(crate) fn print(resolve: &Resolve, package: PackageId, others: &[PackageId]) -> Result<String> {
    let mut printer = WitPrinter::default();
    printer
        .print(resolve, package, others)
        .context("the WIT cannot be printed")?;
    let mut text = printer.output.to_string();
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// Returns an interface's name as it is written in WIT:
/// `namespace:package/name@version`.
pub(crate) fn path(resolve: &Resolve, id: InterfaceId) -> Result<String> {
    let unnamed = "an interface of the world has no name: give it one in its package";
    let interface = resolve.interfaces.get(id).context(unnamed)?;
    let name = interface.name.as_ref().context(unnamed)?;
    let package = interface.package.and_then(|id| resolve.packages.get(id));
    let package = &package.context(unnamed)?.name;
    let version = match &package.version {
        Some(version) => format!("@{version}"),
        None => String::new(),
    };
    Ok(format!(
        "{}:{}/{}{version}",
        word(&package.namespace),
        word(&package.name),
        word(name)
    ))
}

/// Returns a name as it is written in WIT.
pub(crate) fn word(name: &str) -> String {
    match KEYWORDS.contains(&name) {
        true => format!("%{name}"),
        false => name.to_owned(),
    }
}

/// A package's name that the document does not have yet.
fn free_name(resolve: &Resolve) -> String {
    let is_taken = |name: &str| {
        let mut packages = resolve.packages.iter();
        packages
            .any(|(_, package)| format!("{}:{}", package.name.namespace, package.name.name) == name)
    };
    let more = (2..).map(|number| format!("local:guest{number}"));
    let mut names = std::iter::once("local:guest".to_owned()).chain(more);
    let free = names.find(|name| !is_taken(name));
    free.unwrap_or_default()
}

/// Whether values of the type can be written as text: nothing in it stands for
/// something that only a component can hold.
pub(crate) fn is_plain(resolve: &Resolve, ty: &Type) -> bool {
    match ty {
        Type::ErrorContext => false,
        Type::Id(id) => is_plain_type(resolve, *id),
        _ => true,
    }
}

fn is_plain_type(resolve: &Resolve, id: TypeId) -> bool {
    let Some(def) = resolve.types.get(id) else {
        return false;
    };
    let all =
        |mut types: Box<dyn Iterator<Item = &Type> + '_>| types.all(|ty| is_plain(resolve, ty));
    match &def.kind {
        TypeDefKind::Type(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Option(ty) => is_plain(resolve, ty),
        TypeDefKind::Map(key, value) => is_plain(resolve, key) && is_plain(resolve, value),
        TypeDefKind::Record(record) => all(Box::new(record.fields.iter().map(|field| &field.ty))),
        TypeDefKind::Tuple(tuple) => all(Box::new(tuple.types.iter())),
        TypeDefKind::Variant(variant) => all(Box::new(
            variant.cases.iter().filter_map(|case| case.ty.as_ref()),
        )),
        TypeDefKind::Result(result) => all(Box::new(result.ok.iter().chain(&result.err))),
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => true,
        TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_))
        | TypeDefKind::Resource
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_)
        | TypeDefKind::Unknown => false,
    }
}
