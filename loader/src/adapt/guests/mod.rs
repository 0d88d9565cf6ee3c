//! The components that a plugin calls, and the way to them.

mod entry;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use wash_plugin_abi::abi::Buffer;
use wash_runtime::engine::workload::ResolvedWorkload;

use crate::flat::{self, Back};
use crate::world::{Function, Interface, InterfaceName};

pub(super) use entry::GUEST;

/// The components that are bound to a plugin and export what it calls, by
/// their ids.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<HashMap<String, ResolvedWorkload>>);

impl Guests {
    fn all(&self) -> MutexGuard<'_, HashMap<String, ResolvedWorkload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, workload: &ResolvedWorkload, component_id: &str) {
        self.all().insert(component_id.to_owned(), workload.clone());
    }

    /// Forgets components. They keep their plugins, so this must not keep them.
    pub(super) fn remove<'a>(&self, component_ids: impl Iterator<Item = &'a str>) {
        let gone: Vec<_> = {
            let mut all = self.all();
            component_ids.filter_map(|id| all.remove(id)).collect()
        };
        // Dropped without the lock, since it may be the last.
        drop(gone);
    }

    pub(super) fn clear(&self) {
        let gone = std::mem::take(&mut *self.all());
        drop(gone);
    }
}

/// What one generation of a plugin calls, and where.
#[derive(Debug)]
pub(super) struct Callable {
    guests: Arc<Guests>,
    called: Arc<[Interface]>,
    /// Where components run.
    runtime: Handle,
}

/// A call that runs. Dropped, it is given up.
#[derive(Debug)]
struct Running {
    result: oneshot::Receiver<Result<Buffer, String>>,
    task: tokio::task::AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is called, as the plugin says.
struct Wanted<'a> {
    workload_id: &'a str,
    component_id: &'a str,
    interface: &'a str,
    function: &'a str,
}

impl Callable {
    pub(super) fn new(guests: Arc<Guests>, called: Arc<[Interface]>, runtime: Handle) -> Self {
        Self {
            guests,
            called,
            runtime,
        }
    }

    fn begin(&self, wanted: &Wanted<'_>, args: Buffer) -> Result<Running, String> {
        let workload = self.guests.all().get(wanted.component_id).cloned();
        let workload = workload.filter(|workload| workload.id() == wanted.workload_id);
        let Some(workload) = workload else {
            return Err(String::from(
                "it is not bound to this plugin, or exports nothing that the plugin calls; its workload may have been stopped",
            ));
        };
        let interface = self.called.iter().position(|i| i.id == wanted.interface);
        let interface = interface
            .ok_or_else(|| format!("the plugin's world does not import `{}`", wanted.interface))?;
        let (called, component_id) = (Arc::clone(&self.called), wanted.component_id.to_owned());
        let function = wanted.function.to_owned();
        let (done, result) = oneshot::channel();
        let task = self.runtime.spawn(async move {
            let outcome = match called.get(interface) {
                Some(interface) => call(&workload, &component_id, interface, &function, args).await,
                None => Err(anyhow::anyhow!("the interface is none")),
            };
            // There may be nobody any more who wants to know.
            let _ = done.send(outcome.map_err(|error| format!("{error:#}")));
        });
        let task = task.abort_handle();
        Ok(Running { result, task })
    }
}

/// Calls a function, in a fresh instance.
async fn call(
    workload: &ResolvedWorkload,
    component_id: &str,
    interface: &Interface,
    function: &str,
    args: Buffer,
) -> anyhow::Result<Buffer> {
    let Some(function) = interface.functions.iter().find(|f| f.name == function) else {
        bail!("the plugin's world has no such function");
    };
    let mut store = workload.new_store(component_id).await?;
    let linked = workload.instantiate_pre(component_id).await?;
    let component = linked.component();
    let export = component
        .component_type()
        .exports(component.engine())
        .map(|(name, _)| name.to_owned())
        .find(|name| InterfaceName::parse(name).is_some_and(|name| interface.name.serves(&name)))
        .with_context(|| format!("it does not export `{}`", interface.id))?;
    let instance = linked.instantiate_async(&mut store).await?;
    let missing = || format!("it does not export `{export}#{}`", function.name);
    let found = instance
        .get_export_index(&mut store, None, &export)
        .with_context(missing)?;
    let found = instance
        .get_export_index(&mut store, Some(&found), &function.name)
        .with_context(missing)?;
    let func = instance.get_func(&mut store, found).with_context(missing)?;
    let params = function.flat_params.with_context(missing)?;
    Ok(flat::call(func, &mut store, params, back(function), args).await?)
}

fn back(function: &Function) -> Back {
    match (&function.wit.result, function.flat_result) {
        (None, _) => Back::Nothing,
        (Some(_), true) => Back::Value,
        (Some(_), false) => Back::Memory,
    }
}
