//! How deeply the types of a plugin's WIT nest, and how large they are: [`check`].
//!
//! What walks types does so by recursion, in this crate and in others, and a
//! manifest can name a type after a type until any stack is too small, or twice
//! the one before until any memory is.

use std::collections::HashMap;

use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId};

/// Deeper types are refused; WebAssembly's own tools draw the line there too.
const MAX_DEPTH: usize = 100;

/// Types that are made of more types, written out, are refused; no component can
/// have one either.
const MAX_PARTS: usize = 1_000_000;

/// How deep a type nests, and how many types it is made of.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    depth: usize,
    parts: usize,
}

impl Extent {
    /// Counts in a type that it is made of.
    fn add(&mut self, part: Self) {
        self.depth = self.depth.max(part.depth);
        self.parts = self.parts.saturating_add(part.parts);
    }
}

/// Checks that no type nests more deeply than [`MAX_DEPTH`], or is made of more
/// than [`MAX_PARTS`].
///
/// # Errors
///
/// Says so if one does.
pub(crate) fn check(resolve: &Resolve) -> Result<(), String> {
    let mut known: HashMap<TypeId, Extent> = HashMap::new();
    for (root, _) in resolve.types.iter() {
        // The types that are being measured, each inside the one before, with
        // what is left to measure of them and what the rest was.
        let mut path = vec![(root, children(resolve, root), Extent::default())];
        while let Some((id, rest, so_far)) = path.last_mut() {
            if let Some(child) = rest.pop() {
                match known.get(&child) {
                    Some(part) => so_far.add(*part),
                    None => path.push((child, children(resolve, child), Extent::default())),
                }
            } else {
                let (id, whole) = (
                    *id,
                    Extent {
                        depth: so_far.depth + 1,
                        parts: so_far.parts.saturating_add(1),
                    },
                );
                known.insert(id, whole);
                path.pop();
                if let Some((_, _, outer)) = path.last_mut() {
                    outer.add(whole);
                }
                if whole.depth > MAX_DEPTH {
                    return Err(too_deep());
                }
                if whole.parts > MAX_PARTS {
                    return Err(format!(
                        "a type is made of more than {MAX_PARTS} types, written out"
                    ));
                }
            }
            if path.len() > MAX_DEPTH {
                return Err(too_deep());
            }
        }
    }
    Ok(())
}

fn too_deep() -> String {
    format!("a type nests more than {MAX_DEPTH} deep")
}

/// The types that a type is made of.
pub(crate) fn children(resolve: &Resolve, id: TypeId) -> Vec<TypeId> {
    let Some(ty) = resolve.types.get(id) else {
        return Vec::new();
    };
    let mut types: Vec<Type> = Vec::new();
    match &ty.kind {
        TypeDefKind::Record(record) => types.extend(record.fields.iter().map(|field| field.ty)),
        TypeDefKind::Tuple(tuple) => types.extend(&tuple.types),
        TypeDefKind::Variant(variant) => {
            types.extend(variant.cases.iter().filter_map(|case| case.ty));
        }
        TypeDefKind::Result(result) => types.extend([result.ok, result.err].into_iter().flatten()),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => types.push(*ty),
        TypeDefKind::Map(key, value) => types.extend([*key, *value]),
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => types.extend(*ty),
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => types.push(Type::Id(*id)),
        TypeDefKind::Resource
        | TypeDefKind::Flags(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Unknown => {}
    }
    types
        .into_iter()
        .filter_map(|ty| match ty {
            Type::Id(id) => Some(id),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(kind: &str, depth: usize) -> Result<(), String> {
        let mut wit = "package a:a;\ninterface api {\ntype a0 = list<u8>;\n".to_owned();
        // Backwards, so that no order of the types makes it easy.
        for i in (1..depth).rev() {
            let ty = kind.replace("{}", &format!("a{}", i - 1));
            wit.push_str(&format!("type a{i} = {ty};\n"));
        }
        wit.push_str("}\n");
        let mut resolve = Resolve::default();
        resolve.push_str("test.wit", &wit).unwrap();
        check(&resolve)
    }

    #[test]
    fn the_line_is_drawn_at_the_limit() {
        for kind in ["list<{}>", "option<{}>", "result<_, {}>"] {
            assert!(nested(kind, MAX_DEPTH).is_ok(), "{kind}");
            assert!(nested(kind, MAX_DEPTH + 1).is_err(), "{kind}");
            assert!(nested(kind, 20_000).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_type_that_doubles_is_too_large_before_it_is_too_deep() {
        // 2 to the power of 19, less one, and of 20.
        assert!(nested("tuple<{}, {}>", 19).is_ok());
        for depth in [20, MAX_DEPTH, 20_000] {
            let error = nested("tuple<{}, {}>", depth).unwrap_err();
            let too_large = error.contains("more than 1000000 types");
            assert!(too_large || error == too_deep(), "{error}");
        }
    }
}
