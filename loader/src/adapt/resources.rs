//! A plugin's resources in a component's store.
//!
//! Each resource that a component has is an entry of its store's table, and
//! what the component is given stands for the entry. So a resource goes with
//! whatever goes first: the component's handle, the store, or, as the plugin
//! is told then, the workload.

use std::any::Any;
use std::sync::Arc;

use wash_plugin_abi::abi::Buffer;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::wasmtime::component::{LinkerInstance, Resource, ResourceType};
use wash_runtime::wasmtime::{Result, StoreContextMut, bail, error::format_err};

use super::instance::Instance;
use crate::flat::{Give, Handle};
use crate::world;

/// A resource that a component has. Dropped, it is dropped in the plugin.
#[derive(Debug)]
struct Given {
    owner: Arc<Instance>,
    /// `None` once the plugin has it back.
    number: Option<u32>,
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.owner.drop_resource(number);
        }
    }
}

impl Give for Owner {
    fn give(&self, data: &mut dyn Any, number: u32) -> Result<u32> {
        let given = Given {
            owner: Arc::clone(&self.0),
            number: Some(number),
        };
        let Some(store) = data.downcast_mut::<SharedCtx>() else {
            bail!("the store of a component is not the host's");
        };
        Ok(store.table.push(given)?.rep())
    }
}

/// Gives a plugin's resources to components.
#[derive(Debug)]
pub(super) struct Owner(pub(super) Arc<Instance>);

/// Defines a resource type for a component.
pub(super) fn define(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    resource: &world::Resource,
) -> Result<()> {
    let ty = ResourceType::host_dynamic(resource.key);
    linker.resource(
        &resource.name,
        ty,
        |mut store: StoreContextMut<'_, SharedCtx>, rep| {
            // Dropping the entry drops the resource.
            store
                .data_mut()
                .table
                .delete(Resource::<Given>::new_own(rep))?;
            Ok(())
        },
    )
}

/// The resources that a component gives away with a call. Dropped, they are
/// dropped in the plugin, unless it took them.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<Given>);

impl Taken {
    /// The plugin has them now.
    #[inline]
    pub(super) fn by_plugin(mut self) {
        for given in &mut self.0 {
            given.number = None;
        }
    }
}

/// Writes the numbers of the resources among the arguments to their buffer.
pub(super) fn resolve(
    store: &mut SharedCtx,
    callee: &Arc<Instance>,
    buffer: &mut Buffer,
    handles: &[Handle],
) -> Result<Taken> {
    let mut taken = Taken::default();
    for handle in handles {
        let number = if handle.owned {
            let given = store.table.delete(Resource::<Given>::new_own(handle.rep))?;
            check_owner(&given, callee)?;
            let number = given.number;
            taken.0.push(given);
            number
        } else {
            let lent = Resource::<Given>::new_borrow(handle.rep);
            let given = store.table.get(&lent)?;
            check_owner(given, callee)?;
            given.number
        };
        let number = number.unwrap_or(u32::MAX);
        buffer
            .as_mut_slice()
            .get_mut(handle.at..)
            .and_then(|rest| rest.first_chunk_mut())
            .map(|room| *room = number.to_le_bytes())
            .ok_or_else(|| format_err!("a resource lies outside of its call's buffer"))?;
    }
    Ok(taken)
}

fn check_owner(given: &Given, callee: &Arc<Instance>) -> Result<()> {
    if !Arc::ptr_eq(&given.owner, callee) {
        bail!(
            "a resource of plugin `{}` was passed to plugin `{}`",
            given.owner.id(),
            callee.id()
        );
    }
    Ok(())
}
