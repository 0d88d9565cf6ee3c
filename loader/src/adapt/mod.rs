//! A loaded library as a [`HostPlugin`]: what the host registers.

mod call;
mod check;
mod driver;
mod host;
mod host_log;
mod identity;
mod instance;
mod link;
mod resources;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Serialize;
use wash_plugin_abi::event::{ItemBound, WorkloadBound, WorkloadResolved, WorkloadUnbound};
use wash_plugin_abi::manifest::Manifest;
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wit::WitWorld;

pub use call::{CallError, CallFault};
pub use instance::{Faults, LifecycleError};

use crate::library::Loaded;
use crate::world::World;
use instance::{Hook, Instance};

/// How long a hook of a plugin may take, but for `stop`, which the host limits.
const HOOK_DEADLINE: Duration = Duration::from_secs(30);

/// A loaded plugin, ready to be registered with a host.
///
/// It is made when the host starts: the library's `create`, with the
/// configuration, then its `start`. What a workload asks for is linked into its
/// components when it is bound, and checked against their types when it is
/// resolved.
#[derive(Debug)]
pub struct LoadedPlugin {
    id: &'static str,
    loaded: Loaded,
    config: serde_json::Value,
    /// Whether its calls are counted and timed.
    metrics: bool,
    state: Mutex<State>,
}

/// Where a plugin is in its one life: a library makes its plugin once.
#[derive(Debug)]
enum State {
    Fresh,
    Started(Arc<Instance>),
    Ended,
}

impl LoadedPlugin {
    /// Prepares a loaded plugin. Of the library, nothing runs yet.
    #[must_use]
    pub fn new(loaded: Loaded, config: serde_json::Value) -> Arc<Self> {
        Self::measured(loaded, config, false)
    }

    /// The same; with `metrics`, its calls are counted and timed.
    pub(crate) fn measured(loaded: Loaded, config: serde_json::Value, metrics: bool) -> Arc<Self> {
        // The host's trait wants an id that lives for ever; so does the library.
        let id = Box::leak(loaded.id().to_owned().into_boxed_str());
        Arc::new(Self {
            id,
            loaded,
            config,
            metrics,
            state: Mutex::new(State::Fresh),
        })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.loaded.manifest()
    }

    /// Where its library was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.loaded.path()
    }

    /// The digest of its library, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.loaded.sha256()
    }

    /// What has gone wrong in it since it started; `None` before.
    #[must_use]
    pub fn faults(&self) -> Option<Faults> {
        self.started().ok().map(|instance| instance.faults())
    }

    /// How many of its resources components have just now; `None` before it
    /// started.
    #[must_use]
    pub fn live_resources(&self) -> Option<u64> {
        self.started()
            .ok()
            .map(|instance| instance.live_resources())
    }

    fn wit_world(&self) -> &World {
        self.loaded.world()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) -> anyhow::Result<Arc<Instance>> {
        match &*self.state() {
            State::Started(instance) => Ok(Arc::clone(instance)),
            State::Fresh => {
                anyhow::bail!("plugin `{}` is not started: start the host first", self.id)
            }
            State::Ended => anyhow::bail!("plugin `{}` is stopped", self.id),
        }
    }

    async fn hook(&self, hook: Hook, event: &impl Serialize) -> anyhow::Result<()> {
        let event = serde_json::to_vec(event).context("an event cannot be written as JSON")?;
        Ok(instance::run(self.started()?, hook, event, HOOK_DEADLINE).await?)
    }
}

#[async_trait]
impl HostPlugin for LoadedPlugin {
    fn id(&self) -> &'static str {
        self.id
    }

    fn world(&self) -> WitWorld {
        identity::wit_world(self.wit_world())
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
        let config = serde_json::to_vec(&self.config).context("the configuration is not JSON")?;
        let instance = instance::create(self.id, &self.loaded, config, HOOK_DEADLINE).await?;
        instance::run(
            Arc::clone(&instance),
            Hook::Start,
            Vec::new(),
            HOOK_DEADLINE,
        )
        .await?;
        *self.state() = State::Started(instance);
        Ok(())
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let event = WorkloadBound {
            workload: identity::unresolved(workload),
            interfaces: identity::interfaces(&interfaces),
        };
        self.hook(Hook::WorkloadBound, &event).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        link::link(
            &self.started()?,
            self.wit_world(),
            item,
            &interfaces,
            self.metrics,
        )?;
        let event = ItemBound {
            item: identity::item(item),
            interfaces: identity::interfaces(&interfaces),
        };
        self.hook(Hook::ItemBound, &event).await
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        check::check(self.id, self.wit_world(), workload, component_id).await?;
        let event = WorkloadResolved {
            item: identity::resolved(workload, component_id),
        };
        self.hook(Hook::WorkloadResolved, &event).await
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        _interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        // The set is not reliable across hosts; the workload's id is.
        let event = WorkloadUnbound {
            workload_id: workload_id.to_owned(),
        };
        let unbound = self.hook(Hook::WorkloadUnbound, &event).await;
        if let Ok(instance) = self.started() {
            instance.release_workload(workload_id);
        }
        unbound
    }

    async fn stop(&self) -> anyhow::Result<()> {
        // A plugin that never started has nothing to stop. The instance goes
        // when the last component that can call it is gone.
        let ended = std::mem::replace(&mut *self.state(), State::Ended);
        match ended {
            State::Started(instance) => {
                let stopped =
                    instance::run(Arc::clone(&instance), Hook::Stop, Vec::new(), HOOK_DEADLINE)
                        .await;
                instance.release_all();
                Ok(stopped?)
            }
            State::Fresh | State::Ended => Ok(()),
        }
    }
}
