//! Gives names to types that have none, and other kinds with them.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{
    Case, Docs, Enum, EnumCase, Field, Flag, Flags, InterfaceId, Record, Resolve, Span, Stability,
    Type, TypeDef, TypeDefKind, TypeId, TypeOwner, Variant,
};

use crate::Numbers;

/// Makes records of some tuples, variants of some options and results, and
/// enums and flags of some numbers.
pub(crate) fn types(resolve: &mut Resolve, numbers: &mut Numbers) {
    let mut users: BTreeMap<TypeId, BTreeSet<InterfaceId>> = BTreeMap::new();
    for (interface, found) in resolve.interfaces.iter() {
        for function in found.functions.values() {
            let types = function.params.iter().map(|param| param.ty);
            for ty in types.chain(function.result) {
                collect(resolve, ty, interface, &mut users);
            }
        }
    }
    let mut names = 0;
    for (id, users) in users {
        let (Some(interface), 1) = (users.first(), users.len()) else {
            // A name in one interface would have to be used in the other.
            continue;
        };
        let kind = resolve.types[id].kind.clone();
        if let Some(kind) = named(resolve, kind, *interface, &mut names, numbers) {
            let name = next(&mut names);
            resolve.interfaces[*interface]
                .types
                .insert(name.clone(), id);
            let def = &mut resolve.types[id];
            def.kind = kind;
            def.name = Some(name);
            def.owner = TypeOwner::Interface(*interface);
        }
    }
}

/// The types without names that a type consists of.
fn collect(
    resolve: &Resolve,
    ty: Type,
    interface: InterfaceId,
    users: &mut BTreeMap<TypeId, BTreeSet<InterfaceId>>,
) {
    let Type::Id(id) = ty else { return };
    let def = &resolve.types[id];
    if def.name.is_some() || !users.entry(id).or_default().insert(interface) {
        return;
    }
    let parts: Vec<Type> = match &def.kind {
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) => vec![*ty],
        TypeDefKind::FixedLengthList(ty, _) | TypeDefKind::Map(_, ty) => vec![*ty],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        _ => Vec::new(),
    };
    for part in parts {
        collect(resolve, part, interface, users);
    }
}

fn next(names: &mut usize) -> String {
    *names += 1;
    format!("made{names}")
}

fn named(
    resolve: &mut Resolve,
    kind: TypeDefKind,
    interface: InterfaceId,
    names: &mut usize,
    numbers: &mut Numbers,
) -> Option<TypeDefKind> {
    let case = |i: usize, ty: Option<Type>| Case {
        name: format!("c{i}"),
        ty,
        docs: Docs::default(),
        span: Span::default(),
    };
    match kind {
        TypeDefKind::Tuple(tuple) if numbers.below(2) == 0 => {
            let mut fields = Vec::new();
            for (i, ty) in tuple.types.into_iter().enumerate() {
                let ty = match ty {
                    Type::U8 | Type::U16 | Type::U32 if numbers.below(3) == 0 => {
                        add(resolve, interface, names, numbers)
                    }
                    ty => ty,
                };
                fields.push(Field {
                    name: format!("f{i}"),
                    ty,
                    docs: Docs::default(),
                    span: Span::default(),
                });
            }
            Some(TypeDefKind::Record(Record { fields }))
        }
        TypeDefKind::Option(ty) if numbers.below(3) == 0 => {
            let ty = |i| (i == 1).then_some(ty);
            let cases = (0..2 + numbers.below(4)).map(|i| case(i, ty(i)));
            Some(TypeDefKind::Variant(Variant {
                cases: cases.collect(),
            }))
        }
        TypeDefKind::Result(result) if numbers.below(3) == 0 => {
            let types = [None, result.ok, result.err, Some(Type::F64), Some(Type::U8)];
            let count = 3 + numbers.below(3);
            let cases = types.into_iter().take(count).enumerate();
            Some(TypeDefKind::Variant(Variant {
                cases: cases.map(|(i, ty)| case(i, ty)).collect(),
            }))
        }
        _ => None,
    }
}

/// Adds an enum or flags to an interface.
fn add(
    resolve: &mut Resolve,
    interface: InterfaceId,
    names: &mut usize,
    numbers: &mut Numbers,
) -> Type {
    let count = 1 + numbers.below(32);
    let kind = match numbers.below(2) {
        0 => TypeDefKind::Flags(Flags {
            flags: (0..count)
                .map(|i| Flag {
                    name: format!("b{i}"),
                    docs: Docs::default(),
                    span: Span::default(),
                })
                .collect(),
        }),
        _ => TypeDefKind::Enum(Enum {
            cases: (0..count)
                .map(|i| EnumCase {
                    name: format!("c{i}"),
                    docs: Docs::default(),
                    span: Span::default(),
                })
                .collect(),
        }),
    };
    let name = next(names);
    let id = resolve.types.alloc(TypeDef {
        name: Some(name.clone()),
        kind,
        owner: TypeOwner::Interface(interface),
        docs: Docs::default(),
        stability: Stability::Unknown,
        span: Span::default(),
        external_id: None,
    });
    resolve.interfaces[interface].types.insert(name, id);
    Type::Id(id)
}
