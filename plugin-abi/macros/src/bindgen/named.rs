//! The types that WIT names, in Rust: a struct, an enum or an alias for each.

use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{InterfaceId, Type, TypeDef, TypeDefKind};

use super::names::{self, camel, snake};
use super::types::{Mode, borrow_ident, ident_of, literal};
use super::{Generator, Result, error, io};

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
            let lends = self.lends(&Type::Id(*ty));
            out.extend(self.type_def(name, def, lends, depth)?);
            if errors.contains(ty)
                && matches!(
                    def.kind,
                    TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)
                )
            {
                let (ident, generics) = (camel(name), generics(lends));
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
        Ok(out)
    }

    fn type_def(
        &self,
        name: &str,
        def: &TypeDef,
        lends: bool,
        depth: usize,
    ) -> Result<TokenStream> {
        let ident = camel(name);
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
                let mut fields = Vec::new();
                let mut docs_of = Vec::new();
                for field in &record.fields {
                    let name = snake(&field.name);
                    let ty = self.ty(&field.ty, mode.clone(), depth)?;
                    docs_of.push(doc(&field.docs));
                    fields.push((name, ty));
                }
                let (names, tys): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                let derives =
                    derives(lends || record.fields.iter().any(|f| self.owns_resources(&f.ty)));
                let traits = match lends {
                    true => quote!(__params),
                    false => quote!(__record),
                };
                quote! {
                    #docs
                    #derives
                    pub struct #ident #generics { #(#docs_of pub #names: #tys,)* }
                    ::wash_plugin_abi::#traits!(#ident #generics { #(#names: #tys,)* });
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
                let owns = |case: &wit_parser::Case| {
                    case.ty.as_ref().is_some_and(|ty| self.owns_resources(ty))
                };
                let derives = derives(lends || variant.cases.iter().any(owns));
                quote! {
                    #docs
                    #derives
                    pub enum #ident #generics { #(#docs_of #cases,)* }
                    ::wash_plugin_abi::__variant!(
                        #ident #generics, #name, #count { #(#numbers => #cases),* }
                    );
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
                let ty = self.kind(&format!("`{name}`"), def, mode, depth)?;
                quote! { #docs pub type #ident #generics = #ty; }
            }
        })
    }
}

/// The lifetime of a type that can only be lent.
fn generics(lends: bool) -> Option<TokenStream> {
    lends.then(|| quote!(<'wash>))
}

/// What a type that cannot be copied is not.
fn derives(is_unique: bool) -> TokenStream {
    if is_unique {
        quote! { #[derive(Debug)] }
    } else {
        quote! { #[derive(Clone, Debug, PartialEq)] }
    }
}
