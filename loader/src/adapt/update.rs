//! A plugin is updated while it runs: [`LoadedPlugin::update`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wash_plugin_abi::event::WorkloadUnbound;

use super::bound::{Item, Workload};
use super::call::Caller;
use super::drain::{self, Patience};
use super::generation::Generation;
use super::hook::{self, Hook, LifecycleError};
use super::{HOOK_DEADLINE, LoadedPlugin, STOP_DEADLINE, State, link};
use crate::library::Loaded;
use crate::shape::Shape;
use crate::world::{Function, World};

/// How a plugin is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateOptions {
    /// How long resources and calls of the previous version may last once no
    /// workload is bound to it. The previous version is stopped then, and they
    /// fail, unless `keep` says otherwise.
    pub drain: Duration,
    /// Whether the previous version may run for longer than `drain`.
    pub keep: Keep,
    /// How many libraries may be loaded for a plugin, all together: none is
    /// ever unloaded.
    pub max_generations: u32,
}

/// Whether the previous version of a plugin may run for longer than
/// [`UpdateOptions::drain`] after an update, for resources, streams and calls
/// that components still have of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// It may not.
    Never,
    /// It runs as long as components have something of it, if it has served a
    /// workload with a service, and that still runs. A service may have taken a
    /// resource when it started, and would end with it.
    #[default]
    ForServices,
    /// It runs as long as components have something of it.
    WhileUsed,
}

impl Default for UpdateOptions {
    /// 30 seconds, longer for services, and 256 libraries.
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(30),
            keep: Keep::default(),
            max_generations: 256,
        }
    }
}

/// What an update did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The number of the generation that serves from now on.
    pub generation: u32,
    /// The workloads that it serves.
    pub moved: Vec<String>,
    /// The workloads that stay with the version before, and why.
    pub stayed: Vec<(String, String)>,
}

/// Why a plugin is not updated. The version before goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It does not run.
    #[error("plugin `{plugin}` cannot be updated: it is not running")]
    NotRunning {
        /// The plugin's id.
        plugin: String,
    },
    /// It is another plugin.
    #[error("plugin `{plugin}` cannot be updated to a library of plugin `{other}`")]
    OtherPlugin {
        /// The plugin's id.
        plugin: String,
        /// The library's.
        other: String,
    },
    /// So many libraries have been loaded for it.
    #[error(
        "plugin `{plugin}` cannot be updated: {most} libraries have been loaded for it since the \
         host started, and none can be unloaded; restart the host"
    )]
    TooManyGenerations {
        /// The plugin's id.
        plugin: String,
        /// How many may be loaded.
        most: u32,
    },
    /// The new version does not start.
    #[error("plugin `{plugin}` stays at version {version}: the new one does not start")]
    Start {
        /// The plugin's id.
        plugin: String,
        /// The version that goes on.
        version: String,
        /// Why.
        source: anyhow::Error,
    },
}

impl LoadedPlugin {
    /// Replaces the plugin's library by another version while it runs.
    ///
    /// The new version is made and started first, and given the state that the
    /// one before hands over. Then the workloads that use the plugin are bound
    /// to it, and from then on their calls go to it.
    /// Resources and calls of the previous version stay there until they end;
    /// after that, or after the drain time unless it is [kept](Keep), it is
    /// stopped. A workload stays with the previous version, too, if the new one
    /// serves it with other types or refuses it.
    ///
    /// # Errors
    ///
    /// If the new version does not start, is of another plugin, or is one too
    /// many. The version before goes on then.
    pub async fn update(
        self: &Arc<Self>,
        loaded: Loaded,
        config: Value,
        options: UpdateOptions,
    ) -> Result<Updated, UpdateError> {
        let _one_at_a_time = self.updating.lock().await;
        let (before, number) = self.next_generation(&loaded, options)?;
        let loaded = Arc::new(loaded);
        let failed = |source: anyhow::Error| UpdateError::Start {
            plugin: self.id.to_owned(),
            version: before.loaded.manifest().version.clone(),
            source,
        };
        let new = self
            .generation(loaded, &config, number)
            .await
            .map_err(failed)?;
        if let Err(error) = hand_over(&before, &new).await {
            // What it says then is of no interest any more.
            let _ = drain::end(&new, STOP_DEADLINE).await;
            return Err(failed(error.into()));
        }

        // No workload is bound or unbound meanwhile.
        let moving = self.moving.write().await;
        let services = self.bound.services_of(&before);
        let mut updated = Updated {
            generation: number,
            moved: Vec::new(),
            stayed: Vec::new(),
        };
        for (id, workload) in self.bound.all() {
            match self.move_to(&new, &id, &workload).await {
                Ok(()) => updated.moved.push(id),
                Err(reason) => {
                    workload.stayed(reason.clone());
                    updated.stayed.push((id, reason));
                }
            }
        }
        updated.moved.dedup();
        updated.stayed.dedup_by(|a, b| a.0 == b.0);
        if let Err(error) = self.take_over(&new) {
            // The host stopped the plugin meanwhile.
            let _ = drain::end(&new, STOP_DEADLINE).await;
            return Err(error);
        }
        drop(moving);
        let patience = Patience::new(options, services);
        tokio::spawn(Arc::clone(self).drain(before, patience));
        Ok(updated)
    }

    /// The generation that serves now, and the number of the next one.
    fn next_generation(
        &self,
        loaded: &Loaded,
        options: UpdateOptions,
    ) -> Result<(Arc<Generation>, u32), UpdateError> {
        let plugin = self.id.to_owned();
        if loaded.id() != self.id {
            let other = loaded.id().to_owned();
            return Err(UpdateError::OtherPlugin { plugin, other });
        }
        match &mut *self.state() {
            State::Started(generations) if generations.made >= options.max_generations => {
                Err(UpdateError::TooManyGenerations {
                    plugin,
                    most: options.max_generations,
                })
            }
            State::Started(generations) => {
                // Counted even if it does not start: its library is mapped.
                generations.made += 1;
                Ok((Arc::clone(&generations.current), generations.made))
            }
            State::Fresh | State::Ended => Err(UpdateError::NotRunning { plugin }),
        }
    }

    fn take_over(&self, new: &Arc<Generation>) -> Result<(), UpdateError> {
        match &mut *self.state() {
            State::Started(generations) => {
                let before = std::mem::replace(&mut generations.current, Arc::clone(new));
                generations.draining.push(before);
                Ok(())
            }
            State::Fresh | State::Ended => Err(UpdateError::NotRunning {
                plugin: self.id.to_owned(),
            }),
        }
    }

    /// Makes a generation serve a workload, or says why it cannot.
    async fn move_to(
        &self,
        new: &Arc<Generation>,
        id: &str,
        workload: &Workload,
    ) -> Result<(), String> {
        let before = workload.generation();
        let (was, is) = (before.loaded.world(), new.loaded.world());
        if let Some(called) = calls_otherwise(was, is) {
            return Err(format!(
                "version {} calls `{called}`, which the workload was not checked for",
                new.version()
            ));
        }
        let items = workload.items();
        let mut targets = Vec::new();
        for item in &items {
            let caller = Caller {
                workload_id: id.to_owned(),
                component_id: item.id.clone(),
            };
            for at in item.links.iter() {
                let Some((interface, function)) = served(is, at) else {
                    return Err(format!(
                        "version {} does not serve `{}#{}`",
                        new.version(),
                        at.import,
                        at.function
                    ));
                };
                let same = served(was, at)
                    .is_some_and(|(_, before)| signature(was, before) == signature(is, function));
                if !same {
                    return Err(format!(
                        "`{}#{}` has other types in version {} than the workload was checked with",
                        interface.id,
                        function.name,
                        new.version()
                    ));
                }
                let target = link::target(
                    &new.instance,
                    interface,
                    function,
                    &caller,
                    self.tally_if_measured(),
                )
                .map_err(|error| format!("{error:#}"))?;
                targets.push((Arc::clone(&at.switch), target));
            }
        }
        if let Err(error) = tell(new, workload).await {
            self.unbind(new, id).await;
            return Err(format!("version {} refuses it: {error}", new.version()));
        }
        for (switch, target) in targets {
            switch.to(target);
        }
        workload.moved(Arc::clone(new));
        Ok(())
    }

    /// Tells a generation that a workload is gone from it.
    pub(super) async fn unbind(&self, generation: &Generation, workload_id: &str) {
        let event = WorkloadUnbound {
            workload_id: workload_id.to_owned(),
        };
        if let Err(error) = self
            .hook(&generation.instance, Hook::WorkloadUnbound, &event)
            .await
        {
            tracing::warn!(
                plugin = self.id,
                generation = generation.number,
                "{error:#}"
            );
        }
        generation.instance.release_workload(workload_id);
    }
}

/// Gives the new version what the one before hands over, if it does.
async fn hand_over(before: &Generation, new: &Generation) -> Result<(), LifecycleError> {
    let run = |of: &Generation, hook, event| {
        hook::run(Arc::clone(&of.instance), hook, event, HOOK_DEADLINE)
    };
    let exported = run(before, Hook::ExportState, Vec::new()).await?;
    if let Some((_, state)) = exported.split_first() {
        run(new, Hook::ImportState, state.to_vec()).await?;
    }
    Ok(())
}

/// Tells a generation of a workload what was told before: the one before it, or
/// itself, by another host.
pub(super) async fn tell(new: &Generation, workload: &Workload) -> Result<(), LifecycleError> {
    let items = workload.items();
    tell_one(new, Hook::WorkloadBound, &workload.bound).await?;
    for item in &items {
        tell_one(new, Hook::ItemBound, &item.bound).await?;
    }
    if workload.is_held_back() {
        return Ok(());
    }
    tell_resolved(new, &items).await
}

/// Tells it which components are resolved.
pub(super) async fn tell_resolved(new: &Generation, items: &[Item]) -> Result<(), LifecycleError> {
    for resolved in items.iter().filter_map(|item| item.resolved.as_ref()) {
        tell_one(new, Hook::WorkloadResolved, resolved).await?;
    }
    Ok(())
}

async fn tell_one(new: &Generation, hook: Hook, event: &Arc<[u8]>) -> Result<(), LifecycleError> {
    let instance = Arc::clone(&new.instance);
    hook::run(instance, hook, event.to_vec(), HOOK_DEADLINE).await?;
    Ok(())
}

/// The function of a world that a component's import is linked to.
fn served<'a>(
    world: &'a World,
    at: &super::bound::Link,
) -> Option<(&'a crate::world::Interface, &'a Function)> {
    let interface = world
        .served()
        .find(|served| served.name.serves(&at.import))?;
    let function = interface
        .functions
        .iter()
        .find(|function| function.name == at.function)?;
    Some((interface, function))
}

/// A function of components that a world calls, and another does not or with
/// other types.
fn calls_otherwise(was: &World, is: &World) -> Option<String> {
    for interface in is.called().iter() {
        let before = was.called().iter().find(|before| before.id == interface.id);
        for function in &interface.functions {
            let same = before
                .and_then(|before| before.functions.iter().find(|f| f.name == function.name))
                .is_some_and(|before| signature(was, before) == signature(is, function));
            if !same {
                return Some(format!("{}#{}", interface.id, function.name));
            }
        }
    }
    None
}

/// What a component's calls rely on.
fn signature(world: &World, function: &Function) -> ([bool; 2], Vec<Shape>, Option<Shape>) {
    let shape = |ty| Shape::of_wit(world.resolve(), ty);
    (
        [function.is_async, function.is_concurrent],
        function.wit.params.iter().map(|p| shape(&p.ty)).collect(),
        function.wit.result.as_ref().map(shape),
    )
}
