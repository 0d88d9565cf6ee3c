//! WIT's types where they are used, in Rust.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Handle, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use super::{Generator, Result, error, idents, io};

/// Whether a type owns what it holds.
#[derive(Clone)]
pub(super) enum Mode {
    /// It does: in results, and in named types that can be a part of one.
    Owned,
    /// It borrows, for the lifetime named, or an elided one.
    Param(Option<TokenStream>),
}

/// The most elements of a tuple for which the ABI crate has the codec's traits.
pub(super) const MAX_TUPLE: usize = 20;

/// The most elements of a tuple for which the standard library has `Debug` and
/// `PartialEq`.
const MAX_STD_TUPLE: usize = 12;

/// Of the Rust types that stand for a resource, which one.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// That of a resource that is given.
    Own,
    /// That of one that is lent, which has a lifetime.
    Borrow,
}

impl Generator<'_> {
    /// A type where it is used.
    pub(super) fn ty(&self, ty: &Type, mode: Mode, depth: usize) -> Result<TokenStream> {
        Ok(match ty {
            Type::Bool => quote!(bool),
            Type::U8 => quote!(u8),
            Type::U16 => quote!(u16),
            Type::U32 => quote!(u32),
            Type::U64 => quote!(u64),
            Type::S8 => quote!(i8),
            Type::S16 => quote!(i16),
            Type::S32 => quote!(i32),
            Type::S64 => quote!(i64),
            Type::F32 => quote!(f32),
            Type::F64 => quote!(f64),
            Type::Char => quote!(char),
            Type::String => match mode {
                Mode::Owned => quote!(::std::string::String),
                Mode::Param(lifetime) => quote!(&#lifetime str),
            },
            Type::ErrorContext => match mode {
                Mode::Param(lifetime) => {
                    let lifetime = lifetime.unwrap_or_else(|| quote!('_));
                    quote!(::wash_plugin_abi::ErrorContext<#lifetime>)
                }
                Mode::Owned => {
                    return Err(error(
                        "an `error-context` can be a parameter, also inside a list or the like, but not part of a result, nor of what a stream or future carries: the engine gives its host no way to return one",
                    ));
                }
            },
            Type::Id(id) => self.named_or_inline(*id, mode, depth)?,
        })
    }

    fn named_or_inline(&self, id: TypeId, mode: Mode, depth: usize) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        // A named record or the like is used by its name; an alias of
        // something that can be borrowed is looked through where that helps.
        let by_name = match (&def.kind, &mode) {
            (
                TypeDefKind::Record(_)
                | TypeDefKind::Variant(_)
                | TypeDefKind::Enum(_)
                | TypeDefKind::Flags(_),
                _,
            ) => true,
            (_, Mode::Owned) => def.name.is_some(),
            (_, Mode::Param(_)) => false,
        };
        if let (true, Some(name), TypeOwner::Interface(owner)) = (by_name, &def.name, def.owner) {
            io::check(self.resolve, owner, name)?;
            let module = self.module_path(owner, depth)?;
            let ident = self.type_ident(id)?;
            return match mode {
                Mode::Param(lifetime) if self.lends(&Type::Id(id)) => {
                    let lifetime = lifetime.unwrap_or_else(|| quote!('_));
                    Ok(quote! { #module::#ident<#lifetime> })
                }
                Mode::Owned if self.lends(&Type::Id(id)) => Err(error(format_args!(
                    "`{name}` has a `borrow` or an `error-context` in it, so it can be a parameter, but not part of a result, nor of what a stream or future carries"
                ))),
                _ => Ok(quote! { #module::#ident }),
            };
        }
        let name = def
            .name
            .as_ref()
            .map_or_else(|| "this one".into(), |name| format!("`{name}`"));
        self.kind(&name, def, mode, depth)
    }

    pub(super) fn kind(
        &self,
        name: &str,
        def: &TypeDef,
        mode: Mode,
        depth: usize,
    ) -> Result<TokenStream> {
        let refuse = |what: &str| {
            Err(error(format_args!(
                "this version of bindgen! does not serve {what}, such as {name}"
            )))
        };
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => self.ty(ty, mode, depth)?,
            TypeDefKind::Tuple(tuple) if tuple.types.len() > MAX_TUPLE => {
                return Err(error(format_args!(
                    "a tuple has {} elements, and {MAX_TUPLE} are the most that a plugin can have: use a record",
                    tuple.types.len()
                )));
            }
            TypeDefKind::Tuple(tuple) => {
                let mut types = Vec::new();
                for ty in &tuple.types {
                    types.push(self.ty(ty, mode.clone(), depth)?);
                }
                quote! { (#(#types,)*) }
            }
            TypeDefKind::Option(ty) => {
                let ty = self.ty(ty, mode, depth)?;
                quote! { ::std::option::Option<#ty> }
            }
            TypeDefKind::Result(result) => {
                let part = |ty: &Option<Type>| match ty {
                    Some(ty) => self.ty(ty, mode.clone(), depth),
                    None => Ok(quote!(())),
                };
                let (ok, err) = (part(&result.ok)?, part(&result.err)?);
                quote! { ::std::result::Result<#ok, #err> }
            }
            TypeDefKind::List(element) => match (&mode, self.is_number(element)) {
                (Mode::Param(lifetime), true) => {
                    let element = self.ty(element, Mode::Owned, depth)?;
                    quote! { &#lifetime [#element] }
                }
                _ => {
                    let element = self.ty(element, mode, depth)?;
                    quote! { ::std::vec::Vec<#element> }
                }
            },
            TypeDefKind::Handle(Handle::Own(id))
                if matches!(mode, Mode::Param(_)) && io::is_pollable(self.resolve, *id) =>
            {
                return Err(error(
                    "a `pollable` cannot be given to a plugin, as it is waited for with its component's store: take a `borrow<pollable>`",
                ));
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.resource_path(*id, Which::Own, depth)?,
            TypeDefKind::Handle(Handle::Borrow(id)) => match mode {
                Mode::Param(lifetime) => {
                    let path = self.resource_path(*id, Which::Borrow, depth)?;
                    let lifetime = lifetime.unwrap_or_else(|| quote!('_));
                    quote! { #path<#lifetime> }
                }
                Mode::Owned => {
                    return refuse("a `borrow` in a result, or in what a stream or future carries");
                }
            },
            TypeDefKind::Resource => return refuse("a resource that is not a handle"),
            TypeDefKind::Stream(payload) => {
                let payload = self.payload(payload, depth)?;
                quote! { ::wash_plugin_abi::io::StreamReader<#payload> }
            }
            TypeDefKind::Future(payload) => {
                let payload = self.payload(payload, depth)?;
                quote! { ::wash_plugin_abi::io::FutureReader<#payload> }
            }
            TypeDefKind::Map(key, value) => {
                let key = self.ty(key, mode.clone(), depth)?;
                let value = self.ty(value, mode, depth)?;
                quote! { ::std::collections::BTreeMap<#key, #value> }
            }
            TypeDefKind::FixedLengthList(element, len) => {
                let len = literal(*len as usize);
                match (&mode, self.is_number(element)) {
                    (Mode::Param(lifetime), true) => {
                        let element = self.ty(element, Mode::Owned, depth)?;
                        quote! { &#lifetime [#element; #len] }
                    }
                    _ => {
                        let element = self.ty(element, mode, depth)?;
                        quote! { [#element; #len] }
                    }
                }
            }
            TypeDefKind::Record(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Flags(_)
            | TypeDefKind::Unknown => {
                return Err(error(format_args!(
                    "the type {name} has no name of its own"
                )));
            }
        })
    }

    /// What a stream or future carries. It is read after the call, so it borrows
    /// nothing from it.
    fn payload(&self, ty: &Option<Type>, depth: usize) -> Result<TokenStream> {
        match ty {
            Some(ty) => self.ty(ty, Mode::Owned, depth),
            None => Ok(quote!(())),
        }
    }

    pub(super) fn is_resource(&self, id: TypeId) -> bool {
        idents::is_resource(self.resolve, id)
    }

    /// A type's name in its interface's module.
    pub(super) fn type_ident(&self, id: TypeId) -> Result<&Ident> {
        let found = self.idents.ty(id);
        found.ok_or_else(|| error("a type is used whose interface is not part of the world"))
    }

    /// The same, of a resource that is lent.
    pub(super) fn borrow_ident(&self, id: TypeId) -> Result<&Ident> {
        let found = self.idents.borrow(id);
        found.ok_or_else(|| error("a resource is used whose interface is not part of the world"))
    }

    /// Path of the Rust type that stands for a resource, owned or lent.
    pub(super) fn resource_path(
        &self,
        id: TypeId,
        which: Which,
        depth: usize,
    ) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        let (Some(name), TypeOwner::Interface(owner)) = (&def.name, def.owner) else {
            return Err(error(
                "a resource has no name, or is not part of an interface",
            ));
        };
        io::check(self.resolve, owner, name)?;
        let module = self.module_path(owner, depth)?;
        let ident = match which {
            Which::Own => self.type_ident(id)?,
            Which::Borrow => self.borrow_ident(id)?,
        };
        Ok(quote! { #module::#ident })
    }

    /// Whether the type is, or has in it, a tuple that Rust cannot compare or print.
    pub(super) fn has_long_tuple(&self, ty: &Type) -> bool {
        self.has(
            ty,
            &|kind| matches!(kind, TypeDefKind::Tuple(tuple) if tuple.types.len() > MAX_STD_TUPLE),
        )
    }

    /// Whether a value of the type may own a resource, a stream or a future, and so
    /// cannot be cloned.
    pub(super) fn owns_resources(&self, ty: &Type) -> bool {
        self.has(ty, &|kind| {
            matches!(
                kind,
                TypeDefKind::Handle(_)
                    | TypeDefKind::Resource
                    | TypeDefKind::Stream(_)
                    | TypeDefKind::Future(_)
            )
        })
    }

    /// Whether a value of the type may be lent for a call, in whole or in part: only
    /// parameters can.
    pub(super) fn lends(&self, ty: &Type) -> bool {
        self.parts(ty).into_iter().any(|part| match part {
            Type::ErrorContext => true,
            Type::Id(id) => matches!(
                self.resolve.types[id].kind,
                TypeDefKind::Handle(Handle::Borrow(_))
            ),
            _ => false,
        })
    }

    /// Whether the type is of such a kind, or something in it is.
    pub(super) fn has(&self, ty: &Type, such: &dyn Fn(&TypeDefKind) -> bool) -> bool {
        self.parts(ty).into_iter().any(|part| match part {
            Type::Id(id) => such(&self.resolve.types[id].kind),
            _ => false,
        })
    }

    /// The type and all that it is made of, each once: written out, a type can be as
    /// large as 2 to the power of its depth.
    fn parts(&self, ty: &Type) -> HashSet<Type> {
        let mut left = vec![*ty];
        let mut seen = HashSet::new();
        while let Some(ty) = left.pop() {
            if !seen.insert(ty) {
                continue;
            }
            let Type::Id(id) = ty else { continue };
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(ty)
                | TypeDefKind::List(ty)
                | TypeDefKind::FixedLengthList(ty, _)
                | TypeDefKind::Option(ty) => left.push(*ty),
                TypeDefKind::Map(key, value) => left.extend([*key, *value]),
                TypeDefKind::Record(record) => left.extend(record.fields.iter().map(|f| f.ty)),
                TypeDefKind::Tuple(tuple) => left.extend(&tuple.types),
                TypeDefKind::Variant(variant) => {
                    left.extend(variant.cases.iter().filter_map(|case| case.ty));
                }
                TypeDefKind::Result(result) => left.extend(result.ok.into_iter().chain(result.err)),
                _ => {}
            }
        }
        seen
    }

    fn is_number(&self, ty: &Type) -> bool {
        match ty {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::S8
            | Type::S16
            | Type::S32
            | Type::S64
            | Type::F32
            | Type::F64 => true,
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Type(ty) => self.is_number(ty),
                _ => false,
            },
            _ => false,
        }
    }

    /// The types that stand in the error place of a `result`.
    pub(super) fn error_types(&self) -> HashSet<TypeId> {
        let mut found = HashSet::new();
        for (_, def) in self.resolve.types.iter() {
            if let TypeDefKind::Result(result) = &def.kind
                && let Some(Type::Id(mut id)) = result.err
            {
                found.insert(id);
                while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
                    id = next;
                    found.insert(id);
                }
            }
        }
        found
    }
}

pub(super) fn literal(number: usize) -> proc_macro2::Literal {
    proc_macro2::Literal::usize_unsuffixed(number)
}
