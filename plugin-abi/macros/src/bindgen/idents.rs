//! The identifiers of an interface's types and traits, which stand side by side
//! in its module.

use std::collections::HashMap;

use heck::ToUpperCamelCase;
use proc_macro2::Ident;
use wit_parser::{InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use super::io;
use super::names::{self, Scope};

/// What `bitflags!` calls a type of its own beside each that it makes.
const BITFLAGS: [&str; 1] = ["InternalBitFlags"];

/// What the types and traits of all interfaces are called, in their modules.
#[derive(Debug, Default)]
pub(super) struct Idents {
    types: HashMap<TypeId, Ident>,
    /// A resource that is lent.
    borrows: HashMap<TypeId, Ident>,
    /// The trait of a resource that the plugin serves.
    traits: HashMap<TypeId, Ident>,
    /// The trait of an interface that the plugin serves.
    guests: HashMap<InterfaceId, Ident>,
}

impl Idents {
    /// Names what is in an interface: first what the WIT has, then what is made
    /// beside it.
    pub(super) fn add(&mut self, resolve: &Resolve, id: InterfaceId) {
        let Some(interface) = resolve.interfaces.get(id) else {
            return;
        };
        let mut scope = Scope::without(&BITFLAGS);
        for (name, ty) in &interface.types {
            let ident = match io::is_wasi_io(resolve, id) {
                // The SDK's own.
                true => names::ident(&name.to_upper_camel_case()),
                false => scope.camel(name),
            };
            self.types.insert(*ty, ident);
        }
        self.guests.insert(id, scope.take("Guest"));
        for (name, ty) in &interface.types {
            if !is_resource(resolve, *ty) {
                continue;
            }
            let name = name.to_upper_camel_case();
            let borrow = format!("{name}Borrow");
            let borrow = match io::is_wasi_io(resolve, id) {
                true => names::ident(&borrow),
                false => scope.take(&borrow),
            };
            self.borrows.insert(*ty, borrow);
            self.traits.insert(*ty, scope.take(&format!("Guest{name}")));
        }
    }

    pub(super) fn ty(&self, id: TypeId) -> Option<&Ident> {
        self.types.get(&id)
    }

    pub(super) fn borrow(&self, id: TypeId) -> Option<&Ident> {
        self.borrows.get(&id)
    }

    pub(super) fn resource_trait(&self, id: TypeId) -> Option<&Ident> {
        self.traits.get(&id)
    }

    pub(super) fn guest(&self, id: InterfaceId) -> Option<&Ident> {
        self.guests.get(&id)
    }
}

/// Whether the type is a resource, perhaps by another name.
pub(super) fn is_resource(resolve: &Resolve, id: TypeId) -> bool {
    match resolve.types.get(id).map(|def| &def.kind) {
        Some(TypeDefKind::Resource) => true,
        Some(TypeDefKind::Type(Type::Id(other))) => is_resource(resolve, *other),
        _ => false,
    }
}
