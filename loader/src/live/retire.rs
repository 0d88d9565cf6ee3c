//! Plugins that go, and those that come back.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use wash_runtime::plugin::HostPlugin;

use super::change::{Change, Reconciled};
use super::reconcile::carry_through;
use super::{LivePlugins, LiveState, Table, Work};
use crate::adapt::LoadedPlugin;

/// How often a plugin that retires is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a stop waits for whoever acts: each hook of a plugin has an end.
const ACT_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether workloads can be bound to a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// No more: a task waits until it is unused, and stops it.
    Retiring,
}

/// Why no further workload is bound to a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its file is gone, or has become another plugin.
    Gone,
    /// The operator has switched it off.
    Disabled,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "removed",
            Self::Disabled => "disabled",
        }
    }
}

/// Why a plugin cannot be switched on or off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no plugin `{id}`; there {}", list(known))]
pub struct UnknownPlugin {
    /// The id that was asked for.
    pub id: String,
    /// Those that there are.
    pub known: Vec<String>,
}

fn list(ids: &[String]) -> String {
    match ids {
        [] => "is none".to_owned(),
        [one] => format!("is only `{one}`"),
        many => {
            let ids: Vec<String> = many.iter().map(|id| format!("`{id}`")).collect();
            format!("are {}", ids.join(", "))
        }
    }
}

impl LivePlugins {
    /// Switches a plugin off: no further workload is bound to it, and it is
    /// stopped when the last one is unbound; at once with `force`, which takes
    /// those workloads down.
    ///
    /// # Errors
    ///
    /// If there is none of this id.
    pub async fn disable(self: &Arc<Self>, id: &str, force: bool) -> Result<(), UnknownPlugin> {
        let mut work = self.work.lock().await;
        self.check_known(id)?;
        self.table().disabled.entry(id.to_owned()).or_default();
        self.retire(id, force, Why::Disabled);
        work.is_due = true;
        Ok(())
    }

    /// Switches a plugin on again that was switched off. As long as its file is
    /// there, no other file takes its id or its interfaces meanwhile.
    ///
    /// # Errors
    ///
    /// If there is none of this id.
    pub async fn enable(self: &Arc<Self>, id: &str) -> Result<Reconciled, UnknownPlugin> {
        let (this, id) = (Arc::clone(self), id.to_owned());
        let enabling = async move {
            let mut work = this.work.lock().await;
            this.check_known(&id)?;
            this.table().disabled.remove(&id);
            // Who asks wants it tried once more.
            let Work { known, tried, .. } = &mut *work;
            tried.retain(|path, _| known.plugin(path).is_none_or(|plugin| plugin.id() != id));
            work.is_due = true;
            // By nobody else, who would be told what came of it.
            Ok(this.reconcile_with(&mut work).await)
        };
        let enabled = carry_through(enabling).await;
        enabled.unwrap_or_else(|| Ok(Reconciled::default()))
    }

    /// Stops the plugins that the host has not stopped, as it does not have them
    /// any more. Files are not looked at again.
    pub async fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        // What is being done ends first, and may bring one more.
        let acting = tokio::time::timeout(ACT_TIMEOUT, self.work.lock()).await;
        if acting.is_err() {
            tracing::warn!("plugins are still looked at; they are stopped nevertheless");
        }
        let left: Vec<Arc<LoadedPlugin>> = {
            let mut table = self.table();
            let entries = table.plugins.values();
            let left = entries.map(|entry| Arc::clone(&entry.plugin)).collect();
            table
                .plugins
                .retain(|_, entry| entry.phase != Phase::Retiring);
            left
        };
        for plugin in left.iter().filter(|plugin| !plugin.is_ended()) {
            stop(plugin).await;
        }
    }

    fn check_known(&self, id: &str) -> Result<(), UnknownPlugin> {
        let table = self.table();
        if table.plugins.contains_key(id) || table.disabled.contains_key(id) {
            return Ok(());
        }
        Err(UnknownPlugin {
            id: id.to_owned(),
            known: table
                .plugins
                .keys()
                .chain(table.disabled.keys())
                .cloned()
                .collect(),
        })
    }

    /// Takes a plugin away from the host, and stops it when no workload is
    /// bound to it.
    pub(super) fn retire(self: &Arc<Self>, id: &str, force: bool, why: Why) -> Option<Change> {
        let mut table = self.table();
        let entry = table.plugins.get_mut(id)?;
        let workloads = entry.plugin.workloads();
        let change = if entry.phase == Phase::Running {
            self.registry.remove(id);
            entry.phase = Phase::Retiring;
            tokio::spawn(stop_unused(Arc::downgrade(self), Arc::clone(&entry.plugin)));
            tracing::info!(
                plugin = id,
                workloads = workloads.len(),
                "plugin {}; it is stopped when no workload uses it",
                why.as_str()
            );
            Some(Change::Removed {
                id: id.to_owned(),
                workloads: workloads.len(),
            })
        } else {
            None
        };
        drop(table);
        if force {
            for workload in workloads {
                let reason = format!("plugin `{id}`, which it uses, was {}", why.as_str());
                self.registry.fail_workload(&workload, &reason);
            }
        }
        change
    }

    /// Takes a plugin out of the list that retires and is unused; `None` if it
    /// has to be looked at again, and whether it is to be stopped otherwise.
    fn take_unused(&self, plugin: &Arc<LoadedPlugin>) -> Option<bool> {
        let mut table = self.table();
        let Table {
            plugins, disabled, ..
        } = &mut *table;
        let is_retiring = plugins.get(plugin.id()).is_some_and(|entry| {
            Arc::ptr_eq(&entry.plugin, plugin) && entry.phase == Phase::Retiring
        });
        if !is_retiring {
            // It was brought back.
            return Some(false);
        }
        if !plugin.workloads().is_empty() {
            return None;
        }
        let entry = plugins.remove(plugin.id());
        if let Some(kept) = disabled.get_mut(plugin.id()) {
            *kept = entry.map(|entry| entry.status(LiveState::Disabled).stopped());
        }
        Some(true)
    }

    /// Brings back a plugin if it is being retired; `false` if it is not.
    pub(super) fn restore(&self, id: &str) -> anyhow::Result<bool> {
        let mut table = self.table();
        let retiring = table
            .plugins
            .get_mut(id)
            .filter(|entry| entry.phase == Phase::Retiring);
        let Some(entry) = retiring else {
            return Ok(false);
        };
        self.registry.restore(Arc::clone(&entry.plugin) as _)?;
        entry.phase = Phase::Running;
        Ok(true)
    }
}

/// Waits until a plugin that retires is unused, and stops it. It does not keep
/// those that it is of.
async fn stop_unused(of: Weak<LivePlugins>, plugin: Arc<LoadedPlugin>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(live) = of.upgrade() else {
            return;
        };
        match live.take_unused(&plugin) {
            None => {}
            Some(false) => return,
            Some(true) => break,
        }
    }
    stop(&plugin).await;
}

async fn stop(plugin: &LoadedPlugin) {
    match plugin.stop().await {
        Ok(()) => tracing::info!(plugin = plugin.id(), "plugin retired"),
        Err(error) => tracing::warn!(plugin = plugin.id(), "{error:#}"),
    }
}
