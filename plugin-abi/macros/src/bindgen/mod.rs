//! `bindgen!`: WIT in, Rust out.
#![allow(
    clippy::indexing_slicing,
    reason = "an id is only looked up in the arena that it comes from; this runs in the compiler"
)]

mod calls;
mod guest;
mod idents;
mod interface;
mod io;
mod marker;
mod named;
mod names;
mod options;
mod source;
mod types;

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use wit_parser::{InterfaceId, Resolve, TypeDefKind, WorldId, WorldItem, WorldKey};

use idents::Idents;
use interface::Served;
use names::Modules;
use options::Options;

type Result<T, E = syn::Error> = std::result::Result<T, E>;

/// An error about the WIT. It is moved to where the macro names the WIT.
fn error(message: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(Span::call_site(), message)
}

/// An error about an item of the WIT: which one, where it is written, and what is
/// wrong with it.
fn error_at(
    resolve: &Resolve,
    span: wit_parser::Span,
    item: impl std::fmt::Display,
    problem: impl std::fmt::Display,
) -> syn::Error {
    match source::place(resolve, span) {
        Some(place) => error(format_args!("{item} ({place}): {problem}")),
        None => error(format_args!("{item}: {problem}")),
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let options: Options = syn::parse2(input)?;
    let source = source::load(&options)?;
    let at_wit = |problem: syn::Error| syn::Error::new(options.wit_span(), problem);
    let generator = Generator::new(&source.resolve, source.world, &options).map_err(at_wit)?;
    options.check_all_used(&generator.served)?;
    let modules = generator.modules().map_err(at_wit)?;
    let hidden = generator.hidden(&source).map_err(at_wit)?;
    let files = &source.files;
    Ok(quote! {
        #modules
        #hidden
        // Compiled again when the WIT changes.
        const _: &[&[u8]] = &[#(::std::include_bytes!(#files)),*];
    })
}

/// What the expansion is made from.
struct Generator<'a> {
    resolve: &'a Resolve,
    world: WorldId,
    /// Where each interface's module is, from the call of the macro.
    paths: BTreeMap<InterfaceId, Vec<String>>,
    /// The interfaces that the plugin serves, in the world's order.
    served: Vec<Served>,
    /// The interfaces of components that the plugin calls.
    called: Vec<Served>,
    /// What types and traits are called in the interfaces' modules.
    idents: Idents,
}

impl<'a> Generator<'a> {
    fn new(resolve: &'a Resolve, world: WorldId, options: &Options) -> Result<Self> {
        let mut paths = BTreeMap::new();
        let mut modules = Modules::new();
        let mut called = Vec::new();
        for (key, item) in &lookup(resolve, world)?.imports {
            match item {
                WorldItem::Interface { id, span, .. } => {
                    check_named(resolve, key, *id, *span)?;
                    paths.insert(*id, modules.of(resolve, *id, false)?);
                    if io::is_wasi_io(resolve, *id) {
                        continue;
                    }
                    let interface = names::interface(resolve, *id)?;
                    let resource = resolve.interfaces[*id]
                        .types
                        .iter()
                        .find(|(_, ty)| matches!(resolve.types[**ty].kind, TypeDefKind::Resource));
                    if let Some((resource, ty)) = resource {
                        return Err(error_at(
                            resolve,
                            resolve.types[*ty].span,
                            format_args!("interface `{interface}`, resource `{resource}`"),
                            "the world imports this interface, and resources of others cannot be used yet: if the plugin serves it, `export` the interface too",
                        ));
                    }
                    if !resolve.interfaces[*id].functions.is_empty() {
                        calls::check(resolve, *id)?;
                        called.push(Served::new(resolve, *id, options)?);
                    }
                }
                WorldItem::Function(function) => {
                    return Err(error_at(
                        resolve,
                        function.span,
                        format_args!("function `{}`", function.name),
                        "the world imports it by itself: put it into an interface, as a component's exports are found by interface",
                    ));
                }
                WorldItem::Type { span, .. } => {
                    return Err(error_at(
                        resolve,
                        *span,
                        format_args!("type `{}`", key_name(key)),
                        "the world itself has it: put it into an interface",
                    ));
                }
            }
        }
        let mut served = Vec::new();
        for (key, item) in &lookup(resolve, world)?.exports {
            match item {
                WorldItem::Interface { id, span, .. } => {
                    check_named(resolve, key, *id, *span)?;
                    paths.insert(*id, modules.of(resolve, *id, true)?);
                    served.push(Served::new(resolve, *id, options)?);
                }
                WorldItem::Function(function) => {
                    return Err(error_at(
                        resolve,
                        function.span,
                        format_args!("function `{}`", function.name),
                        "the world exports it by itself: put it into an interface, as a host finds what a plugin serves by interface",
                    ));
                }
                WorldItem::Type { .. } => {}
            }
        }
        if served.is_empty() {
            let world = lookup(resolve, world)?;
            return Err(error_at(
                resolve,
                world.span,
                format_args!("world `{}`", world.name),
                "it exports no interface: in the world of a plugin, `export` is what it serves to components",
            ));
        }
        let mut idents = Idents::default();
        for id in paths.keys() {
            idents.add(resolve, *id);
        }
        Ok(Self {
            resolve,
            world,
            paths,
            served,
            called,
            idents,
        })
    }

    /// The modules of all interfaces, nested as their names are.
    fn modules(&self) -> Result<TokenStream> {
        let mut root = Module::default();
        for (id, path) in &self.paths {
            let mut body = self.types(*id)?;
            if let Some(served) = self.served.iter().find(|served| served.id == *id) {
                body.extend(self.guest(served)?);
            }
            if let Some(called) = self.called.iter().find(|called| called.id == *id) {
                body.extend(self.calls(called)?);
            }
            root.at(path).body.extend(body);
        }
        let children = root
            .children
            .iter()
            .map(|(name, module)| module.print(name));
        Ok(quote! { #(#children)* })
    }

    /// What `export!` needs to know.
    fn hidden(&self, source: &source::Source) -> Result<TokenStream> {
        let wit = &source.wit;
        let world = names::world(self.resolve, self.world)?;
        let channels = self.has_channels();
        let mut functions = Vec::new();
        let mut entries = Vec::new();
        let mut bounds = Vec::new();
        for served in &self.served {
            if served.functions.is_empty() {
                continue;
            }
            let module = self.module_path(served.id, 1)?;
            let guest = self.guest_ident(served.id)?;
            bounds.push(quote! { #module::#guest });
            for function in &served.functions {
                let name = format!("{}#{}", served.name, function.name);
                let is_async = function.is_async;
                functions.push(quote! { (#name, #is_async) });
                let marker = &function.marker;
                let entry = if is_async {
                    quote!(async_entry)
                } else {
                    quote!(sync_entry)
                };
                entries.push(quote! {
                    ::wash_plugin_abi::__rt::#entry::<T, #module::__functions::#marker>()
                });
            }
        }
        Ok(quote! {
            #[doc(hidden)]
            #[allow(
                clippy::all, clippy::pedantic, missing_docs, missing_debug_implementations,
                unreachable_pub, dead_code, unused,
                reason = "generated by wash_plugin_abi::bindgen!"
            )]
            pub mod __wash {
                pub const WIT: &str = #wit;
                pub const WORLD: &str = #world;
                pub const FUNCTIONS: &[(&str, bool)] = &[#(#functions),*];
                pub const CHANNELS: bool = #channels;

                struct Table<T>(::std::marker::PhantomData<T>);

                impl<T: ::wash_plugin_abi::Plugin #(+ #bounds)*> Table<T> {
                    const ENTRIES: &'static [::wash_plugin_abi::abi::CallFn] = &[#(#entries),*];
                }

                pub const fn functions<T: ::wash_plugin_abi::Plugin #(+ #bounds)*>()
                -> &'static [::wash_plugin_abi::abi::CallFn] {
                    Table::<T>::ENTRIES
                }
            }
        })
    }

    /// Whether the plugin serves streams or futures of WASI 0.3.
    fn has_channels(&self) -> bool {
        let kinds = |ty: &wit_parser::Type| {
            self.has(ty, &|kind| {
                matches!(kind, TypeDefKind::Stream(_) | TypeDefKind::Future(_))
            })
        };
        let mut functions = self.served.iter().flat_map(|served| &served.functions);
        functions.any(|function| {
            function.params.iter().any(|param| kinds(&param.ty))
                || function.result.iter().any(kinds)
        })
    }

    /// Path of an interface's module, from `depth` modules below the macro's
    /// call.
    fn module_path(&self, id: InterfaceId, depth: usize) -> Result<TokenStream> {
        let path = self.paths.get(&id).ok_or_else(|| {
            error(format_args!(
                "the interface `{}` is used and not part of the world",
                names::interface(self.resolve, id).unwrap_or_default()
            ))
        })?;
        let ups = (0..depth).map(|_| quote!(super::));
        let segments = path.iter().map(|segment| names::ident(segment));
        Ok(quote! { #(#ups)* #(#segments)::* })
    }
}

#[derive(Default)]
struct Module {
    body: TokenStream,
    children: BTreeMap<String, Module>,
}

impl Module {
    fn at(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |module, name| {
            module.children.entry(name.clone()).or_default()
        })
    }

    fn print(&self, name: &str) -> TokenStream {
        let ident = names::ident(name);
        let body = &self.body;
        let children = self
            .children
            .iter()
            .map(|(name, module)| module.print(name));
        quote! {
            #[allow(
                clippy::all, clippy::pedantic, missing_docs, missing_debug_implementations,
                unreachable_pub, dead_code, unused,
                reason = "generated by wash_plugin_abi::bindgen!"
            )]
            pub mod #ident {
                #body
                #(#children)*
            }
        }
    }
}

fn lookup(resolve: &Resolve, world: WorldId) -> Result<&wit_parser::World> {
    resolve
        .worlds
        .get(world)
        .ok_or_else(|| error("the world is not part of its own package"))
}

/// Refuses an interface that the world has by itself.
fn check_named(
    resolve: &Resolve,
    key: &WorldKey,
    id: InterfaceId,
    span: wit_parser::Span,
) -> Result<()> {
    match names::interface(resolve, id) {
        Ok(_) => Ok(()),
        Err(problem) => {
            let item = format!("interface `{}`", key_name(key));
            Err(error_at(resolve, span, item, problem))
        }
    }
}

fn key_name(key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => name.clone(),
        WorldKey::Interface(_) => String::from("(an interface)"),
    }
}
