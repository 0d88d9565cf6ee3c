//! The resources of `wasi:io`, which the host has: in a plugin's interfaces
//! they are types of the SDK.

use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

use super::{Result, error};

/// The resources that cross, each with its interface.
const CROSS: [(&str, &str); 3] = [
    ("streams", "input-stream"),
    ("streams", "output-stream"),
    ("poll", "pollable"),
];

/// Whether the interface is one of `wasi:io`.
pub(super) fn is_wasi_io(resolve: &Resolve, id: InterfaceId) -> bool {
    resolve
        .interfaces
        .get(id)
        .and_then(|interface| resolve.packages.get(interface.package?))
        .is_some_and(|package| package.name.namespace == "wasi" && package.name.name == "io")
}

/// The module of an interface of `wasi:io`: what of it crosses.
pub(super) fn types(resolve: &Resolve, id: InterfaceId) -> TokenStream {
    let name = resolve.interfaces.get(id).and_then(|i| i.name.as_deref());
    match name {
        Some("streams") => quote! {
            pub use ::wash_plugin_abi::io::{
                InputStream, InputStreamBorrow, OutputStream, OutputStreamBorrow,
            };
        },
        Some("poll") => quote! {
            pub use ::wash_plugin_abi::io::{Pollable, PollableBorrow};
        },
        _ => TokenStream::new(),
    }
}

/// Refuses what of `wasi:io` does not cross.
pub(super) fn check(resolve: &Resolve, owner: InterfaceId, name: &str) -> Result<()> {
    let interface = resolve
        .interfaces
        .get(owner)
        .and_then(|i| i.name.as_deref());
    let crosses = CROSS
        .iter()
        .any(|(of, resource)| interface == Some(of) && name == *resource);
    if crosses || !is_wasi_io(resolve, owner) {
        return Ok(());
    }
    Err(error(format_args!(
        "`{name}` of wasi:io does not cross to a plugin: use `input-stream`, `output-stream` and `pollable`, and tell errors as a type of your own"
    )))
}

/// Whether the type is `pollable`, perhaps by another name.
pub(super) fn is_pollable(resolve: &Resolve, id: TypeId) -> bool {
    let Some(def) = resolve.types.get(id) else {
        return false;
    };
    match (&def.kind, def.owner) {
        (TypeDefKind::Type(Type::Id(other)), _) => is_pollable(resolve, *other),
        (TypeDefKind::Resource, TypeOwner::Interface(owner)) => {
            is_wasi_io(resolve, owner) && def.name.as_deref() == Some("pollable")
        }
        _ => false,
    }
}
