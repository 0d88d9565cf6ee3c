//! A function's way from the call table to the author's method: a type that stands
//! for the function, and its parameters as they are read.
//!
//! No name here comes from the WIT, so none can hide another: parameters are
//! numbered, and what the author implements is named by its path.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::TypeId;

use super::interface::{Kind, Served, ServedFunction};
use super::types::{Mode, Which};
use super::{Generator, Result};

/// A function's parameters, as a type.
struct Params {
    /// Where the type is used, with `#lifetime`.
    ty: TokenStream,
    definition: TokenStream,
    /// Takes a value of it, called `params`, apart.
    unpack: TokenStream,
    arguments: Vec<Ident>,
}

impl Generator<'_> {
    /// The type that stands for the function in the call table.
    pub(super) fn marker(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let marker = &function.marker;
        // One module further down than the trait.
        let depth = self.depth(served.id) + 1;
        let guest = self.guest_ident(served.id)?;
        let params = self.params(function, depth)?;
        let (params_ty, params_definition) = (&params.ty, &params.definition);
        let result = self.result_type(function, depth)?;
        let body = self.body(served, function, &params, depth)?;
        let output = quote! {
            ::std::result::Result<Self::Results, ::wash_plugin_abi::codec::CodecError>
        };
        let implementation = if function.is_async {
            quote! {
                impl<T: super::#guest> ::wash_plugin_abi::__rt::AsyncFunction<T> for #marker {
                    type Params<'wash> = #params_ty;
                    type Results = #result;
                    async fn call<'wash>(
                        plugin: &'wash T,
                        call: ::wash_plugin_abi::Call<'wash>,
                        params: Self::Params<'wash>,
                    ) -> #output {
                        let call = &call;
                        #body
                    }
                }
            }
        } else {
            quote! {
                impl<T: super::#guest> ::wash_plugin_abi::__rt::SyncFunction<T> for #marker {
                    type Params<'wash> = #params_ty;
                    type Results = #result;
                    fn call(
                        plugin: &T,
                        call: &::wash_plugin_abi::Call<'_>,
                        params: Self::Params<'_>,
                    ) -> #output {
                        #body
                    }
                }
            }
        };
        Ok(quote! {
            pub struct #marker;
            #params_definition
            #implementation
        })
    }

    fn params(&self, function: &ServedFunction, depth: usize) -> Result<Params> {
        let mut fields = Vec::new();
        let mut names = Vec::new();
        if let Kind::Method(id) = function.kind {
            let ty = self.resource_path(id, Which::Borrow, depth)?;
            fields.push(quote! { this: #ty<'wash> });
            names.push(format_ident!("this"));
        }
        let mut arguments = Vec::new();
        for (number, param) in function.params.iter().enumerate() {
            let field = format_ident!("p{number}");
            let ty = self.ty(&param.ty, Mode::Param(Some(quote!('wash))), depth)?;
            fields.push(quote! { #field: #ty });
            arguments.push(field);
        }
        names.extend(arguments.iter().cloned());
        if fields.is_empty() {
            return Ok(Params {
                ty: quote!(()),
                definition: TokenStream::new(),
                unpack: quote! { let () = params; },
                arguments,
            });
        }
        let name = format_ident!("{}Params", function.marker);
        let lifetime = quote! { lifetime: ::std::marker::PhantomData<&'wash ()> };
        Ok(Params {
            ty: quote!(#name<'wash>),
            definition: quote! {
                pub struct #name<'wash> {
                    #(#fields,)*
                    #lifetime,
                }
                ::wash_plugin_abi::__params!(#name<'wash> {
                    #(#fields,)*
                    #lifetime,
                });
            },
            unpack: quote! { let #name { #(#names,)* .. } = params; },
            arguments,
        })
    }

    /// Calls the author's method.
    fn body(
        &self,
        served: &Served,
        function: &ServedFunction,
        params: &Params,
        depth: usize,
    ) -> Result<TokenStream> {
        let Params {
            unpack, arguments, ..
        } = params;
        let method = &function.method;
        let guest = self.guest_ident(served.id)?;
        let resource = |id: TypeId| -> Result<(TokenStream, TokenStream)> {
            let (ty, of) = (self.type_ident(id)?, self.trait_ident(id)?);
            let ty = quote! { <T as super::#guest>::#ty };
            let of = quote! { <#ty as super::#of<T>> };
            Ok((ty, of))
        };
        let call = match function.kind {
            Kind::Free => quote! {
                <T as super::#guest>::#method(plugin, call, #(#arguments),*)
            },
            Kind::Method(id) => {
                let (ty, of) = resource(id)?;
                quote! { #of::#method(this.expect::<#ty>()?, plugin, call, #(#arguments),*) }
            }
            Kind::Constructor(id) | Kind::Static(id) => {
                let (_, of) = resource(id)?;
                quote! { #of::#method(plugin, call, #(#arguments),*) }
            }
        };
        let wait = function.is_async.then(|| quote!(.await));
        let wrap = match function.kind {
            Kind::Constructor(_) => self.constructed(function, depth)?.1,
            _ => TokenStream::new(),
        };
        Ok(quote! {
            #unpack
            let result = #call #wait;
            #wrap
            ::std::result::Result::Ok(result)
        })
    }
}
