//! One host follows another.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::task::JoinHandle;
use wash_runtime::plugin::HostPlugin as _;

use super::generation::{Generation, Patience, Placed};
use super::hosts::{Hosts, STOPPED, stop, stop_one};
use crate::adapt::LoadedPlugin;

/// When a task of ours panicked or was aborted.
pub(super) const BROKE_OFF: &str = "making another host broke off";

impl Hosts {
    /// Has another host follow, with the plugins that there are, and waits for
    /// the end of the one before.
    pub(super) async fn rebuild(&self) -> anyhow::Result<()> {
        let this = self.this.upgrade().context(STOPPED)?;
        // Once begun it is carried through, even if nobody waits for it.
        let rebuilding = tokio::spawn(async move {
            let ending = this.follow(&[]).await?;
            ending.await.context(BROKE_OFF)
        });
        rebuilding.await.context(BROKE_OFF)?
    }

    /// The same, when there is time.
    pub(super) fn rebuild_soon(&self) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = this.rebuild().await {
                tracing::error!("{error:#}");
            }
        });
    }

    /// Has another host follow, with these plugins as well. Where one of them
    /// does not start, there is one with the others.
    pub(super) async fn take(&self, new: &[Arc<LoadedPlugin>]) -> Vec<anyhow::Result<()>> {
        let mut left = new.to_vec();
        let mut failed: BTreeMap<String, String> = BTreeMap::new();
        while !left.is_empty() {
            let Err(error) = self.follow(&left).await else {
                break;
            };
            let is_at_fault = |plugin: &Arc<LoadedPlugin>| plugin.is_ended();
            if !left.iter().any(is_at_fault) {
                // The host does not say which of them it is, so each has a try.
                let each_of_several = (left.len() > 1).then(|| std::mem::take(&mut left));
                for plugin in each_of_several.into_iter().flatten() {
                    if let Err(error) = self.follow(&[Arc::clone(&plugin)]).await {
                        stop_one(&plugin).await;
                        failed.insert(plugin.id().to_owned(), format!("{error:#}"));
                    }
                }
                for plugin in &left {
                    stop_one(plugin).await;
                }
            }
            left.retain(|plugin| {
                let stays = !is_at_fault(plugin);
                if !stays {
                    failed.insert(plugin.id().to_owned(), format!("{error:#}"));
                }
                stays
            });
        }
        let result = |plugin: &Arc<LoadedPlugin>| match failed.remove(plugin.id()) {
            Some(reason) => Err(anyhow::Error::msg(reason)),
            None => Ok(()),
        };
        new.iter().map(result).collect()
    }

    /// Makes a host with these plugins as well, and has it serve. What is
    /// returned ends the one before.
    async fn follow(&self, new: &[Arc<LoadedPlugin>]) -> anyhow::Result<JoinHandle<()>> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let changes = self.changes.lock().await;
        if self.stopping.is_cancelled() {
            bail!(STOPPED);
        }
        let (number, host, workloads) = {
            let state = self.state();
            (state.made + 1, state.host()?, state.workloads.clone())
        };
        let (running, ended) = self.sort(&host, &workloads).await;
        let mut plugins = self.plugins().clone();
        plugins.retain(|_, placed| !placed.is_removed());
        let mut replaced = Vec::new();
        for plugin in new {
            let placed = Placed::new(Arc::clone(plugin));
            // One that came when nobody waited for it.
            replaced.extend(plugins.insert(plugin.id().to_owned(), placed));
        }
        let placed: Vec<Placed> = plugins.values().cloned().collect();
        let next = Generation::start(
            number,
            &self.make,
            &placed,
            &running,
            self.front.is_some(),
            &Patience::new(self.stopping.clone()),
        )
        .await
        .inspect_err(|_| self.state().made = number)
        .context("the host before goes on: the new one does not serve")?;
        if let (Some(front), Some(backend)) = (&self.front, &next.backend) {
            front.switch(Arc::clone(backend));
        }
        let lacks_some = {
            let mut now = self.plugins();
            // Some may have been restored meanwhile, one of them while this
            // host started without it.
            now.retain(|_, placed| !placed.is_removed());
            let lacks_some = now.keys().any(|id| !plugins.contains_key(id));
            now.extend(plugins);
            lacks_some
        };
        let before = {
            let mut state = self.state();
            for status in ended {
                state.forget(&status.workload_id);
                state.ended.insert(status.workload_id.clone(), status);
            }
            state.made = number;
            state.current.replace(next)
        };
        drop(changes);
        tracing::info!(host = number, "another host serves");
        if lacks_some {
            self.rebuild_soon();
        }
        let drain = self.drain;
        Ok(tokio::spawn(async move {
            let _turn = turn;
            if let Some(before) = before {
                before.drain(drain).await;
                before.end(&workloads).await;
            }
            stop(&replaced).await;
        }))
    }
}
