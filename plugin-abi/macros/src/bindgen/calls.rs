//! An interface that components export and the plugin calls: a function for
//! each of its functions.

use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{FunctionKind, InterfaceId, Resolve};

use super::interface::{Served, ServedFunction};
use super::names;
use super::types::{MAX_TUPLE, Mode};
use super::{Generator, Result, error, error_at};

/// Refuses what cannot be called.
pub(super) fn check(resolve: &Resolve, id: InterfaceId) -> Result<()> {
    let name = names::interface(resolve, id)?;
    for function in resolve.interfaces[id].functions.values() {
        if !matches!(function.kind, FunctionKind::Freestanding) {
            return Err(error_at(
                resolve,
                function.span,
                format_args!("interface `{name}`, function `{}`", function.name),
                "the world imports this interface, and the function is `async` or of a resource: this version of bindgen! calls plain functions of components",
            ));
        }
    }
    Ok(())
}

impl Generator<'_> {
    /// The functions by which the plugin calls a component.
    pub(super) fn calls(&self, called: &Served) -> Result<TokenStream> {
        let functions = self.each(called, called.functions.iter(), Self::call)?;
        Ok(quote! { #(#functions)* })
    }

    fn call(&self, called: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let depth = self.depth(called.id);
        let owns = |ty: &wit_parser::Type| self.owns_resources(ty) || self.lends(ty);
        if function.params.iter().any(|param| owns(&param.ty)) || function.result.iter().any(owns) {
            return Err(error(
                "a component that is called cannot be passed resources, streams, futures or an `error-context`, or return them",
            ));
        }
        if function.params.len() > MAX_TUPLE {
            return Err(error(format_args!(
                "it has {} parameters, and a plugin can call functions with {MAX_TUPLE} at most: use a record",
                function.params.len()
            )));
        }
        let component = &function.own_params.component;
        let mut params = Vec::new();
        let mut arguments = Vec::new();
        for param in &function.params {
            let name = &param.ident;
            let ty = self.ty(&param.ty, Mode::Param(None), depth)?;
            params.push(quote! { #name: #ty });
            arguments.push(name);
        }
        let result = self.result_type(function, depth)?;
        let (name, interface, wit) = (&function.method, &called.name, &function.name);
        let docs = function.docs.as_ref().map(|docs| quote! { #[doc = #docs] });
        Ok(quote! {
            #docs
            ///
            /// Calls the component, in a fresh instance.
            ///
            /// # Errors
            ///
            /// If the component traps, or cannot be called.
            pub fn #name(
                #component: &::wash_plugin_abi::Component,
                #(#params,)*
            ) -> impl ::std::future::Future<
                Output = ::std::result::Result<#result, ::wash_plugin_abi::GuestError>,
            > + ::std::marker::Send + use<> {
                ::wash_plugin_abi::__rt::call_guest(
                    #component,
                    #interface,
                    #wit,
                    ::wash_plugin_abi::__rt::call_params(&(#(#arguments,)*)),
                )
            }
        })
    }
}
