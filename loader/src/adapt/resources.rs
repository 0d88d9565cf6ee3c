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
use wash_runtime::wasmtime::{Error, Result, StoreContextMut, bail, error::format_err};

use super::channels;
use super::instance::Instance;
use super::streams::{self, Kind, Loans};
use crate::flat::{Channel, Frame, Give, Handle};
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

    fn channel(&self, number: u32) -> Result<Box<dyn Channel>> {
        channels::open(&self.0, number)
    }

    fn blame(&self, error: Error) -> Error {
        error.context(format!(
            "what plugin `{}` wrote to a stream or future cannot be passed on",
            self.0.id()
        ))
    }
}

/// Gives a plugin's resources, streams and futures to components.
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
    /// The same for streams and futures of WASI 0.3.
    channels: Vec<u32>,
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
            held.channels.clear();
        }
    }

    /// The readable end of that number is the plugin's if it takes it.
    pub(super) fn channel(&mut self, plugin: &Arc<Instance>, number: u32) {
        let held = self.0.get_or_insert_default();
        held.channels.push(number);
        held.plugin.get_or_insert_with(|| Arc::clone(plugin));
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
        if !handle.owned {
            return self.loans.lend(store, callee, kind, handle, workload);
        }
        let number = streams::take(store, callee, kind, handle, workload)?;
        self.streams.push(number);
        self.plugin.get_or_insert_with(|| Arc::clone(callee));
        if !callee.is_bound(workload) {
            // It was unbound before this one was there to be released with it.
            callee.host().streams.give_up(number);
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
            for number in &self.channels {
                plugin.host().channels.give_up(*number);
            }
        }
    }
}

/// Takes what a component gives in a frame's arguments, on behalf of the workload
/// of that number: resources, streams and futures become numbers there.
#[inline]
pub(super) fn take(
    mut store: StoreContextMut<'_, SharedCtx>,
    callee: &Arc<Instance>,
    frame: &mut Frame,
    workload: u64,
) -> Result<Taken> {
    let mut taken = Taken::default();
    if !frame.handles.is_empty() {
        let data = store.data_mut();
        taken = resolve(data, callee, &mut frame.args, &frame.handles, workload)?;
    }
    if !frame.ends.is_empty() {
        channels::accept(store, callee, frame, workload, &mut taken)?;
    }
    Ok(taken)
}

/// Writes the numbers of the resources among the arguments to their buffer.
fn resolve(
    store: &mut SharedCtx,
    callee: &Arc<Instance>,
    buffer: &mut Buffer,
    handles: &[Handle],
    workload: u64,
) -> Result<Taken> {
    // What is only lent is not held.
    let mut taken: Option<Box<Held>> = None;
    for handle in handles {
        let number = if let Some(kind) = Kind::of(handle.ty) {
            let taken = taken.get_or_insert_default();
            Some(taken.stream(store, callee, kind, handle, workload)?)
        } else if handle.owned {
            let given = store.table.delete(Resource::<Given>::new_own(handle.rep))?;
            check_owner(&given, callee)?;
            let number = given.number;
            taken.get_or_insert_default().resources.push(given);
            number
        } else {
            let lent = Resource::<Given>::new_borrow(handle.rep);
            let given = store.table.get(&lent)?;
            check_owner(given, callee)?;
            given.number
        };
        let number = number.unwrap_or(u32::MAX);
        put_number(buffer, handle.at, number)?;
    }
    Ok(Taken(taken))
}

/// Writes the number that stands for something to its place in a buffer.
pub(super) fn put_number(buffer: &mut Buffer, at: usize, number: u32) -> Result<()> {
    buffer
        .as_mut_slice()
        .get_mut(at..)
        .and_then(|rest| rest.first_chunk_mut())
        .map(|room| *room = number.to_le_bytes())
        .ok_or_else(|| format_err!("a resource or stream lies outside of its call's buffer"))
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
