//! A loaded library as a [`HostPlugin`]: what the host registers.

mod attached;
mod binding;
mod bound;
mod buffers;
mod call;
mod channels;
mod check;
mod drain;
mod driver;
mod fault;
mod generation;
mod grace;
mod guests;
mod hook;
mod host;
mod host_log;
mod identity;
mod instance;
mod link;
mod numbered;
mod resources;
mod streams;
mod switch;
mod update;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Serialize;
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wit::WitWorld;

pub(crate) use attached::Attached;
pub use fault::{CallError, CallFault};
pub use generation::{GenerationState, GenerationStatus, WorkloadUse};
pub use hook::LifecycleError;
pub use instance::Faults;
pub use update::{Keep, UpdateError, UpdateOptions, Updated};

use crate::intern::Interner;
use crate::library::Loaded;
use crate::observability::Tally;
use bound::Bound;
use generation::Generation;
use guests::Guests;
use hook::Hook;
use instance::Instance;

/// How long a hook of a plugin may take, but for `stop`.
const HOOK_DEADLINE: Duration = Duration::from_secs(30);

/// How long `stop` may take where no host limits it: as hosts do.
const STOP_DEADLINE: Duration = Duration::from_secs(3);

/// The number of the host that a plugin is registered with, where that is one
/// for its whole life.
const THE_HOST: u64 = 0;

/// A loaded plugin, ready to be registered with a host.
///
/// It is made when the host starts: the library's `create`, with the
/// configuration, then its `start`. What a workload asks for is linked into its
/// components when it is bound, and checked against their types when it is
/// resolved. While it runs, [`update`](Self::update) exchanges its library.
#[derive(Debug)]
pub struct LoadedPlugin {
    id: &'static str,
    /// What it starts with.
    first: Arc<Loaded>,
    config: serde_json::Value,
    /// Counts and times its calls, if that is asked for.
    tally: Option<Arc<Tally>>,
    state: Mutex<State>,
    bound: Bound,
    /// The components that it calls.
    guests: Arc<Guests>,
    /// Held while workloads are bound or unbound, and alone while they move to
    /// another generation.
    moving: tokio::sync::RwLock<()>,
    updating: tokio::sync::Mutex<()>,
}

/// Where a plugin is in its one life: a library makes its plugin once.
#[derive(Debug)]
enum State {
    Fresh,
    Started(Generations),
    Ended,
}

#[derive(Debug)]
struct Generations {
    current: Arc<Generation>,
    /// Those before that are not stopped yet.
    draining: Vec<Arc<Generation>>,
    /// How many libraries were loaded.
    made: u32,
}

impl LoadedPlugin {
    /// Prepares a loaded plugin. Of the library, nothing runs yet.
    #[must_use]
    pub fn new(loaded: Loaded, config: serde_json::Value) -> Arc<Self> {
        Self::measured(loaded, config, false)
    }

    /// The same; with `metrics`, its calls are counted and timed.
    pub(crate) fn measured(loaded: Loaded, config: serde_json::Value, metrics: bool) -> Arc<Self> {
        grace::prepare();
        // The host's trait wants an id that lives for ever.
        static IDS: Interner<String> = Interner::new();
        let id = IDS.get(loaded.id().to_owned());
        Arc::new(Self {
            id,
            first: Arc::new(loaded),
            config,
            tally: metrics.then(Arc::default),
            state: Mutex::new(State::Fresh),
            bound: Bound::default(),
            guests: Arc::default(),
            moving: tokio::sync::RwLock::default(),
            updating: tokio::sync::Mutex::default(),
        })
    }

    /// Its library; after an update, the newest.
    #[must_use]
    pub fn loaded(&self) -> Arc<Loaded> {
        match &*self.state() {
            State::Started(generations) => Arc::clone(&generations.current.loaded),
            State::Fresh | State::Ended => Arc::clone(&self.first),
        }
    }

    /// What has gone wrong in it since it started, or since its last update;
    /// `None` before it started.
    #[must_use]
    pub fn faults(&self) -> Option<Faults> {
        self.current()
            .ok()
            .map(|generation| generation.instance.faults())
    }

    /// How many of its resources components have just now, of all its
    /// generations; `None` before it started.
    #[must_use]
    pub fn live_resources(&self) -> Option<u64> {
        self.current().ok()?;
        let generations = self.running();
        let live = generations
            .iter()
            .map(|generation| generation.instance.live_resources());
        Some(live.sum())
    }

    /// How many calls it has answered, and how long they took together; `None`
    /// unless the loader was asked for metrics.
    #[must_use]
    pub fn calls(&self) -> Option<(u64, Duration)> {
        self.tally
            .as_ref()
            .map(|tally| (tally.calls(), tally.time()))
    }

    /// The workloads that are bound to it, by their ids.
    #[must_use]
    pub fn workloads(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.bound.all().into_iter().map(|(id, _)| id).collect();
        ids.dedup();
        ids
    }

    /// What is known of each of its generations that runs, the newest first;
    /// none before it started and after its stop.
    #[must_use]
    pub fn generations(&self) -> Vec<GenerationStatus> {
        let bound = self.bound.all();
        let uses = |generation: &Arc<Generation>| {
            let mut uses = Vec::new();
            for (id, workload) in &bound {
                if Arc::ptr_eq(&workload.generation(), generation) {
                    uses.push(WorkloadUse {
                        id: id.clone(),
                        stays: workload.stays(),
                    });
                }
            }
            uses.dedup_by(|a, b| a.id == b.id);
            uses
        };
        let state = |index| match index {
            0 => GenerationState::Serving,
            _ => GenerationState::Draining,
        };
        self.running()
            .iter()
            .enumerate()
            .map(|(index, generation)| generation.status(state(index), uses(generation)))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was stopped, or did not start.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(&*self.state(), State::Ended)
    }

    fn current(&self) -> anyhow::Result<Arc<Generation>> {
        match &*self.state() {
            State::Started(generations) => Ok(Arc::clone(&generations.current)),
            State::Fresh => {
                anyhow::bail!("plugin `{}` is not started: start the host first", self.id)
            }
            State::Ended => anyhow::bail!("plugin `{}` is stopped", self.id),
        }
    }

    /// The generations that run, the newest first.
    fn running(&self) -> Vec<Arc<Generation>> {
        match &*self.state() {
            State::Started(generations) => std::iter::once(&generations.current)
                .chain(generations.draining.iter().rev())
                .map(Arc::clone)
                .collect(),
            State::Fresh | State::Ended => Vec::new(),
        }
    }

    fn tally_if_measured(&self) -> Option<&Arc<Tally>> {
        self.tally.as_ref()
    }

    /// Starts it, unless it runs.
    pub(crate) async fn start_once(&self) -> anyhow::Result<()> {
        match &*self.state() {
            State::Started(_) => return Ok(()),
            State::Fresh | State::Ended => {}
        }
        self.start().await
    }

    /// Makes and starts the plugin of a library.
    async fn generation(
        &self,
        loaded: Arc<Loaded>,
        config: &serde_json::Value,
        number: u32,
    ) -> anyhow::Result<Arc<Generation>> {
        let config = serde_json::to_vec(config).context("the configuration is not JSON")?;
        let instance = instance::create(
            self.id,
            &loaded,
            config,
            Arc::clone(&self.guests),
            HOOK_DEADLINE,
        )
        .await?;
        hook::run(
            Arc::clone(&instance),
            Hook::Start,
            Vec::new(),
            HOOK_DEADLINE,
        )
        .await?;
        Ok(Arc::new(Generation {
            number,
            loaded,
            instance,
        }))
    }

    /// Runs a hook, and returns the event as it was told.
    async fn hook(
        &self,
        instance: &Arc<Instance>,
        hook: Hook,
        event: &impl Serialize,
    ) -> anyhow::Result<Arc<[u8]>> {
        let event = serde_json::to_vec(event).context("an event cannot be written as JSON")?;
        let told = Arc::from(event.as_slice());
        hook::run(Arc::clone(instance), hook, event, HOOK_DEADLINE).await?;
        Ok(told)
    }
}

#[async_trait]
impl HostPlugin for LoadedPlugin {
    fn id(&self) -> &'static str {
        self.id
    }

    fn world(&self) -> WitWorld {
        identity::wit_world(self.loaded().world())
    }

    async fn start(&self) -> anyhow::Result<()> {
        let before = std::mem::replace(&mut *self.state(), State::Ended);
        if !matches!(before, State::Fresh) {
            *self.state() = before;
            anyhow::bail!(
                "plugin `{}` was started before, and a library makes its plugin once: load it again for another host",
                self.id
            );
        }
        let first = Arc::clone(&self.first);
        let current = self.generation(first, &self.config, 1).await?;
        *self.state() = State::Started(Generations {
            current,
            draining: Vec::new(),
            made: 1,
        });
        Ok(())
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.bind(THE_HOST, workload, interfaces).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        self.bind_item(THE_HOST, item, interfaces).await
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        self.resolve(THE_HOST, workload, component_id).await
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        _interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        // The set is not reliable across hosts; the workload's id is.
        self.unbind_from(THE_HOST, workload_id).await
    }

    async fn stop(&self) -> anyhow::Result<()> {
        // A plugin that never started has nothing to stop. The instance goes
        // when the last component that can call it is gone.
        let before = std::mem::replace(&mut *self.state(), State::Ended);
        self.guests.clear();
        match before {
            State::Started(Generations {
                current, draining, ..
            }) => {
                let before = async {
                    for before in draining {
                        if let Err(error) = drain::end(&before, STOP_DEADLINE).await {
                            tracing::warn!(plugin = self.id, "{error}");
                        }
                    }
                };
                // Together: the host does not wait for long.
                let (stopped, ()) = tokio::join!(drain::end(&current, HOOK_DEADLINE), before);
                Ok(stopped?)
            }
            State::Fresh | State::Ended => Ok(()),
        }
    }
}
