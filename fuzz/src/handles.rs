//! The resources among values. The oracle's values have a resource's number
//! where wasmtime's have a `Val::Resource`; nothing else is different.

use anyhow::{Result, bail};
use wash_runtime::wasmtime::component::{Type, Val};

use crate::layout;

/// The values, with another one in the place of each resource, which `change`
/// says. It is asked in the order in which they are laid out.
///
/// # Errors
///
/// What `change` says.
pub fn map(
    types: &[Type],
    values: &[Val],
    change: &mut dyn FnMut(&Type, &Val) -> Result<Val>,
) -> Result<Vec<Val>> {
    let pairs = types.iter().zip(values);
    pairs.map(|(ty, value)| one(ty, value, change)).collect()
}

fn one(ty: &Type, value: &Val, change: &mut dyn FnMut(&Type, &Val) -> Result<Val>) -> Result<Val> {
    let mut all = |ty: &Type, items: &[Val]| -> Result<Vec<Val>> {
        items.iter().map(|item| one(ty, item, change)).collect()
    };
    Ok(match (ty, value) {
        (Type::Own(_) | Type::Borrow(_), value) => change(ty, value)?,
        (Type::List(list), Val::List(items)) => Val::List(all(&list.ty(), items)?),
        (Type::FixedLengthList(list), Val::FixedLengthList(items)) => {
            Val::FixedLengthList(all(&list.ty(), items)?)
        }
        (Type::Map(map), Val::Map(entries)) => {
            // No key has a resource.
            let ty = map.value();
            let entries = entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), one(&ty, value, change)?)));
            Val::Map(entries.collect::<Result<_>>()?)
        }
        (Type::Record(record), Val::Record(fields)) => {
            let fields = record
                .fields()
                .zip(fields)
                .map(|(field, (name, value))| Ok((name.clone(), one(&field.ty, value, change)?)));
            Val::Record(fields.collect::<Result<_>>()?)
        }
        (Type::Tuple(tuple), Val::Tuple(values)) => {
            Val::Tuple(map(&tuple.types().collect::<Vec<_>>(), values, change)?)
        }
        (Type::Variant(variant), Val::Variant(name, payload)) => {
            let case = variant.cases().find(|case| case.name == name);
            let ty = case.and_then(|case| case.ty);
            Val::Variant(name.clone(), boxed(ty, payload, change)?)
        }
        (Type::Option(_), Val::Option(payload)) => {
            let [_, some] = two(ty);
            Val::Option(boxed(some, payload, change)?)
        }
        (Type::Result(_), Val::Result(result)) => {
            let [ok, err] = two(ty);
            Val::Result(match result {
                Ok(payload) => Ok(boxed(ok, payload, change)?),
                Err(payload) => Err(boxed(err, payload, change)?),
            })
        }
        (_, value) => value.clone(),
    })
}

fn two(ty: &Type) -> [Option<Type>; 2] {
    layout::cases(ty).try_into().expect("it has two cases")
}

fn boxed(
    ty: Option<Type>,
    payload: &Option<Box<Val>>,
    change: &mut dyn FnMut(&Type, &Val) -> Result<Val>,
) -> Result<Option<Box<Val>>> {
    match (ty, payload) {
        (Some(ty), Some(value)) => Ok(Some(Box::new(one(&ty, value, change)?))),
        (_, payload) => Ok(payload.clone()),
    }
}

/// The number in the place of a resource.
///
/// # Errors
///
/// If there is something else.
pub fn number(value: &Val) -> Result<u32> {
    match value {
        Val::U32(number) => Ok(*number),
        other => bail!("{other:?} is not the number of a resource"),
    }
}

/// The numbers of the resources among the oracle's values, in their order:
/// those that are given, or all of them.
#[must_use]
pub fn numbers(types: &[Type], values: &[Val], only_owned: bool) -> Vec<u32> {
    let mut numbers = Vec::new();
    let found = map(types, values, &mut |ty, value| {
        if !only_owned || matches!(ty, Type::Own(_)) {
            numbers.push(number(value)?);
        }
        Ok(value.clone())
    });
    found.expect("the oracle's values have numbers");
    numbers
}
