//! What [`LivePlugins`] does with hosts that follow one another.
//!
//! [`LivePlugins`]: crate::live::LivePlugins

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use wash_runtime::plugin::HostPlugin;

use super::generation::Placed;
use super::hosts::{Hosts, STOPPED};
use super::succession::BROKE_OFF;
use crate::adapt::LoadedPlugin;
use crate::live::Registry;

/// A plugin that comes is in the next host; one that goes is hidden in this one.
#[async_trait]
impl Registry for Hosts {
    async fn add(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let result = self.add_all(vec![plugin]).await.pop();
        result.context(BROKE_OFF)?
    }

    async fn add_all(&self, plugins: Vec<Arc<dyn HostPlugin>>) -> Vec<anyhow::Result<()>> {
        let count = plugins.len();
        let added = async {
            let new = plugins.into_iter().map(from_library);
            let new = new.collect::<anyhow::Result<Vec<_>>>()?;
            let this = self.this.upgrade().context(STOPPED)?;
            // As for `rebuild`.
            let taking = tokio::spawn(async move { this.take(&new).await });
            taking.await.context(BROKE_OFF)
        };
        match added.await {
            Ok(results) => results,
            Err(error) => {
                let reason = format!("{error:#}");
                let each = || Err(anyhow::Error::msg(reason.clone()));
                std::iter::repeat_with(each).take(count).collect()
            }
        }
    }

    fn remove(&self, id: &str) {
        if let Some(placed) = self.plugins().get(id) {
            placed.is_removed.store(true, Ordering::Release);
        }
    }

    fn restore(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()> {
        let plugin = from_library(plugin)?;
        let this = self.this.upgrade().context(STOPPED)?;
        if self.stopping.is_cancelled() {
            bail!(STOPPED);
        }
        let mut plugins = self.plugins();
        match plugins.get(plugin.id()) {
            Some(placed) if Arc::ptr_eq(&placed.plugin, &plugin) => {
                placed.is_removed.store(false, Ordering::Release);
                return Ok(());
            }
            Some(placed) if !placed.is_removed() => {
                bail!("the host has another plugin `{}`", plugin.id());
            }
            _ => {}
        }
        plugins.insert(plugin.id().to_owned(), Placed::new(plugin));
        drop(plugins);
        // The host that serves was made without it.
        this.rebuild_soon();
        Ok(())
    }

    fn fail_workload(&self, id: &str, reason: &str) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        let (id, reason) = (id.to_owned(), reason.to_owned());
        tokio::spawn(async move { this.take_down(id, reason).await });
    }
}

fn from_library(plugin: Arc<dyn HostPlugin>) -> anyhow::Result<Arc<LoadedPlugin>> {
    let plugin: Arc<dyn Any + Send + Sync> = plugin;
    plugin
        .downcast()
        .map_err(|_| anyhow!("only a plugin from a library can be added to a host that runs"))
}
