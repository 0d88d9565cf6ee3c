//! Puts resources into types: wit-smith rarely uses its own, and lends them only
//! to their methods.

use wit_parser::{
    Docs, Handle, InterfaceId, Resolve, Result_, Span, Stability, Tuple, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner,
};

use crate::Numbers;

/// Makes handles of some numbers and strings in the types without names of some
/// interfaces' functions.
pub(crate) fn add(resolve: &mut Resolve, numbers: &mut Numbers) {
    let interfaces: Vec<InterfaceId> = resolve.interfaces.iter().map(|(id, _)| id).collect();
    for interface in interfaces {
        let is_named = resolve.interfaces[interface].name.is_some();
        if !is_named || numbers.below(2) == 0 {
            continue;
        }
        let resources = resources(resolve, interface, numbers);
        let mut functions = resolve.interfaces[interface].functions.clone();
        for function in functions.values_mut() {
            let mut change = Change {
                resolve,
                resources: &resources,
                numbers,
                may_lend: true,
            };
            for param in &mut function.params {
                // That of a method is lent already.
                param.ty = change.ty(param.ty);
            }
            change.may_lend = false;
            // What a constructor returns is said by its kind.
            if let Some(ty) = function.result
                && !matches!(function.kind, wit_parser::FunctionKind::Constructor(_))
            {
                function.result = Some(change.ty(ty));
            }
        }
        resolve.interfaces[interface].functions = functions;
    }
}

/// The resources of an interface, with one more every other time, or if there
/// are none.
fn resources(resolve: &mut Resolve, interface: InterfaceId, numbers: &mut Numbers) -> Vec<TypeId> {
    let types = resolve.interfaces[interface].types.values().copied();
    let is_resource = |id: &TypeId| matches!(resolve.types[*id].kind, TypeDefKind::Resource);
    let mut found: Vec<TypeId> = types.filter(is_resource).collect();
    if found.is_empty() || numbers.below(2) == 0 {
        let name = "made-resource".to_owned();
        let owner = TypeOwner::Interface(interface);
        let id = alloc(resolve, Some(name.clone()), TypeDefKind::Resource, owner);
        resolve.interfaces[interface].types.insert(name, id);
        found.push(id);
    }
    found
}

struct Change<'a> {
    resolve: &'a mut Resolve,
    resources: &'a [TypeId],
    numbers: &'a mut Numbers,
    may_lend: bool,
}

impl Change<'_> {
    /// The type, or another one: others may have the same, so what is in it is
    /// written anew.
    fn ty(&mut self, ty: Type) -> Type {
        let kind = match ty {
            Type::Id(id) => {
                let def = &self.resolve.types[id];
                if def.name.is_some() {
                    return ty;
                }
                match def.kind.clone() {
                    TypeDefKind::Tuple(Tuple { types }) => {
                        let types = types.into_iter().map(|ty| self.ty(ty)).collect();
                        TypeDefKind::Tuple(Tuple { types })
                    }
                    TypeDefKind::Option(ty) => TypeDefKind::Option(self.ty(ty)),
                    TypeDefKind::List(ty) => TypeDefKind::List(self.ty(ty)),
                    TypeDefKind::FixedLengthList(ty, len) => {
                        TypeDefKind::FixedLengthList(self.ty(ty), len)
                    }
                    TypeDefKind::Map(key, ty) => TypeDefKind::Map(key, self.ty(ty)),
                    TypeDefKind::Result(result) => TypeDefKind::Result(Result_ {
                        ok: result.ok.map(|ty| self.ty(ty)),
                        err: result.err.map(|ty| self.ty(ty)),
                    }),
                    _ => return ty,
                }
            }
            _ if self.numbers.below(5) > 0 => return ty,
            _ => {
                let resource = self.resources[self.numbers.below(self.resources.len())];
                TypeDefKind::Handle(match self.may_lend && self.numbers.below(2) == 0 {
                    true => Handle::Borrow(resource),
                    false => Handle::Own(resource),
                })
            }
        };
        Type::Id(alloc(self.resolve, None, kind, TypeOwner::None))
    }
}

fn alloc(
    resolve: &mut Resolve,
    name: Option<String>,
    kind: TypeDefKind,
    owner: TypeOwner,
) -> TypeId {
    resolve.types.alloc(TypeDef {
        name,
        kind,
        owner,
        docs: Docs::default(),
        stability: Stability::Unknown,
        span: Span::default(),
        external_id: None,
    })
}
