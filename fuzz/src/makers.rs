//! Resources for whoever wants some: a document may have no function that gives
//! one, so each is added an interface that gives any number of each type.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeOwner, WorldId, WorldItem};

use crate::guest::path;
use crate::world::{Import, parse};

/// The interface that is added.
pub(crate) const INTERFACE: &str = "fuzz:makers/makers";

/// A type of resources that a plugin serves.
pub(crate) struct Resource {
    pub(crate) interface: String,
    name: String,
}

/// Adds the interface, if the document has resources.
pub(crate) fn add(wit: &str) -> Result<String> {
    let (resolve, world) = parse(wit)?;
    let resources = resources(&resolve, world)?;
    if resources.is_empty() {
        return Ok(wit.to_owned());
    }
    let head = "world plugin {";
    let mut text = wit.replacen(head, &format!("{head}\n  export {INTERFACE};"), 1);
    text += "\npackage fuzz:makers {\n  interface makers {\n";
    for (i, Resource { interface, name }) in resources.iter().enumerate() {
        let interface = path(interface);
        writeln!(text, "    use {interface}.{{%{name} as r{i}}};")?;
        writeln!(text, "    make{i}: func() -> list<r{i}>;")?;
    }
    text += "  }\n}\n";
    Ok(text)
}

/// The types of resources that a world exports.
pub(crate) fn resources(resolve: &Resolve, world: WorldId) -> Result<Vec<Resource>> {
    let mut resources = Vec::new();
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = resolve.id_of(*id).context("an interface has no name")?;
        for (name, id) in &resolve.interfaces[*id].types {
            if matches!(resolve.types[*id].kind, TypeDefKind::Resource) {
                resources.push(Resource {
                    interface: interface.clone(),
                    name: name.clone(),
                });
            }
        }
    }
    Ok(resources)
}

/// What a function of the interface makes.
pub(crate) struct Made {
    /// The type of one.
    pub(crate) handle: Type,
    /// The interface that has the resource, and its name there.
    pub(crate) interface: String,
    pub(crate) resource: String,
}

/// `None` if it is a function of another interface.
pub(crate) fn made(resolve: &Resolve, import: &Import<'_>) -> Option<Made> {
    if import.called.interface != INTERFACE {
        return None;
    }
    let kind = |ty: Type| match ty {
        Type::Id(id) => Some(&resolve.types[id].kind),
        _ => None,
    };
    let TypeDefKind::List(handle) = kind(import.function.result?)? else {
        return None;
    };
    let &TypeDefKind::Handle(Handle::Own(mut id)) = kind(*handle)? else {
        return None;
    };
    while let TypeDefKind::Type(Type::Id(of)) = resolve.types[id].kind {
        id = of;
    }
    let def = &resolve.types[id];
    let TypeOwner::Interface(owner) = def.owner else {
        return None;
    };
    Some(Made {
        handle: *handle,
        interface: resolve.id_of(owner)?,
        resource: def.name.clone()?,
    })
}
