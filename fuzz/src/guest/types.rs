//! The types of a guest's world, as they are written there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// An interface's name as it is written in WIT, where it may be a keyword.
pub(crate) fn path(interface: &str) -> String {
    let escaped = interface.replacen(':', ":%", 1).replacen('/', "/%", 1);
    format!("%{escaped}")
}

/// The types that a world uses of its interfaces.
pub(crate) struct Used<'a> {
    resolve: &'a Resolve,
    types: BTreeMap<TypeId, String>,
    /// What says so.
    pub(crate) text: String,
}

impl<'a> Used<'a> {
    pub(crate) fn new(resolve: &'a Resolve) -> Self {
        Self {
            resolve,
            types: BTreeMap::new(),
            text: String::new(),
        }
    }

    /// A type as it is written in the world.
    pub(crate) fn ty(&mut self, ty: &Type) -> Result<String> {
        let id = match ty {
            Type::Bool => return Ok("bool".to_owned()),
            Type::U8 => return Ok("u8".to_owned()),
            Type::U16 => return Ok("u16".to_owned()),
            Type::U32 => return Ok("u32".to_owned()),
            Type::U64 => return Ok("u64".to_owned()),
            Type::S8 => return Ok("s8".to_owned()),
            Type::S16 => return Ok("s16".to_owned()),
            Type::S32 => return Ok("s32".to_owned()),
            Type::S64 => return Ok("s64".to_owned()),
            Type::F32 => return Ok("f32".to_owned()),
            Type::F64 => return Ok("f64".to_owned()),
            Type::Char => return Ok("char".to_owned()),
            Type::String => return Ok("string".to_owned()),
            Type::ErrorContext => return Ok("error-context".to_owned()),
            Type::Id(id) => *id,
        };
        let resolve = self.resolve;
        let def = &resolve.types[id];
        let is_lent = has_borrow(resolve, ty);
        if def.name.is_some() && !is_lent {
            return self.named(id);
        }
        let or_not = |this: &mut Self, ty: &Option<Type>| match ty {
            Some(ty) => this.ty(ty),
            None => Ok("_".to_owned()),
        };
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => self.ty(ty)?,
            TypeDefKind::Tuple(tuple) => {
                let types: Result<Vec<_>> = tuple.types.iter().map(|ty| self.ty(ty)).collect();
                format!("tuple<{}>", types?.join(", "))
            }
            TypeDefKind::Option(ty) => format!("option<{}>", self.ty(ty)?),
            TypeDefKind::Result(result) if result.ok.is_none() && result.err.is_none() => {
                "result".to_owned()
            }
            TypeDefKind::Result(result) => {
                let (ok, err) = (or_not(self, &result.ok)?, or_not(self, &result.err)?);
                match err.as_str() {
                    "_" => format!("result<{ok}>"),
                    _ => format!("result<{ok}, {err}>"),
                }
            }
            TypeDefKind::List(ty) => format!("list<{}>", self.ty(ty)?),
            TypeDefKind::Map(key, value) => format!("map<{}, {}>", self.ty(key)?, self.ty(value)?),
            TypeDefKind::FixedLengthList(ty, len) => format!("list<{}, {len}>", self.ty(ty)?),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.named(*id)?,
            TypeDefKind::Record(record) if is_lent => {
                let mut fields = String::new();
                for field in &record.fields {
                    write!(fields, "%{}: {}, ", field.name, self.ty(&field.ty)?)?;
                }
                self.defined(id, "record", &fields)?
            }
            TypeDefKind::Variant(variant) if is_lent => {
                let mut cases = String::new();
                for case in &variant.cases {
                    match &case.ty {
                        Some(ty) => write!(cases, "%{}({}), ", case.name, self.ty(ty)?)?,
                        None => write!(cases, "%{}, ", case.name)?,
                    }
                }
                self.defined(id, "variant", &cases)?
            }
            other => bail!("a {} has no name", other.as_str()),
        })
    }

    fn named(&mut self, id: TypeId) -> Result<String> {
        if let Some(known) = self.types.get(&id) {
            return Ok(known.clone());
        }
        let def = &self.resolve.types[id];
        let (TypeOwner::Interface(owner), Some(name)) = (def.owner, &def.name) else {
            bail!("a type belongs to no interface");
        };
        let owner = self
            .resolve
            .id_of(owner)
            .context("an interface has no name")?;
        let alias = format!("t{}", self.types.len());
        writeln!(self.text, "  use {}.{{%{name} as {alias}}};", path(&owner))?;
        self.types.insert(id, alias.clone());
        Ok(alias)
    }

    /// A type of the world's own in the place of another.
    fn defined(&mut self, id: TypeId, kind: &str, parts: &str) -> Result<String> {
        if let Some(known) = self.types.get(&id) {
            return Ok(known.clone());
        }
        let name = format!("t{}", self.types.len());
        writeln!(self.text, "  {kind} {name} {{ {parts}}}")?;
        self.types.insert(id, name.clone());
        Ok(name)
    }
}

/// Whether something in a value of the type is lent.
pub(crate) fn has_borrow(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else {
        return false;
    };
    let any = |ty: &Type| has_borrow(resolve, ty);
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(handle) => matches!(handle, Handle::Borrow(_)),
        TypeDefKind::Type(ty) | TypeDefKind::List(ty) | TypeDefKind::Option(ty) => any(ty),
        TypeDefKind::FixedLengthList(ty, _) | TypeDefKind::Map(_, ty) => any(ty),
        TypeDefKind::Record(record) => record.fields.iter().any(|field| any(&field.ty)),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().any(any),
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .filter_map(|case| case.ty.as_ref())
            .any(any),
        TypeDefKind::Result(result) => [&result.ok, &result.err].into_iter().flatten().any(any),
        _ => false,
    }
}
