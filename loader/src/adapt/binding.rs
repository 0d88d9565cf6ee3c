//! Workloads are bound to a plugin, and unbound.
//!
//! A host that is rebuilt has the next one start the same workloads before it
//! stops them itself. To the plugin that is one workload all along: it is told
//! of the new components, and that the workload is unbound when the last host
//! says so. So it keeps what it has of it.

use std::sync::Arc;

use serde_json::Value;
use wash_plugin_abi::event::{ItemBound, WorkloadBound, WorkloadResolved, WorkloadUnbound};
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::WitInterfaces;

use super::bound::{Item, Workload};
use super::generation::Generation;
use super::hook::Hook;
use super::{LoadedPlugin, check, identity, link, update};

impl LoadedPlugin {
    /// A host, by its number, binds a workload.
    pub(super) async fn bind(
        &self,
        host: u64,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let _moving = self.moving.read().await;
        let event = WorkloadBound {
            workload: identity::unresolved(workload),
            interfaces: identity::interfaces(&interfaces),
        };
        let current = self.current()?;
        let known = self
            .bound
            .first(workload.id())
            .filter(|known| Arc::ptr_eq(&known.generation(), &current))
            .map(|known| Arc::clone(&known.bound))
            .filter(|known| says_the_same(known, &event));
        let event = match known {
            Some(event) => event,
            None => {
                self.hook(&current.instance, Hook::WorkloadBound, &event)
                    .await?
            }
        };
        self.bound
            .insert(workload.id(), host, Workload::new(current, event));
        Ok(())
    }

    /// A host binds a component or service of a workload.
    pub(super) async fn bind_item(
        &self,
        host: u64,
        item: &mut WorkloadItem<'_>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let _moving = self.moving.read().await;
        let generation = self.serving(item.workload_id(), host)?;
        let (instance, world) = (&generation.instance, generation.loaded.world());
        let links = link::link(instance, world, item, &interfaces, self.tally_if_measured())?;
        let event = ItemBound {
            item: identity::item(item),
            interfaces: identity::interfaces(&interfaces),
        };
        let bound = self.hook(instance, Hook::ItemBound, &event).await?;
        if let Some(workload) = self.bound.get(item.workload_id(), host) {
            workload.add(Item {
                id: item.id().to_owned(),
                is_service: item.is_service(),
                bound,
                resolved: None,
                links: links.into(),
            });
        }
        Ok(())
    }

    /// A host has resolved a component or service of a workload.
    pub(super) async fn resolve(
        &self,
        host: u64,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let _moving = self.moving.read().await;
        let generation = self.serving(workload.id(), host)?;
        let world = generation.loaded.world();
        let exports = check::check(self.id, world, workload, component_id).await?;
        if !exports.is_empty() {
            self.guests.add(workload, component_id);
        }
        let event = WorkloadResolved {
            item: identity::resolved(workload, component_id, exports),
        };
        let bound = self.bound.get(workload.id(), host);
        if let Some(bound) = &bound
            && calls(&generation)
            && !self.bound.is_first(workload.id(), host)
        {
            // The components of the host before are called until those are gone:
            // two of each would do everything twice.
            bound.resolved(component_id, serde_json::to_vec(&event)?.into());
            bound.hold_back();
            // It may have gone just now.
            if self.bound.is_first(workload.id(), host) && bound.release() {
                update::tell_resolved(&generation, &bound.items()).await?;
            }
            return Ok(());
        }
        let event = self
            .hook(&generation.instance, Hook::WorkloadResolved, &event)
            .await?;
        if let Some(workload) = bound {
            workload.resolved(component_id, event);
        }
        Ok(())
    }

    /// A host unbinds a workload, in part or once more perhaps.
    pub(super) async fn unbind_from(&self, host: u64, workload_id: &str) -> anyhow::Result<()> {
        let _moving = self.moving.read().await;
        let was_first = self.bound.is_first(workload_id, host);
        let bound = self.bound.remove(workload_id, host);
        let items = bound.as_ref().map(|bound| bound.items());
        let items = items.unwrap_or_default();
        self.guests
            .remove(items.iter().map(|item| item.id.as_str()));
        let Some(heir) = self.bound.first(workload_id) else {
            let serving = match bound {
                Some(bound) => bound.generation(),
                None => self.current()?,
            };
            return self.unbind_last(&serving, workload_id).await;
        };
        let Some(serving) = bound.map(|bound| bound.generation()) else {
            return Ok(());
        };
        let served = self.bound.served_by(&serving);
        if !served.iter().any(|id| id == workload_id) {
            self.unbind_one(&serving, workload_id).await?;
        }
        // From now on the components of the host that stays are called. If a later
        // one goes before, of its components nobody was told.
        let was_held_back = heir.release();
        let next = heir.generation();
        if !Arc::ptr_eq(&next, &serving) {
            if was_held_back {
                update::tell_resolved(&next, &heir.items()).await?;
            }
        } else if was_first && calls(&serving) {
            // Those of the host that goes are none any more.
            let event = WorkloadUnbound {
                workload_id: workload_id.to_owned(),
            };
            self.hook(&serving.instance, Hook::WorkloadUnbound, &event)
                .await?;
            update::tell(&serving, &heir).await?;
        }
        Ok(())
    }

    /// Unbinds what a host has bound, and forgot when it went.
    pub(super) async fn leave(&self, host: u64) {
        for workload_id in self.bound.of_host(host) {
            if let Err(error) = self.unbind_from(host, &workload_id).await {
                tracing::warn!(plugin = self.id, workload_id, "{error:#}");
            }
        }
    }

    /// Whether a host has bound a workload.
    pub(super) fn has_bound(&self, host: u64, workload_id: &str) -> bool {
        self.bound.get(workload_id, host).is_some()
    }

    async fn unbind_last(&self, serving: &Generation, workload_id: &str) -> anyhow::Result<()> {
        // Those before may have resources of it.
        for other in self.running() {
            if !std::ptr::eq(&*other, serving) {
                self.unbind(&other, workload_id).await;
            }
        }
        self.unbind_one(serving, workload_id).await
    }

    async fn unbind_one(&self, serving: &Generation, workload_id: &str) -> anyhow::Result<()> {
        let event = WorkloadUnbound {
            workload_id: workload_id.to_owned(),
        };
        let unbound = self
            .hook(&serving.instance, Hook::WorkloadUnbound, &event)
            .await;
        serving.instance.release_workload(workload_id);
        unbound.map(drop)
    }

    /// Who serves a workload that is bound.
    fn serving(&self, workload_id: &str, host: u64) -> anyhow::Result<Arc<Generation>> {
        match self.bound.get(workload_id, host) {
            Some(workload) => Ok(workload.generation()),
            None => self.current(),
        }
    }
}

/// Whether a plugin calls what components export.
fn calls(generation: &Generation) -> bool {
    !generation.loaded.world().called().is_empty()
}

/// Whether an event was told in these words, in whatever order its maps are.
fn says_the_same(told: &[u8], event: &WorkloadBound) -> bool {
    let told = serde_json::from_slice::<Value>(told);
    matches!((told, serde_json::to_value(event)), (Ok(told), Ok(event)) if told == event)
}
