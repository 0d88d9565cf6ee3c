//! Arguments to try a function with.

use wit_parser::{Resolve, Type, TypeDefKind};

/// How deep a value may be.
const MAX_DEPTH: usize = 8;

/// Returns some value of the type, as WAVE; `None` if it would be too long, or
/// has no text.
pub(super) fn wave(resolve: &Resolve, ty: &Type) -> Option<String> {
    value(resolve, ty, MAX_DEPTH)
}

fn value(resolve: &Resolve, ty: &Type, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let of = |ty: &Type| value(resolve, ty, depth);
    let id = match ty {
        Type::Bool => return Some("true".to_owned()),
        Type::F32 | Type::F64 => return Some("1.5".to_owned()),
        Type::Char => return Some("'a'".to_owned()),
        Type::String => return Some("\"hello\"".to_owned()),
        Type::ErrorContext => return None,
        Type::Id(id) => *id,
        _ => return Some("1".to_owned()),
    };
    Some(match &resolve.types.get(id)?.kind {
        TypeDefKind::Type(ty) => of(ty)?,
        TypeDefKind::List(_) | TypeDefKind::Map(..) => "[]".to_owned(),
        TypeDefKind::FixedLengthList(ty, len) => {
            let values = vec![of(ty)?; usize::try_from(*len).ok().filter(|len| *len <= 8)?];
            format!("[{}]", values.join(", "))
        }
        TypeDefKind::Option(_) => "none".to_owned(),
        TypeDefKind::Result(result) => match &result.ok {
            Some(ty) => format!("ok({})", of(ty)?),
            None => "ok".to_owned(),
        },
        TypeDefKind::Tuple(tuple) => {
            let values: Option<Vec<String>> = tuple.types.iter().map(of).collect();
            format!("({})", values?.join(", "))
        }
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields: Option<Vec<String>> = fields
                .map(|field| Some(format!("{}: {}", field.name, of(&field.ty)?)))
                .collect();
            format!("{{{}}}", fields?.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let case = variant.cases.first()?;
            match &case.ty {
                Some(ty) => format!("%{}({})", case.name, of(ty)?),
                None => format!("%{}", case.name),
            }
        }
        TypeDefKind::Enum(cases) => format!("%{}", cases.cases.first()?.name),
        TypeDefKind::Flags(_) => "{}".to_owned(),
        _ => return None,
    })
}
