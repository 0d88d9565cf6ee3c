//! An interface that the plugin serves, or calls of components: its functions, and
//! what they are called in Rust.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, FunctionKind, InterfaceId, Resolve, Type, TypeId};

use super::names::{self, Scope};
use super::options::Options;
use super::types::Mode;
use super::{Generator, Result, error_at};

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
    pub(super) is_concurrent: bool,
    /// The type that stands for the function in the call table.
    pub(super) marker: Ident,
    pub(super) kind: Kind,
    /// The method of the author's trait.
    pub(super) method: Ident,
    pub(super) docs: Option<String>,
    /// Without `self`.
    pub(super) params: Vec<Param>,
    /// What the method's parameters are called that are not the WIT's.
    pub(super) own_params: OwnParams,
    pub(super) result: Option<Type>,
    span: wit_parser::Span,
}

/// A parameter of a function.
pub(super) struct Param {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// Names of parameters that no parameter of the WIT has.
pub(super) struct OwnParams {
    pub(super) plugin: Ident,
    pub(super) call: Ident,
    pub(super) component: Ident,
}

/// What a function belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
    fn of(function: &Function) -> Self {
        match function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => Self::Free,
            FunctionKind::Method(id) | FunctionKind::AsyncMethod(id) => Self::Method(id),
            FunctionKind::Static(id) | FunctionKind::AsyncStatic(id) => Self::Static(id),
            FunctionKind::Constructor(id) => Self::Constructor(id),
        }
    }

    pub(super) fn resource(self) -> Option<TypeId> {
        match self {
            Self::Free => None,
            Self::Method(id) | Self::Constructor(id) | Self::Static(id) => Some(id),
        }
    }
}

impl Served {
    pub(super) fn new(resolve: &Resolve, id: InterfaceId, options: &Options) -> Result<Self> {
        let name = names::interface(resolve, id)?;
        let all = &resolve.interfaces[id].functions;
        // One scope for each trait. A constructor has no name in the WIT, so it comes
        // after the functions that do.
        let mut scopes: HashMap<Option<TypeId>, Scope> = HashMap::new();
        let mut methods: HashMap<&str, Ident> = HashMap::new();
        let is_constructor = |f: &&Function| matches!(f.kind, FunctionKind::Constructor(_));
        for function in all.values().filter(|f| !is_constructor(f)) {
            let scope = scopes.entry(Kind::of(function).resource()).or_default();
            methods.insert(&function.name, scope.snake(function.item_name()));
        }
        for function in all.values().filter(is_constructor) {
            let scope = scopes.entry(Kind::of(function).resource()).or_default();
            methods.insert(&function.name, scope.take("new"));
        }
        let functions = all
            .values()
            .enumerate()
            .filter_map(|(number, function)| {
                let method = methods.remove(function.name.as_str())?;
                let marker = format_ident!("F{number}");
                Some(ServedFunction::new(
                    &name, function, options, method, marker,
                ))
            })
            .collect();
        Ok(Self {
            id,
            name,
            functions,
        })
    }

    /// The functions of a resource, or those of no resource.
    pub(super) fn of(&self, resource: Option<TypeId>) -> impl Iterator<Item = &ServedFunction> {
        self.functions
            .iter()
            .filter(move |function| function.kind.resource() == resource)
    }
}

impl ServedFunction {
    fn new(
        interface: &str,
        function: &Function,
        options: &Options,
        method: Ident,
        marker: Ident,
    ) -> Self {
        let kind = Kind::of(function);
        let mut scope = Scope::default();
        let this = usize::from(matches!(kind, Kind::Method(_)));
        let params = function
            .params
            .iter()
            .skip(this)
            .map(|param| Param {
                ident: scope.snake(&param.name),
                ty: param.ty,
            })
            .collect();
        Self {
            name: function.name.clone(),
            // An `async func` of WIT always may answer later.
            is_async: function.kind.is_async() || options.is_async(interface, &function.name),
            is_concurrent: function.kind.is_async(),
            marker,
            kind,
            method,
            docs: function.docs.contents.clone(),
            params,
            own_params: OwnParams {
                plugin: scope.take("plugin"),
                call: scope.take("call"),
                component: scope.take("component"),
            },
            result: function.result,
            span: function.span,
        }
    }

    /// The function, in an error.
    fn in_words(&self) -> String {
        let name = self.name.rsplit(']').next().unwrap_or(&self.name);
        match (self.kind, name.split_once('.')) {
            (Kind::Constructor(_), _) => format!("constructor of resource `{name}`"),
            (Kind::Method(_), Some((of, name))) => format!("method `{name}` of resource `{of}`"),
            (Kind::Static(_), Some((of, name))) => {
                format!("static function `{name}` of resource `{of}`")
            }
            _ => format!("function `{name}`"),
        }
    }
}

impl Generator<'_> {
    /// Makes something of each function; an error says of which one it is.
    pub(super) fn each<'f>(
        &self,
        served: &Served,
        functions: impl Iterator<Item = &'f ServedFunction>,
        make: fn(&Self, &Served, &ServedFunction) -> Result<TokenStream>,
    ) -> Result<Vec<TokenStream>> {
        functions
            .map(|function| {
                make(self, served, function).map_err(|problem| {
                    let item = format!("interface `{}`, {}", served.name, function.in_words());
                    error_at(self.resolve, function.span, item, problem)
                })
            })
            .collect()
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

    /// How deep an interface's module is below the macro's call.
    pub(super) fn depth(&self, id: InterfaceId) -> usize {
        self.paths.get(&id).map_or(0, Vec::len)
    }
}
