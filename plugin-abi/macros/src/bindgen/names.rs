//! WIT's names, in Rust's spelling.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use wit_parser::{InterfaceId, Resolve, WorldId};

use super::{Result, error};

/// `name` as an identifier; a keyword gets an underscore behind it.
pub(super) fn ident(name: &str) -> Ident {
    match syn::parse_str::<Ident>(name) {
        Ok(ident) => ident,
        Err(_) => Ident::new(&format!("{name}_"), Span::call_site()),
    }
}

pub(super) fn snake(name: &str) -> Ident {
    ident(&name.to_snake_case())
}

pub(super) fn camel(name: &str) -> Ident {
    ident(&name.to_upper_camel_case())
}

/// The interface as `namespace:package/name@version`.
pub(super) fn interface(resolve: &Resolve, id: InterfaceId) -> Result<String> {
    resolve
        .interfaces
        .get(id)
        .filter(|interface| interface.package.is_some())
        .and_then(|_| resolve.id_of(id))
        .ok_or_else(|| {
            error("an interface in the world has no name: give it one in its package, as a host finds what a plugin serves by name")
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

/// The interface's module: namespace, package, name. The version is part of it
/// only where another version of the package is there too.
pub(super) fn module(resolve: &Resolve, id: InterfaceId) -> Result<Vec<String>> {
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
    Ok(vec![
        package.name.namespace.to_snake_case(),
        package_module,
        name.to_snake_case(),
    ])
}
