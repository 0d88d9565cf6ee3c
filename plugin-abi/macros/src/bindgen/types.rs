//! WIT's types, in Rust.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{Handle, InterfaceId, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use super::names::{self, camel, snake};
use super::{Generator, Result, error, io};

/// Whether a type owns what it holds.
#[derive(Clone)]
pub(super) enum Mode {
    /// It does: in named types and results.
    Owned,
    /// It borrows, for the lifetime named, or an elided one.
    Param(Option<TokenStream>),
}

impl Generator<'_> {
    /// The types that an interface defines.
    pub(super) fn types(&self, id: InterfaceId) -> Result<TokenStream> {
        if io::is_wasi_io(self.resolve, id) {
            return Ok(io::types(self.resolve, id));
        }
        let depth = self.depth(id);
        let errors = self.error_types();
        let mut out = TokenStream::new();
        for (name, ty) in &self.resolve.interfaces[id].types {
            let def = &self.resolve.types[*ty];
            out.extend(self.type_def(name, def, depth)?);
            if errors.contains(ty)
                && matches!(
                    def.kind,
                    TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)
                )
            {
                let ident = camel(name);
                out.extend(quote! {
                    impl ::std::fmt::Display for #ident {
                        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                            ::std::fmt::Debug::fmt(self, f)
                        }
                    }
                    impl ::std::error::Error for #ident {}
                });
            }
        }
        Ok(out)
    }

    fn type_def(&self, name: &str, def: &TypeDef, depth: usize) -> Result<TokenStream> {
        let ident = camel(name);
        let doc =
            |docs: &wit_parser::Docs| docs.contents.as_ref().map(|docs| quote! { #[doc = #docs] });
        let docs = doc(&def.docs);
        Ok(match &def.kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                let mut docs_of = Vec::new();
                for field in &record.fields {
                    let name = snake(&field.name);
                    let ty = self.ty(&field.ty, Mode::Owned, depth)?;
                    docs_of.push(doc(&field.docs));
                    fields.push((name, ty));
                }
                let (names, tys): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                let derives =
                    self.derives(record.fields.iter().any(|f| self.owns_resources(&f.ty)));
                quote! {
                    #docs
                    #derives
                    pub struct #ident { #(#docs_of pub #names: #tys,)* }
                    ::wash_plugin_abi::__record!(#ident { #(#names: #tys,)* });
                }
            }
            TypeDefKind::Variant(variant) => {
                let count = variant.cases.len();
                let mut cases = Vec::new();
                let mut docs_of = Vec::new();
                let mut numbers = Vec::new();
                for (number, case) in variant.cases.iter().enumerate() {
                    let name = camel(&case.name);
                    let payload = match &case.ty {
                        Some(ty) => {
                            let ty = self.ty(ty, Mode::Owned, depth)?;
                            Some(quote! { (#ty) })
                        }
                        None => None,
                    };
                    docs_of.push(doc(&case.docs));
                    cases.push(quote! { #name #payload });
                    numbers.push(literal(number));
                }
                let count = literal(count);
                let owns = |case: &wit_parser::Case| {
                    case.ty.as_ref().is_some_and(|ty| self.owns_resources(ty))
                };
                let derives = self.derives(variant.cases.iter().any(owns));
                quote! {
                    #docs
                    #derives
                    pub enum #ident { #(#docs_of #cases,)* }
                    ::wash_plugin_abi::__variant!(#ident, #name, #count { #(#numbers => #cases),* });
                }
            }
            TypeDefKind::Enum(of) => {
                let count = literal(of.cases.len());
                let docs_of = of.cases.iter().map(|case| doc(&case.docs));
                let cases: Vec<_> = of.cases.iter().map(|case| camel(&case.name)).collect();
                let numbers = (0..of.cases.len()).map(literal);
                quote! {
                    #docs
                    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
                    pub enum #ident { #(#docs_of #cases,)* }
                    ::wash_plugin_abi::__variant!(#ident, #name, #count { #(#numbers => #cases),* });
                }
            }
            TypeDefKind::Flags(flags) => {
                let bits = match flags.flags.len() {
                    0..=8 => quote!(u8),
                    9..=16 => quote!(u16),
                    17..=32 => quote!(u32),
                    n => {
                        return Err(error(format_args!(
                            "the flags `{name}` have {n} members, and the component model allows 32"
                        )));
                    }
                };
                let docs_of = flags.flags.iter().map(|flag| doc(&flag.docs));
                let names = flags
                    .flags
                    .iter()
                    .map(|flag| names::ident(&heck::AsShoutySnakeCase(&flag.name).to_string()));
                let numbers = (0..flags.flags.len()).map(literal);
                quote! {
                    ::wash_plugin_abi::__rt::bitflags! {
                        #docs
                        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
                        pub struct #ident: #bits { #(#docs_of const #names = 1 << #numbers;)* }
                    }
                    ::wash_plugin_abi::__flags!(#ident, #bits, #name);
                }
            }
            TypeDefKind::Resource => {
                let marker = quote::format_ident!("{ident}Resource");
                let borrow = borrow_ident(name);
                let docs_of_borrow = format!("A `{name}` that is lent for the time of a call.");
                quote! {
                    #[derive(Debug)]
                    #[doc(hidden)]
                    pub enum #marker {}
                    impl ::wash_plugin_abi::ResourceType for #marker {
                        const NAME: &'static str = #name;
                    }
                    #docs
                    pub type #ident = ::wash_plugin_abi::Own<#marker>;
                    #[doc = #docs_of_borrow]
                    pub type #borrow<'a> = ::wash_plugin_abi::Borrow<'a, #marker>;
                }
            }
            TypeDefKind::Type(Type::Id(other)) if io::is_pollable(self.resolve, *other) => {
                let own = self.resource_path(*other, ident_of, depth)?;
                quote! {
                    #docs
                    pub type #ident = #own;
                }
            }
            TypeDefKind::Type(Type::Id(other)) if self.is_resource(*other) => {
                let own = self.resource_path(*other, ident_of, depth)?;
                let lent = self.resource_path(*other, borrow_ident, depth)?;
                let borrow = borrow_ident(name);
                quote! {
                    #docs
                    pub type #ident = #own;
                    pub type #borrow<'a> = #lent<'a>;
                }
            }
            _ => {
                let ty = self.kind(&format!("`{name}`"), def, Mode::Owned, depth)?;
                quote! { #docs pub type #ident = #ty; }
            }
        })
    }

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
            Type::ErrorContext => {
                return Err(error(
                    "this version of bindgen! does not serve `error-context`",
                ));
            }
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
            let ident = camel(name);
            return Ok(quote! { #module::#ident });
        }
        let name = def
            .name
            .as_ref()
            .map_or_else(|| "this one".into(), |name| format!("`{name}`"));
        self.kind(&name, def, mode, depth)
    }

    fn kind(&self, name: &str, def: &TypeDef, mode: Mode, depth: usize) -> Result<TokenStream> {
        let refuse = |what: &str| {
            Err(error(format_args!(
                "this version of bindgen! does not serve {what}, such as {name}"
            )))
        };
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => self.ty(ty, mode, depth)?,
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
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id))
                if matches!(mode, Mode::Param(_)) && io::is_pollable(self.resolve, *id) =>
            {
                return refuse("pollables that are passed to the plugin (it may return them)");
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.resource_path(*id, ident_of, depth)?,
            TypeDefKind::Handle(Handle::Borrow(id)) => match mode {
                Mode::Param(lifetime) => {
                    let path = self.resource_path(*id, borrow_ident, depth)?;
                    let lifetime = lifetime.unwrap_or_else(|| quote!('_));
                    quote! { #path<#lifetime> }
                }
                Mode::Owned => return refuse("a `borrow` inside a named type or a result"),
            },
            TypeDefKind::Resource => return refuse("a resource that is not a handle"),
            TypeDefKind::Stream(_) => return refuse("streams"),
            TypeDefKind::Future(_) => return refuse("futures"),
            TypeDefKind::Map(..) => return refuse("maps"),
            TypeDefKind::FixedLengthList(..) => return refuse("fixed-length lists"),
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

    fn is_resource(&self, id: TypeId) -> bool {
        match self.resolve.types[id].kind {
            TypeDefKind::Resource => true,
            TypeDefKind::Type(Type::Id(other)) => self.is_resource(other),
            _ => false,
        }
    }

    /// Path of the Rust type that stands for a resource, owned or lent.
    pub(super) fn resource_path(
        &self,
        id: TypeId,
        ident: fn(&str) -> proc_macro2::Ident,
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
        let ident = ident(name);
        Ok(quote! { #module::#ident })
    }

    /// Whether a value of the type may own a resource, and so cannot be cloned.
    pub(super) fn owns_resources(&self, ty: &Type) -> bool {
        let Type::Id(id) = ty else { return false };
        let of = |ty: &Option<Type>| ty.as_ref().is_some_and(|ty| self.owns_resources(ty));
        match &self.resolve.types[*id].kind {
            TypeDefKind::Handle(_) | TypeDefKind::Resource => true,
            TypeDefKind::Type(ty) | TypeDefKind::List(ty) | TypeDefKind::Option(ty) => {
                self.owns_resources(ty)
            }
            TypeDefKind::Record(record) => record.fields.iter().any(|f| self.owns_resources(&f.ty)),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().any(|ty| self.owns_resources(ty)),
            TypeDefKind::Variant(variant) => variant.cases.iter().any(|case| of(&case.ty)),
            TypeDefKind::Result(result) => of(&result.ok) || of(&result.err),
            _ => false,
        }
    }

    fn derives(&self, owns_resources: bool) -> TokenStream {
        if owns_resources {
            quote! { #[derive(Debug)] }
        } else {
            quote! { #[derive(Clone, Debug, PartialEq)] }
        }
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
    fn error_types(&self) -> HashSet<TypeId> {
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

fn ident_of(name: &str) -> proc_macro2::Ident {
    camel(name)
}

/// Name of the type of a resource that is lent.
pub(super) fn borrow_ident(name: &str) -> proc_macro2::Ident {
    quote::format_ident!("{}Borrow", camel(name))
}

fn literal(number: usize) -> proc_macro2::Literal {
    proc_macro2::Literal::usize_unsuffixed(number)
}
