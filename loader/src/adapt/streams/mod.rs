//! Streams and pollables of `wasi:io` between components and a plugin.
//!
//! To a component, a plugin's are like those of the host's own WASI: entries
//! of its store's table, behind wasmtime-wasi's traits ([`ours`]). A
//! component's leave the table while the plugin has them ([`theirs`]), but for
//! pollables, which are waited for where they are ([`awaited`]).

mod awaited;
mod ours;
mod theirs;

use std::sync::Arc;

use awaited::Pollables;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::wasmtime::component::{Resource, ResourceType};
use wash_runtime::wasmtime::{Result, bail};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError};

use super::instance::Instance;
use crate::flat::Handle;

pub(super) use theirs::{STREAM, Stream, Streams};

/// What of `wasi:io` a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Pollable,
}

impl Kind {
    /// `None` for a resource that is not of `wasi:io`.
    pub(super) fn of(ty: ResourceType) -> Option<Self> {
        if ty == ResourceType::host::<DynInputStream>() {
            Some(Self::Input)
        } else if ty == ResourceType::host::<DynOutputStream>() {
            Some(Self::Output)
        } else if ty == ResourceType::host::<DynPollable>() {
            Some(Self::Pollable)
        } else {
            None
        }
    }
}

/// Gives the plugin's stream of that number to a component: its place in the
/// store's table.
pub(super) fn give(
    store: &mut SharedCtx,
    owner: &Arc<Instance>,
    kind: Kind,
    number: u32,
) -> Result<u32> {
    ours::push(&mut store.table, Arc::clone(owner), kind, number)
}

/// Takes a component's stream out of its store's table, for the plugin: the
/// number that it has there.
pub(super) fn take(
    store: &mut SharedCtx,
    callee: &Arc<Instance>,
    kind: Kind,
    handle: &Handle,
    workload: u64,
) -> Result<u32> {
    let table = &mut store.table;
    let stream = match (kind, handle.owned) {
        (Kind::Input, true) => Stream::Input(table.delete(Resource::new_own(handle.rep))?),
        (Kind::Output, true) => Stream::Output(table.delete(Resource::new_own(handle.rep))?),
        // Its place in the table stays, and so do the pollables that wait
        // for it.
        (Kind::Input, false) => {
            let place: &mut DynInputStream = table.get_mut(&Resource::new_borrow(handle.rep))?;
            Stream::Input(std::mem::replace(place, Box::new(Lent)))
        }
        (Kind::Output, false) => {
            let place: &mut DynOutputStream = table.get_mut(&Resource::new_borrow(handle.rep))?;
            Stream::Output(std::mem::replace(place, Box::new(Lent)))
        }
        (Kind::Pollable, _) => bail!(
            "a pollable cannot be given to plugin `{}`: it belongs to its store, and may be lent",
            callee.id()
        ),
    };
    Ok(callee.host().streams.insert(stream, workload))
}

/// The streams that a component lends for a call. Dropped before they are given
/// back, because the call is given up, they are dropped too: their store goes.
#[derive(Debug, Default)]
pub(super) struct Loans(Option<Box<Lending>>);

/// Most calls lend nothing, and should not pay for it.
#[derive(Debug)]
struct Lending {
    plugin: Arc<Instance>,
    /// The number that the plugin knows, and the place in the table.
    streams: Vec<(u32, u32)>,
    pollables: Pollables,
}

impl Loans {
    /// Lends a stream or pollable to the plugin: the number that it has there.
    pub(super) fn lend(
        &mut self,
        store: &mut SharedCtx,
        plugin: &Arc<Instance>,
        kind: Kind,
        handle: &Handle,
        workload: u64,
    ) -> Result<u32> {
        let lending = self.0.get_or_insert_with(|| {
            Box::new(Lending {
                plugin: Arc::clone(plugin),
                streams: Vec::new(),
                pollables: Pollables::default(),
            })
        });
        let number = if kind == Kind::Pollable {
            let awaited = lending.pollables.add(handle.rep);
            let streams = &plugin.host().streams;
            streams.insert(Stream::Pollable(awaited), workload)
        } else {
            take(store, plugin, kind, handle, workload)?
        };
        lending.streams.push((number, handle.rep));
        Ok(number)
    }

    /// Runs the call to its end. It is waited for what the call asks of pollables.
    pub(super) async fn during<T>(
        &self,
        store: &mut SharedCtx,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match &self.0 {
            Some(lending) if !lending.pollables.is_empty() => {
                lending.pollables.serve(&mut store.table, call).await
            }
            _ => call.await,
        }
    }

    /// Whether there are pollables, which only a call that keeps the store can wait for.
    pub(super) fn have_pollables(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|lending| !lending.pollables.is_empty())
    }

    /// Puts them back where they were.
    #[inline]
    pub(super) fn give_back(self, store: &mut SharedCtx) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(mut lending) => lending.give_back(store),
        }
    }
}

impl Lending {
    fn give_back(&mut self, store: &mut SharedCtx) -> Result<()> {
        for (number, rep) in std::mem::take(&mut self.streams) {
            match self.plugin.host().streams.take(number) {
                Some(Stream::Input(stream)) => {
                    *store.table.get_mut(&Resource::new_borrow(rep))? = stream;
                }
                Some(Stream::Output(stream)) => {
                    *store.table.get_mut(&Resource::new_borrow(rep))? = stream;
                }
                // It has never left, or the plugin or the workload was stopped meanwhile.
                Some(Stream::Pollable(_)) | None => {}
            }
        }
        Ok(())
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        for (number, _) in &self.streams {
            self.plugin.host().streams.take(*number);
        }
    }
}

/// Stands in the table for a stream that a plugin has just now.
struct Lent;

fn lent<T>() -> Result<T, StreamError> {
    Err(StreamError::trap(
        "the stream is lent to a plugin, and is used when that call has ended",
    ))
}

#[async_trait::async_trait]
impl wasmtime_wasi::p2::Pollable for Lent {
    async fn ready(&mut self) {}
}

impl wasmtime_wasi::p2::InputStream for Lent {
    fn read(&mut self, _: usize) -> Result<bytes::Bytes, StreamError> {
        lent()
    }
}

impl wasmtime_wasi::p2::OutputStream for Lent {
    fn write(&mut self, _: bytes::Bytes) -> Result<(), StreamError> {
        lent()
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        lent()
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        lent()
    }
}
