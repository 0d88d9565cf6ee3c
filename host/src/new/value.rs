//! Values that a function returns until its author has written it.

use anyhow::{Context as _, Result, bail};
use wit_parser::{Handle, Type, TypeDefKind, TypeId};

use super::rust::{MAX_DEPTH, Types, camel, snake};

impl Types<'_> {
    /// Returns an expression for some value of the type: what a function returns
    /// until its author writes it. `resource` names what is behind a resource.
    pub(super) fn value(&self, ty: &Type, resource: &dyn Fn(TypeId) -> String) -> Result<String> {
        self.value_within(ty, resource, MAX_DEPTH)
    }

    fn value_within(
        &self,
        ty: &Type,
        resource: &dyn Fn(TypeId) -> String,
        depth: usize,
    ) -> Result<String> {
        let depth = depth
            .checked_sub(1)
            .context("a type is nested too deeply")?;
        let of = |ty: &Type| self.value_within(ty, resource, depth);
        let id = match ty {
            Type::Bool => return Ok("false".to_owned()),
            Type::F32 | Type::F64 => return Ok("0.0".to_owned()),
            Type::Char => return Ok("' '".to_owned()),
            Type::String => return Ok("String::new()".to_owned()),
            Type::ErrorContext => bail!("an error-context cannot be returned"),
            Type::Id(id) => *id,
            _ => return Ok("0".to_owned()),
        };
        let def = self.def(id)?;
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => of(ty)?,
            TypeDefKind::Option(_) => "None".to_owned(),
            TypeDefKind::List(_) => "Vec::new()".to_owned(),
            TypeDefKind::Map(..) => "std::collections::BTreeMap::new()".to_owned(),
            TypeDefKind::FixedLengthList(ty, _) => {
                format!("std::array::from_fn(|_| {})", of(ty)?)
            }
            TypeDefKind::Tuple(tuple) => {
                let values: Result<String> =
                    tuple.types.iter().map(|ty| Ok(of(ty)? + ", ")).collect();
                let values = values?;
                match tuple.types.len() {
                    1 => format!("({})", values.trim_end()),
                    _ => format!("({})", values.trim_end_matches(", ")),
                }
            }
            TypeDefKind::Result(result) => match &result.err {
                None => "Err(())".to_owned(),
                Some(err) if self.is_text(err) => "Err(\"not written yet\".to_owned())".to_owned(),
                Some(err) => format!("Err({})", of(err)?),
            },
            TypeDefKind::Record(record) => {
                let fields: Result<String> = record
                    .fields
                    .iter()
                    .map(|field| Ok(format!("{}: {}, ", snake(&field.name), of(&field.ty)?)))
                    .collect();
                let fields = fields?;
                format!(
                    "{} {{ {} }}",
                    self.named(def, "")?,
                    fields.trim_end_matches(", ")
                )
            }
            TypeDefKind::Variant(variant) => {
                let path = self.named(def, "")?;
                // An error's own text comes first, then a case without anything.
                let has_text = |case: &&wit_parser::Case| case.ty == Some(Type::String);
                let is_bare = |case: &&wit_parser::Case| case.ty.is_none();
                let mut cases = variant.cases.iter();
                let case = cases.clone().find(has_text);
                let case = case.or_else(|| cases.clone().find(is_bare));
                let case = case
                    .or_else(|| cases.next())
                    .context("a variant has no cases")?;
                let name = camel(&case.name);
                match &case.ty {
                    Some(Type::String) => format!("{path}::{name}(\"not written yet\".into())"),
                    Some(ty) => format!("{path}::{name}({})", of(ty)?),
                    None => format!("{path}::{name}"),
                }
            }
            TypeDefKind::Enum(cases) => {
                let first = cases.cases.first().context("an enum has no cases")?;
                format!("{}::{}", self.named(def, "")?, camel(&first.name))
            }
            TypeDefKind::Flags(_) => format!("{}::empty()", self.named(def, "")?),
            TypeDefKind::Handle(Handle::Own(id)) => self.resource(*id, resource)?,
            TypeDefKind::Future(ty) => {
                let value = match ty {
                    Some(ty) => of(ty)?,
                    None => "()".to_owned(),
                };
                format!("wash_plugin_abi::io::FutureReader::ready({value})")
            }
            TypeDefKind::Stream(_) => "wash_plugin_abi::io::StreamReader::from_iter([])".to_owned(),
            TypeDefKind::Handle(Handle::Borrow(_))
            | TypeDefKind::Resource
            | TypeDefKind::Unknown => bail!("a type cannot be returned"),
        })
    }

    /// An expression for a resource that is given to a component.
    fn resource(&self, id: TypeId, resource: &dyn Fn(TypeId) -> String) -> Result<String> {
        let origin = self.origin(id)?;
        let def = self.def(origin)?;
        Ok(match (def.name.as_deref(), self.is_wasi_io(def)) {
            (Some("input-stream"), true) => {
                "wash_plugin_abi::io::InputStream::from_bytes(\"\")".to_owned()
            }
            (Some("pollable"), true) => "wash_plugin_abi::io::Pollable::new(async {})".to_owned(),
            (Some("output-stream"), true) => bail!("an output-stream needs somewhere to write to"),
            _ => format!("{}::new({})", self.named(def, "")?, resource(origin)),
        })
    }
}
