//! WIT's names, in Rust's spelling, and each of them once in its scope.
//!
//! The rule, which the documentation of `bindgen!` has too: a keyword gets an
//! underscore behind it. Where two names of one scope have the same spelling in
//! Rust, the first in the WIT keeps it, and the others get underscores behind
//! them. What `bindgen!` makes beside the WIT's own names comes after all of those.

use std::collections::{HashMap, HashSet};

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use wit_parser::{InterfaceId, Resolve, WorldId};

use super::{Result, error};

/// Keywords that syn takes for identifiers: they are keywords since edition 2024.
const LATER_KEYWORDS: [&str; 1] = ["gen"];

/// Names that mean something else in the author's file: a module of such a name
/// beside it would hide that.
const OUTSIDE: [&str; 23] = [
    "exports",
    "wash_plugin_abi",
    "std",
    "core",
    "alloc",
    "bool",
    "char",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "proc_macro",
];

/// The identifiers of one scope in Rust.
#[derive(Debug, Default)]
pub(super) struct Scope(HashSet<String>);

impl Scope {
    /// A scope in which these names are taken.
    pub(super) fn without(taken: &[&str]) -> Self {
        Self(taken.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Takes a name: `wanted`, with underscores behind it where it is a keyword
    /// or taken.
    pub(super) fn take(&mut self, wanted: &str) -> Ident {
        let mut name = wanted.to_owned();
        loop {
            if let Some(ident) = plain(&name)
                && self.0.insert(name.clone())
            {
                return ident;
            }
            name.push('_');
        }
    }

    pub(super) fn snake(&mut self, name: &str) -> Ident {
        self.take(&name.to_snake_case())
    }

    pub(super) fn camel(&mut self, name: &str) -> Ident {
        self.take(&name.to_upper_camel_case())
    }

    pub(super) fn shouty(&mut self, name: &str) -> Ident {
        self.take(&name.to_shouty_snake_case())
    }
}

/// The name as an identifier, unless it is a keyword.
fn plain(name: &str) -> Option<Ident> {
    let parsed = syn::parse_str::<Ident>(name).ok();
    parsed.filter(|_| !LATER_KEYWORDS.contains(&name))
}

/// An identifier that is no keyword: a name that was taken from a [`Scope`].
pub(super) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// The interface as `namespace:package/name@version`.
pub(super) fn interface(resolve: &Resolve, id: InterfaceId) -> Result<String> {
    resolve
        .interfaces
        .get(id)
        .filter(|interface| interface.package.is_some())
        .and_then(|_| resolve.id_of(id))
        .ok_or_else(|| {
            error("the world itself has it: put it into the package, beside the world, as a host finds what a plugin serves by the names of interfaces")
        })
}

/// The world as `namespace:package/name@version`.
pub(super) fn world(resolve: &Resolve, id: WorldId) -> Result<String> {
    let world = super::lookup(resolve, id)?;
    let package = world
        .package
        .ok_or_else(|| error("the world belongs to no package"))?;
    Ok(resolve.id_of_name(package, &world.name))
}

/// The modules of interfaces, nested as their names are: namespace, package, name.
#[derive(Debug)]
pub(super) struct Modules {
    /// What each module has in it, by the module's path.
    scopes: HashMap<Vec<String>, Scope>,
    /// The module that stands for a part of a name, by the path of the module around it.
    known: HashMap<(Vec<String>, String), String>,
}

impl Modules {
    pub(super) fn new() -> Self {
        Self {
            scopes: HashMap::from([(Vec::new(), Scope::without(&OUTSIDE))]),
            known: HashMap::new(),
        }
    }

    /// The module of an interface, in the module `exports` or beside it. The version
    /// is part of it only where another version of the package is there too.
    pub(super) fn of(
        &mut self,
        resolve: &Resolve,
        id: InterfaceId,
        is_export: bool,
    ) -> Result<Vec<String>> {
        let unnamed = || error("an interface in the world has no name or package");
        let interface = resolve.interfaces.get(id).ok_or_else(unnamed)?;
        let name = interface.name.as_ref().ok_or_else(unnamed)?;
        let package = interface
            .package
            .and_then(|package| resolve.packages.get(package))
            .ok_or_else(unnamed)?;
        let same = |other: &wit_parser::PackageName| {
            other.namespace == package.name.namespace && other.name == package.name.name
        };
        let several = resolve
            .packages
            .iter()
            .filter(|(_, other)| same(&other.name))
            .count()
            > 1;
        let mut package_module = package.name.name.to_snake_case();
        if several && let Some(version) = &package.name.version {
            package_module = format!("{package_module}{version}").replace(['.', '-', '+'], "_");
        }
        let mut path = Vec::new();
        if is_export {
            path.push("exports".to_owned());
        }
        let namespace = &package.name.namespace;
        self.enter(&mut path, namespace, &namespace.to_snake_case());
        self.enter(&mut path, &package.name.to_string(), &package_module);
        self.enter(&mut path, name, &name.to_snake_case());
        Ok(path)
    }

    /// Goes from a module into that of `part` in it.
    fn enter(&mut self, path: &mut Vec<String>, part: &str, wanted: &str) {
        let scope = self.scopes.entry(path.clone()).or_default();
        let module = self
            .known
            .entry((path.clone(), part.to_owned()))
            .or_insert_with(|| scope.take(wanted).to_string());
        path.push(module.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_each_name_once() {
        let mut scope = Scope::default();
        let mut taken = |name: &str| scope.camel(name).to_string();
        assert_eq!(taken("a-1"), "A1");
        assert_eq!(taken("a1"), "A1_");
        assert_eq!(taken("A1"), "A1__");
        assert_eq!(taken("self"), "Self_");
        let mut scope = Scope::without(&["std"]);
        let names = ["std", "gen", "type", "type", "a-B"].map(|n| scope.snake(n).to_string());
        assert_eq!(names, ["std_", "gen_", "type_", "type__", "a_b"]);
    }
}
