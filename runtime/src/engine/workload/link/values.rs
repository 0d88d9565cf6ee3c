//! Resources among the values that pass between two components.

use wasmtime::{
    AsContextMut, StoreContextMut,
    component::{ResourceAny, ResourceDynamic, ResourceType, Val},
};

use crate::engine::ctx::{LinkedInstance, SharedCtx};

/// Which way a value goes.
pub(super) enum Direction<'a> {
    /// An argument. What is only borrowed for the call, and has to be given
    /// back after it, is noted.
    IntoProvider(&'a mut Vec<ResourceAny>),
    /// A result.
    OutOfProvider,
}

impl Direction<'_> {
    fn again(&mut self) -> Direction<'_> {
        match self {
            Self::IntoProvider(borrowed) => Direction::IntoProvider(borrowed),
            Self::OutOfProvider => Direction::OutOfProvider,
        }
    }
}

/// The value as the other side knows it: a resource that the provider defines
/// is a number to everybody else, and all other values are the same to both.
pub(super) fn pass(
    store: &mut StoreContextMut<'_, SharedCtx>,
    provider: &LinkedInstance,
    mut direction: Direction<'_>,
    value: Val,
) -> wasmtime::Result<Val> {
    let mut each = |value| pass(store, provider, direction.again(), value);
    let mut boxed =
        |value: Option<Box<Val>>| value.map(|value| each(*value).map(Box::new)).transpose();
    Ok(match value {
        Val::Resource(resource) => Val::Resource(match direction {
            Direction::IntoProvider(borrowed) => unwrap(store, provider, borrowed, resource)?,
            Direction::OutOfProvider => wrap(store, provider, resource)?,
        }),
        Val::Option(value) => Val::Option(boxed(value)?),
        Val::Variant(case, value) => Val::Variant(case, boxed(value)?),
        Val::Result(Ok(value)) => Val::Result(Ok(boxed(value)?)),
        Val::Result(Err(value)) => Val::Result(Err(boxed(value)?)),
        Val::List(values) => Val::List(all(values, each)?),
        Val::FixedLengthList(values) => Val::FixedLengthList(all(values, each)?),
        Val::Tuple(values) => Val::Tuple(all(values, each)?),
        Val::Record(fields) => Val::Record(
            fields
                .into_iter()
                .map(|(name, value)| Ok((name, each(value)?)))
                .collect::<wasmtime::Result<_>>()?,
        ),
        Val::Map(entries) => Val::Map(
            entries
                .into_iter()
                .map(|(key, value)| Ok((each(key)?, each(value)?)))
                .collect::<wasmtime::Result<_>>()?,
        ),
        plain => plain,
    })
}

fn all(
    values: Vec<Val>,
    each: impl FnMut(Val) -> wasmtime::Result<Val>,
) -> wasmtime::Result<Vec<Val>> {
    values.into_iter().map(each).collect()
}

/// Argument: from the number that the caller has to the provider's resource.
fn unwrap(
    store: &mut StoreContextMut<'_, SharedCtx>,
    provider: &LinkedInstance,
    borrowed: &mut Vec<ResourceAny>,
    resource: ResourceAny,
) -> wasmtime::Result<ResourceAny> {
    let is_providers = provider
        .resources
        .iter()
        .any(|(_, number)| resource.ty() == ResourceType::host_dynamic(*number));
    if !is_providers {
        if !resource.owned() {
            borrowed.push(resource);
        }
        return Ok(resource);
    }
    let handle = ResourceDynamic::try_from_resource_any(resource, store.as_context_mut())?;
    let links = &mut store.data_mut().links;
    if handle.owned() {
        links.release(handle.rep())
    } else {
        links.lend(handle.rep())
    }
}

/// Result: from the provider's resource to the number that the caller gets.
fn wrap(
    store: &mut StoreContextMut<'_, SharedCtx>,
    provider: &LinkedInstance,
    resource: ResourceAny,
) -> wasmtime::Result<ResourceAny> {
    let known = provider
        .resources
        .iter()
        .find(|(ty, _)| *ty == resource.ty());
    match known {
        Some((_, number)) => {
            let handle = store.data_mut().links.keep(resource)?;
            ResourceDynamic::new_own(handle, *number).try_into_resource_any(store.as_context_mut())
        }
        None => Ok(resource),
    }
}
