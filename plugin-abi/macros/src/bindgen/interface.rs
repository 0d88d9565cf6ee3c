//! A served interface: the trait that the author implements, and each
//! function's way to it.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{FunctionKind, InterfaceId, Resolve, Type};

use super::names::{self, snake};
use super::options::Options;
use super::types::Mode;
use super::{Generator, Result, error};

/// An interface that the plugin serves.
pub(super) struct Served {
    pub(super) id: InterfaceId,
    /// As `namespace:package/name@version`.
    pub(super) name: String,
    pub(super) functions: Vec<ServedFunction>,
}

pub(super) struct ServedFunction {
    pub(super) name: String,
    pub(super) is_async: bool,
    /// The type that stands for the function in the call table.
    pub(super) marker: Ident,
    docs: Option<String>,
    params: Vec<(String, Type)>,
    result: Option<Type>,
}

impl Served {
    pub(super) fn new(resolve: &Resolve, id: InterfaceId, options: &Options) -> Result<Self> {
        let name = names::interface(resolve, id)?;
        let mut functions = Vec::new();
        for function in resolve.interfaces[id].functions.values() {
            match function.kind {
                FunctionKind::Freestanding => {}
                FunctionKind::AsyncFreestanding => {
                    return Err(error(format_args!(
                        "`{name}` has the `async func` `{}`: this version of bindgen! serves functions that are `func` in WIT (a plugin may still answer them later, see the option `async`)",
                        function.name
                    )));
                }
                _ => return Err(super::types::no_resources(&name, &function.name)),
            }
            functions.push(ServedFunction {
                name: function.name.clone(),
                is_async: options.is_async(&name, &function.name),
                marker: names::camel(&function.name),
                docs: function.docs.contents.clone(),
                params: function
                    .params
                    .iter()
                    .map(|p| (p.name.clone(), p.ty))
                    .collect(),
                result: function.result,
            });
        }
        Ok(Self {
            id,
            name,
            functions,
        })
    }
}

impl Generator<'_> {
    /// The trait `Guest`, and the functions' markers.
    pub(super) fn guest(&self, served: &Served) -> Result<TokenStream> {
        if served.functions.is_empty() {
            return Ok(TokenStream::new());
        }
        let methods = collect(served, |function| self.method(served, function))?;
        let markers = collect(served, |function| self.marker(served, function))?;
        let docs = format!("What a plugin that serves `{}` implements.", served.name);
        Ok(quote! {
            #[doc = #docs]
            pub trait Guest: Send + Sync + 'static {
                #(#methods)*
            }

            #[doc(hidden)]
            pub mod __functions {
                use super::*;
                #(#markers)*
            }
        })
    }

    fn method(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let name = snake(&function.name);
        let docs = function.docs.as_ref().map(|docs| quote! { #[doc = #docs] });
        let depth = self.depth(served.id);
        let mut params = Vec::new();
        for (param, ty) in &function.params {
            let param = snake(param);
            let ty = self.ty(ty, Mode::Param(None), depth)?;
            params.push(quote! { #param: #ty });
        }
        let call = self.call_ident(function);
        let result = self.result_type(function, depth)?;
        let output = if function.is_async {
            quote! { impl ::std::future::Future<Output = #result> + Send }
        } else {
            result
        };
        Ok(quote! {
            #docs
            fn #name(&self, #call: &::wash_plugin_abi::Call<'_>, #(#params),*) -> #output;
        })
    }

    /// The type that stands for the function in the call table, and its
    /// parameters as they are read from the call's buffer.
    fn marker(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let marker = &function.marker;
        let method = snake(&function.name);
        // One module further down than the trait.
        let depth = self.depth(served.id) + 1;
        let result = self.result_type(function, depth)?;
        let lifetime = quote!('wash);

        let mut fields = Vec::new();
        let mut names = Vec::new();
        for (param, ty) in &function.params {
            let param = snake(param);
            let ty = self.ty(ty, Mode::Param(Some(lifetime.clone())), depth)?;
            fields.push(quote! { #param: #ty });
            names.push(param);
        }
        let (params_ty, params_item) = if fields.is_empty() {
            (quote!(()), TokenStream::new())
        } else {
            let name = quote::format_ident!("{}Params", marker);
            let item = quote! {
                pub struct #name<#lifetime> {
                    #(#fields,)*
                    pub(super) __lifetime: ::std::marker::PhantomData<&#lifetime ()>,
                }
                ::wash_plugin_abi::__params!(#name<#lifetime> {
                    #(#fields,)*
                    __lifetime: ::std::marker::PhantomData<&#lifetime ()>,
                });
            };
            (quote!(#name<#lifetime>), item)
        };

        let implementation = if function.is_async {
            quote! {
                impl<T: Guest> ::wash_plugin_abi::__rt::AsyncFunction<T> for #marker {
                    type Params<#lifetime> = #params_ty;
                    type Results = #result;
                    async fn call<#lifetime>(
                        plugin: &#lifetime T,
                        call: ::wash_plugin_abi::Call<#lifetime>,
                        params: Self::Params<#lifetime>,
                    ) -> Self::Results {
                        plugin.#method(&call, #(params.#names),*).await
                    }
                }
            }
        } else {
            quote! {
                impl<T: Guest> ::wash_plugin_abi::__rt::SyncFunction<T> for #marker {
                    type Params<#lifetime> = #params_ty;
                    type Results = #result;
                    fn call(
                        plugin: &T,
                        call: &::wash_plugin_abi::Call<'_>,
                        params: Self::Params<'_>,
                    ) -> Self::Results {
                        plugin.#method(call, #(params.#names),*)
                    }
                }
            }
        };
        Ok(quote! {
            pub struct #marker;
            #params_item
            #implementation
        })
    }

    fn result_type(&self, function: &ServedFunction, depth: usize) -> Result<TokenStream> {
        match &function.result {
            Some(ty) => self.ty(ty, Mode::Owned, depth),
            None => Ok(quote!(())),
        }
    }

    /// How deep an interface's module is below the macro's call.
    pub(super) fn depth(&self, id: InterfaceId) -> usize {
        self.paths.get(&id).map_or(0, Vec::len)
    }

    fn call_ident(&self, function: &ServedFunction) -> Ident {
        let taken = function.params.iter().any(|(name, _)| name == "call");
        names::ident(if taken { "wash_call" } else { "call" })
    }
}

fn collect(
    served: &Served,
    mut make: impl FnMut(&ServedFunction) -> Result<TokenStream>,
) -> Result<Vec<TokenStream>> {
    let of = |function: &ServedFunction| {
        make(function).map_err(|problem| {
            error(format_args!(
                "in `{}#{}`: {problem}",
                served.name, function.name
            ))
        })
    };
    served.functions.iter().map(of).collect()
}
