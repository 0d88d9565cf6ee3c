//! The types that WIT names, in Rust: a struct, an enum or an alias for each.

use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{InterfaceId, Type, TypeDefKind, TypeId};

use super::names::{self, Scope};
use super::types::{Mode, Which, literal};
use super::{Generator, Result, error, error_at, io};

impl Generator<'_> {
    /// The types that an interface defines.
    pub(super) fn types(&self, id: InterfaceId) -> Result<TokenStream> {
        if io::is_wasi_io(self.resolve, id) {
            return Ok(io::types(self.resolve, id));
        }
        let depth = self.depth(id);
        let errors = self.error_types();
        let mut out = TokenStream::new();
        let mut markers = Vec::new();
        for (name, ty) in &self.resolve.interfaces[id].types {
            let def = &self.resolve.types[*ty];
            let lends = self.lends(&Type::Id(*ty));
            let ident = self.type_ident(*ty)?;
            let made = self.type_def(*ty, name, lends, depth).map_err(|problem| {
                let interface = names::interface(self.resolve, id).unwrap_or_default();
                let item = format!("interface `{interface}`, type `{name}`");
                error_at(self.resolve, def.span, item, problem)
            })?;
            out.extend(made);
            if matches!(def.kind, TypeDefKind::Resource) {
                markers.push(quote! {
                    #[derive(Debug)]
                    pub enum #ident {}
                    impl ::wash_plugin_abi::ResourceType for #ident {
                        const NAME: &'static str = #name;
                    }
                });
            }
            if errors.contains(ty)
                && matches!(
                    def.kind,
                    TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)
                )
            {
                let generics = generics(lends);
                out.extend(quote! {
                    impl #generics ::std::fmt::Display for #ident #generics {
                        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                            ::std::fmt::Debug::fmt(self, f)
                        }
                    }
                    impl #generics ::std::error::Error for #ident #generics {}
                });
            }
        }
        if !markers.is_empty() {
            out.extend(quote! {
                #[doc(hidden)]
                pub mod __resources {
                    #(#markers)*
                }
            });
        }
        Ok(out)
    }

    fn type_def(&self, id: TypeId, name: &str, lends: bool, depth: usize) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        let ident = self.type_ident(id)?;
        let generics = generics(lends);
        // What is only a parameter borrows as parameters do.
        let mode = match lends {
            true => Mode::Param(Some(quote!('wash))),
            false => Mode::Owned,
        };
        let doc =
            |docs: &wit_parser::Docs| docs.contents.as_ref().map(|docs| quote! { #[doc = #docs] });
        let docs = doc(&def.docs);
        Ok(match &def.kind {
            TypeDefKind::Record(record) => {
                let mut scope = Scope::default();
                let mut fields = Vec::new();
                let mut docs_of = Vec::new();
                for field in &record.fields {
                    let name = scope.snake(&field.name);
                    let ty = self.ty(&field.ty, mode.clone(), depth)?;
                    docs_of.push(doc(&field.docs));
                    fields.push((name, ty));
                }
                let (names, tys): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                let derives = self.derives(id, lends);
                let debug = self.debug(id, &generics)?;
                let traits = match lends {
                    true => quote!(__params),
                    false => quote!(__record),
                };
                quote! {
                    #docs
                    #derives
                    pub struct #ident #generics { #(#docs_of pub #names: #tys,)* }
                    #debug
                    ::wash_plugin_abi::#traits!(#ident #generics { #(#names: #tys,)* });
                }
            }
            TypeDefKind::Variant(variant) => {
                let count = variant.cases.len();
                let mut scope = Scope::default();
                let mut cases = Vec::new();
                let mut docs_of = Vec::new();
                let mut numbers = Vec::new();
                for (number, case) in variant.cases.iter().enumerate() {
                    let name = scope.camel(&case.name);
                    let payload = match &case.ty {
                        Some(ty) => {
                            let ty = self.ty(ty, mode.clone(), depth)?;
                            Some(quote! { (#ty) })
                        }
                        None => None,
                    };
                    docs_of.push(doc(&case.docs));
                    cases.push(quote! { #name #payload });
                    numbers.push(literal(number));
                }
                let count = literal(count);
                let derives = self.derives(id, lends);
                let debug = self.debug(id, &generics)?;
                quote! {
                    #docs
                    #derives
                    pub enum #ident #generics { #(#docs_of #cases,)* }
                    #debug
                    ::wash_plugin_abi::__variant!(
                        #ident #generics, #name, #count { #(#numbers => #cases),* }
                    );
                }
            }
            TypeDefKind::Enum(of) => {
                let count = literal(of.cases.len());
                let docs_of = of.cases.iter().map(|case| doc(&case.docs));
                let mut scope = Scope::default();
                let cases: Vec<_> = of.cases.iter().map(|c| scope.camel(&c.name)).collect();
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
                let mut scope = Scope::default();
                let names = flags.flags.iter().map(|flag| scope.shouty(&flag.name));
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
                let borrow = self.borrow_ident(id)?;
                let docs_of_borrow = format!("A `{name}` that is lent for the time of a call.");
                quote! {
                    #docs
                    pub type #ident = ::wash_plugin_abi::Own<__resources::#ident>;
                    #[doc = #docs_of_borrow]
                    pub type #borrow<'a> = ::wash_plugin_abi::Borrow<'a, __resources::#ident>;
                }
            }
            TypeDefKind::Type(Type::Id(other)) if self.is_resource(*other) => {
                let own = self.resource_path(*other, Which::Own, depth)?;
                let lent = self.resource_path(*other, Which::Borrow, depth)?;
                let borrow = self.borrow_ident(id)?;
                quote! {
                    #docs
                    pub type #ident = #own;
                    pub type #borrow<'a> = #lent<'a>;
                }
            }
            _ => {
                let ty = self.kind(&format!("`{name}`"), def, mode, depth)?;
                quote! { #docs pub type #ident #generics = #ty; }
            }
        })
    }
    /// What a type of its own is: one that cannot be copied is less, and so is one whose
    /// tuples cannot be compared.
    fn derives(&self, id: TypeId, lends: bool) -> TokenStream {
        let is_unique = lends || self.owns_resources(&Type::Id(id));
        match (is_unique, self.has_long_tuple(&Type::Id(id))) {
            (true, true) => TokenStream::new(),
            (true, false) => quote! { #[derive(Debug)] },
            (false, true) => quote! { #[derive(Clone)] },
            (false, false) => quote! { #[derive(Clone, Debug, PartialEq)] },
        }
    }

    /// `Debug` for a type whose tuples cannot be printed.
    fn debug(&self, id: TypeId, generics: &Option<TokenStream>) -> Result<Option<TokenStream>> {
        if !self.has_long_tuple(&Type::Id(id)) {
            return Ok(None);
        }
        let ident = self.type_ident(id)?;
        let name = ident.to_string();
        Ok(Some(quote! {
            impl #generics ::std::fmt::Debug for #ident #generics {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.debug_struct(#name).finish_non_exhaustive()
                }
            }
        }))
    }
}

/// The lifetime of a type that can only be lent.
fn generics(lends: bool) -> Option<TokenStream> {
    lends.then(|| quote!(<'wash>))
}
