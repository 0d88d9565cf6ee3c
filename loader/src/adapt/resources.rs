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
use super::streams::{self, Kind, Loans};
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
    fn give(&self, data: &mut dyn Any, number: u32, ty: ResourceType) -> Result<u32> {
        let Some(store) = data.downcast_mut::<SharedCtx>() else {
            self.0.drop_resource(number);
            bail!("the store of a component is not the host's");
        };
        if let Some(kind) = Kind::of(ty) {
            return streams::give(store, &self.0, kind, number);
        }
        let given = Given {
            owner: Arc::clone(&self.0),
            number: Some(number),
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

/// The resources that a component gives away with a call, and the streams that
/// it lends. Dropped, those that were given are dropped in the plugin, unless
/// it took them.
#[derive(Debug, Default)]
pub(super) struct Taken(Option<Box<Held>>);

/// Most calls have no resources, and should not pay for them.
#[derive(Debug, Default)]
struct Held {
    resources: Vec<Given>,
    /// The numbers of streams that were given, and whose they are.
    streams: Vec<u32>,
    plugin: Option<Arc<Instance>>,
    loans: Loans,
}

impl Taken {
    /// The plugin has them now.
    #[inline]
    pub(super) fn by_plugin(self) {
        if let Some(mut held) = self.0 {
            for given in &mut held.resources {
                given.number = None;
            }
            held.streams.clear();
        }
    }

    /// What has to be given back when the call has ended, however it ends.
    #[inline]
    pub(super) fn loans(&mut self) -> Loans {
        match &mut self.0 {
            None => Loans::default(),
            Some(held) => std::mem::take(&mut held.loans),
        }
    }
}

impl Held {
    /// Takes a stream from the component: its number in the plugin.
    fn stream(
        &mut self,
        store: &mut SharedCtx,
        callee: &Arc<Instance>,
        kind: Kind,
        handle: &Handle,
        workload: u64,
    ) -> Result<u32> {
        let number = streams::take(store, callee, kind, handle, workload)?;
        if handle.owned {
            self.streams.push(number);
            self.plugin.get_or_insert_with(|| Arc::clone(callee));
        } else {
            self.loans.add(callee, number, handle.rep);
        }
        Ok(number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(plugin) = &self.plugin {
            for number in &self.streams {
                plugin.host().streams.give_up(*number);
            }
        }
    }
}

/// Writes the numbers of the resources among the arguments to their buffer, of
/// a call on behalf of the workload of that number.
pub(super) fn resolve(
    store: &mut SharedCtx,
    callee: &Arc<Instance>,
    buffer: &mut Buffer,
    handles: &[Handle],
    workload: u64,
) -> Result<Taken> {
    let mut taken = Box::<Held>::default();
    for handle in handles {
        let number = if let Some(kind) = Kind::of(handle.ty) {
            Some(taken.stream(store, callee, kind, handle, workload)?)
        } else if handle.owned {
            let given = store.table.delete(Resource::<Given>::new_own(handle.rep))?;
            check_owner(&given, callee)?;
            let number = given.number;
            taken.resources.push(given);
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
    Ok(Taken(Some(taken)))
}

/// The plugin instance that has the first of these resources.
pub(super) fn owner<'a>(store: &'a SharedCtx, handles: &[Handle]) -> Option<&'a Arc<Instance>> {
    handles.iter().find_map(|handle| {
        let lent = Resource::<Given>::new_borrow(handle.rep);
        store.table.get(&lent).ok().map(|given| &given.owner)
    })
}

fn check_owner(given: &Given, callee: &Arc<Instance>) -> Result<()> {
    if !Arc::ptr_eq(&given.owner, callee) {
        if given.owner.id() == callee.id() {
            bail!(
                "a resource of plugin `{}` is of another version of it than the one that is \
                 called: it was made before the plugin was updated",
                callee.id()
            );
        }
        bail!(
            "a resource of plugin `{}` was passed to plugin `{}`",
            given.owner.id(),
            callee.id()
        );
    }
    Ok(())
}
