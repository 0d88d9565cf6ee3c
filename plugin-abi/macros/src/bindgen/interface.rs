//! A served interface: the traits that the author implements, and each
//! function's way to them.

use heck::ToUpperCamelCase;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, FunctionKind, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use super::names::{self, snake};
use super::options::Options;
use super::types::Mode;
use super::{Generator, Result, error, io};

/// An interface that the plugin serves.
pub(super) struct Served {
    pub(super) id: InterfaceId,
    /// As `namespace:package/name@version`.
    pub(super) name: String,
    pub(super) functions: Vec<ServedFunction>,
}

pub(super) struct ServedFunction {
    /// As in WIT, such as `get` or `[method]bucket.get`.
    pub(super) name: String,
    pub(super) is_async: bool,
    /// It is an `async func` of WIT.
    is_concurrent: bool,
    /// The type that stands for the function in the call table.
    pub(super) marker: Ident,
    kind: Kind,
    /// The method of the author's trait.
    pub(super) method: Ident,
    pub(super) docs: Option<String>,
    /// Without `self`.
    pub(super) params: Vec<(String, Type)>,
    pub(super) result: Option<Type>,
}

/// What a function belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The interface itself.
    Free,
    /// A resource, of which it takes one.
    Method(TypeId),
    /// A resource, of which it makes one.
    Constructor(TypeId),
    /// A resource, of which it takes none.
    Static(TypeId),
}

impl Kind {
    fn resource(self) -> Option<TypeId> {
        match self {
            Self::Free => None,
            Self::Method(id) | Self::Constructor(id) | Self::Static(id) => Some(id),
        }
    }
}

impl Served {
    pub(super) fn new(resolve: &Resolve, id: InterfaceId, options: &Options) -> Result<Self> {
        let name = names::interface(resolve, id)?;
        let functions = resolve.interfaces[id]
            .functions
            .values()
            .map(|function| ServedFunction::new(&name, function, options))
            .collect::<Result<_>>()?;
        Ok(Self {
            id,
            name,
            functions,
        })
    }

    /// The functions of a resource, or those of no resource.
    fn of(&self, resource: Option<TypeId>) -> impl Iterator<Item = &ServedFunction> {
        self.functions
            .iter()
            .filter(move |function| function.kind.resource() == resource)
    }
}

impl ServedFunction {
    fn new(interface: &str, function: &Function, options: &Options) -> Result<Self> {
        let kind = match function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => Kind::Free,
            FunctionKind::Method(id) | FunctionKind::AsyncMethod(id) => Kind::Method(id),
            FunctionKind::Static(id) | FunctionKind::AsyncStatic(id) => Kind::Static(id),
            FunctionKind::Constructor(id) => Kind::Constructor(id),
        };
        // An `async func` of WIT always may answer later.
        let is_async = function.kind.is_async() || options.is_async(interface, &function.name);
        let method = match kind {
            Kind::Constructor(_) => names::ident("new"),
            _ => snake(function.item_name()),
        };
        let this = usize::from(matches!(kind, Kind::Method(_)));
        Ok(Self {
            name: function.name.clone(),
            is_async,
            is_concurrent: function.kind.is_async(),
            marker: names::ident(&function.name.to_upper_camel_case()),
            kind,
            method,
            docs: function.docs.contents.clone(),
            params: function
                .params
                .iter()
                .skip(this)
                .map(|p| (p.name.clone(), p.ty))
                .collect(),
            result: function.result,
        })
    }
}

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
            let (ty, of) = (names::camel(name), resource_trait(name));
            let docs = format!("What a `{name}` is.");
            associated.push(quote! { #[doc = #docs] type #ty: #of<Self>; });
            let methods = self.each(served, served.of(Some(*id)), Self::method)?;
            let docs = format!("The resource `{name}` of the plugin `P`.");
            traits.push(quote! {
                #[doc = #docs]
                pub trait #of<P: Send + Sync + 'static>: Sized + Send + Sync + 'static {
                    #(#methods)*
                }
            });
        }
        let methods = self.each(served, served.of(None), Self::method)?;
        let markers = self.each(served, served.functions.iter(), Self::marker)?;
        let docs = format!("What a plugin that serves `{}` implements.", served.name);
        Ok(quote! {
            #[doc = #docs]
            pub trait Guest: Sized + Send + Sync + 'static {
                #(#associated)*
                #(#methods)*
            }
            #(#traits)*

            #[doc(hidden)]
            pub mod __functions {
                use super::*;
                #(#markers)*
            }
        })
    }

    pub(super) fn each<'f>(
        &self,
        served: &Served,
        functions: impl Iterator<Item = &'f ServedFunction>,
        make: fn(&Self, &Served, &ServedFunction) -> Result<TokenStream>,
    ) -> Result<Vec<TokenStream>> {
        functions
            .map(|function| {
                make(self, served, function).map_err(|problem| {
                    error(format_args!(
                        "in `{}#{}`: {problem}",
                        served.name, function.name
                    ))
                })
            })
            .collect()
    }

    /// The method that the author implements.
    fn method(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let name = &function.method;
        let docs = function.docs.as_ref().map(|docs| quote! { #[doc = #docs] });
        let depth = self.depth(served.id);
        let taken = |name: &str| function.params.iter().any(|(param, _)| param == name);
        let own = |name: &str| {
            names::ident(&if taken(name) {
                format!("wash_{name}")
            } else {
                name.into()
            })
        };
        let mut params = Vec::new();
        if matches!(function.kind, Kind::Free | Kind::Method(_)) {
            params.push(quote! { &self });
        }
        if function.kind != Kind::Free {
            let plugin = own("plugin");
            params.push(quote! { #plugin: &P });
        }
        let call = own("call");
        params.push(quote! { #call: &::wash_plugin_abi::Call<'_> });
        self.check_pollables(function)?;
        for (param, ty) in &function.params {
            let param = snake(param);
            let ty = self.ty(ty, Mode::Param(None), depth)?;
            params.push(quote! { #param: #ty });
        }
        let result = match function.kind {
            Kind::Constructor(_) => self.constructed(function, depth)?.0,
            _ => self.result_type(function, depth)?,
        };
        let output = if function.is_async {
            quote! { impl ::std::future::Future<Output = #result> + Send }
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
        if !params.any(|(_, ty)| self.has(ty, &is_pollable)) {
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

    /// The type that stands for the function in the call table, and its
    /// parameters as they are read from the call's buffer.
    fn marker(&self, served: &Served, function: &ServedFunction) -> Result<TokenStream> {
        let marker = &function.marker;
        // One module further down than the trait.
        let depth = self.depth(served.id) + 1;
        let result = self.result_type(function, depth)?;
        let lifetime = quote!('wash);

        let mut fields = Vec::new();
        let mut names = Vec::new();
        if let Kind::Method(id) = function.kind {
            let ty = self.resource_path(id, super::types::borrow_ident, depth)?;
            fields.push(quote! { __self: #ty<#lifetime> });
            names.push(names::ident("__self"));
        }
        let arguments: Vec<_> = function
            .params
            .iter()
            .map(|(name, _)| snake(name))
            .collect();
        for (name, ty) in &function.params {
            let field = snake(name);
            let ty = self.ty(ty, Mode::Param(Some(lifetime.clone())), depth)?;
            fields.push(quote! { #field: #ty });
            names.push(field);
        }
        let (params_ty, params_item, unpack) = if fields.is_empty() {
            (quote!(()), TokenStream::new(), quote! { let () = params; })
        } else {
            let name = format_ident!("{}Params", marker);
            let item = quote! {
                pub struct #name<#lifetime> {
                    #(#fields,)*
                    __lifetime: ::std::marker::PhantomData<&#lifetime ()>,
                }
                ::wash_plugin_abi::__params!(#name<#lifetime> {
                    #(#fields,)*
                    __lifetime: ::std::marker::PhantomData<&#lifetime ()>,
                });
            };
            (
                quote!(#name<#lifetime>),
                item,
                quote! { let #name { #(#names,)* .. } = params; },
            )
        };

        let method = &function.method;
        let resource = match function
            .kind
            .resource()
            .map(|id| &self.resolve.types[id].name)
        {
            Some(Some(name)) => {
                let (ty, of) = (names::camel(name), resource_trait(name));
                Some((
                    quote! { <T as Guest>::#ty },
                    quote! { <<T as Guest>::#ty as #of<T>> },
                ))
            }
            _ => None,
        };
        let call = match (function.kind, &resource) {
            (Kind::Method(_), Some((ty, of))) => quote! {
                #of::#method(__self.expect::<#ty>()?, plugin, call, #(#arguments),*)
            },
            (_, Some((_, of))) => quote! { #of::#method(plugin, call, #(#arguments),*) },
            (_, None) => quote! { Guest::#method(plugin, call, #(#arguments),*) },
        };
        let wait = function.is_async.then(|| quote!(.await));
        let wrap = match function.kind {
            Kind::Constructor(_) => self.constructed(function, depth)?.1,
            _ => TokenStream::new(),
        };
        let body = quote! {
            #unpack
            let result = #call #wait;
            #wrap
            Ok(result)
        };
        let output = quote! {
            ::std::result::Result<Self::Results, ::wash_plugin_abi::codec::CodecError>
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
                    ) -> #output {
                        let call = &call;
                        #body
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
                    ) -> #output {
                        #body
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

    pub(super) fn result_type(
        &self,
        function: &ServedFunction,
        depth: usize,
    ) -> Result<TokenStream> {
        match &function.result {
            Some(ty) => self.ty(ty, Mode::Owned, depth),
            None => Ok(quote!(())),
        }
    }

    /// What a constructor's method returns, and how that becomes the result:
    /// the author makes a `Self`, or fails to.
    fn constructed(
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

    /// How deep an interface's module is below the macro's call.
    pub(super) fn depth(&self, id: InterfaceId) -> usize {
        self.paths.get(&id).map_or(0, Vec::len)
    }
}

/// Name of the trait of a resource.
fn resource_trait(name: &str) -> Ident {
    format_ident!("Guest{}", names::camel(name))
}
