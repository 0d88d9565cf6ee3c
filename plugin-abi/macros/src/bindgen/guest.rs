//! The traits that the author implements: one for a served interface, and one for
//! each of its resources.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Handle, InterfaceId, Type, TypeDefKind, TypeId};

use super::interface::{Kind, Served, ServedFunction};
use super::types::Mode;
use super::{Generator, Result, error, io};

impl Generator<'_> {
    /// The trait `Guest`, those of the resources, and the functions' markers.
    pub(super) fn guest(&self, served: &Served) -> Result<TokenStream> {
        if served.functions.is_empty() {
            return Ok(TokenStream::new());
        }
        let mut associated = Vec::new();
        let mut traits = Vec::new();
        for (name, id) in &self.resolve.interfaces[served.id].types {
            let is_resource = matches!(self.resolve.types[*id].kind, TypeDefKind::Resource);
            if !is_resource || served.of(Some(*id)).next().is_none() {
                continue;
            }
            let (ty, of) = (self.type_ident(*id)?, self.trait_ident(*id)?);
            let docs = format!("What a `{name}` is.");
            associated.push(quote! { #[doc = #docs] type #ty: #of<Self>; });
            let methods = self.each(served, served.of(Some(*id)), Self::method)?;
            let docs = format!("The resource `{name}` of the plugin `P`.");
            traits.push(quote! {
                #[doc = #docs]
                pub trait #of<P: ::std::marker::Send + ::std::marker::Sync + 'static>:
                    ::std::marker::Sized + ::std::marker::Send + ::std::marker::Sync + 'static
                {
                    #(#methods)*
                }
            });
        }
        let methods = self.each(served, served.of(None), Self::method)?;
        let markers = self.each(served, served.functions.iter(), Self::marker)?;
        let guest = self.guest_ident(served.id)?;
        let docs = format!("What a plugin that serves `{}` implements.", served.name);
        Ok(quote! {
            #[doc = #docs]
            pub trait #guest:
                ::std::marker::Sized + ::std::marker::Send + ::std::marker::Sync + 'static
            {
                #(#associated)*
                #(#methods)*
            }
            #(#traits)*

            // Nothing of the interface's is in scope here but by its path.
            #[doc(hidden)]
            pub mod __functions {
                #(#markers)*
            }
        })
    }

    /// The method that the author implements.
    fn method(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let name = &function.method;
        let docs = function.docs.as_ref().map(|docs| quote! { #[doc = #docs] });
        let depth = self.depth(served.id);
        let mut params = Vec::new();
        if matches!(function.kind, Kind::Free | Kind::Method(_)) {
            params.push(quote! { &self });
        }
        if function.kind != Kind::Free {
            let plugin = &function.own_params.plugin;
            params.push(quote! { #plugin: &P });
        }
        let call = &function.own_params.call;
        params.push(quote! { #call: &::wash_plugin_abi::Call<'_> });
        self.check_pollables(function)?;
        for param in &function.params {
            let ident = &param.ident;
            let ty = self.ty(&param.ty, Mode::Param(None), depth)?;
            params.push(quote! { #ident: #ty });
        }
        let result = match function.kind {
            Kind::Constructor(_) => self.constructed(function, depth)?.0,
            _ => self.result_type(function, depth)?,
        };
        let output = if function.is_async {
            quote! { impl ::std::future::Future<Output = #result> + ::std::marker::Send }
        } else {
            result
        };
        Ok(quote! {
            #docs
            fn #name(#(#params),*) -> #output;
        })
    }

    /// Refuses pollables where they could not be waited for.
    fn check_pollables(&self, function: &ServedFunction) -> Result<()> {
        let is_pollable = |kind: &TypeDefKind| match kind {
            TypeDefKind::Handle(Handle::Borrow(id)) => io::is_pollable(self.resolve, *id),
            _ => false,
        };
        let mut params = function.params.iter();
        if !params.any(|param| self.has(&param.ty, &is_pollable)) {
            return Ok(());
        }
        if function.is_concurrent {
            return Err(error(
                "a `pollable` is waited for with its component's store, which is not at hand while an `async func` runs: take a `future`",
            ));
        }
        if !function.is_async {
            return Err(error(
                "only an asynchronous function can wait for a `pollable`: name this one under `async` in bindgen!",
            ));
        }
        Ok(())
    }

    /// What a constructor's method returns, and how that becomes the result:
    /// the author makes a `Self`, or fails to.
    pub(super) fn constructed(
        &self,
        function: &ServedFunction,
        depth: usize,
    ) -> Result<(TokenStream, TokenStream)> {
        let own = quote! { ::wash_plugin_abi::Own::new };
        if let Some(Type::Id(id)) = function.result
            && let TypeDefKind::Result(result) = &self.resolve.types[id].kind
        {
            let error = match &result.err {
                Some(ty) => self.ty(ty, Mode::Owned, depth)?,
                None => quote!(()),
            };
            let ty = quote! { ::std::result::Result<Self, #error> };
            return Ok((ty, quote! { let result = result.map(#own); }));
        }
        Ok((quote!(Self), quote! { let result = #own(result); }))
    }

    /// The trait of an interface, in its module.
    pub(super) fn guest_ident(&self, id: InterfaceId) -> Result<&Ident> {
        let found = self.idents.guest(id);
        found.ok_or_else(|| error("an interface is used that is not part of the world"))
    }

    /// The trait of a resource, in its interface's module.
    pub(super) fn trait_ident(&self, id: TypeId) -> Result<&Ident> {
        let found = self.idents.resource_trait(id);
        found.ok_or_else(|| error("a resource is used that is not part of the world"))
    }
}
