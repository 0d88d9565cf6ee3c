//! What is asked of the types in a plugin's WIT.

use std::collections::HashSet;

use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeId};

use crate::depth;
use crate::shape::Shape;

/// The types of a function's parameters and result.
pub(super) fn types_of(function: &Function) -> impl Iterator<Item = &Type> {
    let params = function.params.iter().map(|param| &param.ty);
    params.chain(&function.result)
}

/// Whether a value of the type may hold a resource, a stream or a future.
pub(super) fn has_handle(resolve: &Resolve, ty: &Type) -> bool {
    has(resolve, ty, |kind| {
        matches!(kind, TypeDefKind::Handle(_) | TypeDefKind::Resource) || is_channel(kind)
    })
}

pub(super) fn is_channel(kind: &TypeDefKind) -> bool {
    matches!(kind, TypeDefKind::Stream(_) | TypeDefKind::Future(_))
}

/// Whether the type is of such a kind, or something in it is. Looks at each type
/// once: written out, a type can be as large as 2 to the power of its depth.
pub(super) fn has(resolve: &Resolve, ty: &Type, such: fn(&TypeDefKind) -> bool) -> bool {
    let mut left: Vec<TypeId> = match ty {
        Type::Id(id) => vec![*id],
        _ => Vec::new(),
    };
    let mut seen = HashSet::new();
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        if resolve.types.get(id).is_some_and(|def| such(&def.kind)) {
            return true;
        }
        left.extend(depth::children(resolve, id));
    }
    false
}

/// What a result's type is called: by its name in the WIT where it has one, and
/// else by its kind.
pub(super) fn type_name(resolve: &Resolve, ty: Option<Type>) -> String {
    let Some(ty) = ty else {
        return String::new();
    };
    let Type::Id(id) = ty else {
        return Shape::of_wit(resolve, &ty).to_string();
    };
    let Some(def) = resolve.types.get(id) else {
        return String::new();
    };
    match &def.name {
        Some(name) => name.clone(),
        None => def.kind.as_str().to_owned(),
    }
}
