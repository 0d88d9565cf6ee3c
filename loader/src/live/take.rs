//! Plugins that were admitted are loaded, and become plugins of the host.

use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;

use wash_runtime::plugin::HostPlugin;

use super::status::Wrong;
use super::{Change, Entry, LivePlugins, Phase, PluginStatus, Reconciled, Work};
use crate::adapt::{LoadedPlugin, UpdateError};
use crate::admit::Admitted;
use crate::library::{self, Loaded};

/// A plugin that comes, and what is said of it.
struct Coming {
    plugin: Arc<LoadedPlugin>,
    version: String,
    path: PathBuf,
    status: PluginStatus,
}

impl LivePlugins {
    /// Loads plugins. Those of an id that runs are updates, and the others are
    /// added, all together.
    pub(super) async fn take(
        self: &Arc<Self>,
        admitted: Vec<Admitted>,
        work: &mut Work,
        done: &mut Reconciled,
    ) {
        let mut coming = Vec::new();
        for plugin in admitted {
            let id = plugin.id().to_owned();
            if let Err(error) = work.config.check(plugin.manifest()) {
                let path = plugin.path().to_owned();
                let status =
                    || PluginStatus::not_loaded(path.display().to_string(), plugin.facts());
                let change = self.not_taken(&id, &path, &error.into(), status);
                done.changes.push(change);
                continue;
            }
            let config = work.config.get(&id);
            let loaded = match self.load(plugin, work).await {
                Ok(loaded) => loaded,
                Err(change) => {
                    done.changes.push(change);
                    continue;
                }
            };
            let running = self.table().plugins.get(&id).map(|e| Arc::clone(&e.plugin));
            match running {
                Some(plugin) => {
                    let change = self.update(&plugin, loaded, config).await;
                    done.changes.push(change);
                }
                None => coming.push(Coming {
                    version: loaded.manifest().version.clone(),
                    path: loaded.path().to_owned(),
                    status: PluginStatus::failed(&loaded),
                    plugin: self.loader.plugin(loaded, config),
                }),
            }
        }
        if !coming.is_empty() {
            self.add(coming, done).await;
        }
    }

    /// Loads a library, unless there are too many of its plugin.
    async fn load(&self, plugin: Admitted, work: &mut Work) -> Result<Loaded, Change> {
        let (id, path) = (plugin.id().to_owned(), plugin.path().to_owned());
        let most = self.options.update.max_generations;
        let loads = work.loads.entry(id.clone()).or_default();
        if *loads >= most {
            let error = UpdateError::TooManyGenerations {
                plugin: id.clone(),
                most,
            };
            let status = || PluginStatus::not_loaded(path.display().to_string(), plugin.facts());
            return Err(self.not_taken(&id, &path, &error.into(), status));
        }
        // Counted even if it cannot be used: it is mapped.
        *loads += 1;
        match tokio::task::spawn_blocking(move || library::load(plugin)).await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(rejection)) => {
                let wrong = Wrong::of(from_ref(&rejection));
                self.note(&id, &path, &wrong, || {
                    PluginStatus::rejected(&rejection, &wrong)
                });
                Err(Change::Rejected {
                    path,
                    id: Some(id),
                    reason: wrong.reason,
                    hint: rejection.hint(),
                })
            }
            Err(error) => {
                let reason = format!("loading it broke off: {error}");
                Err(Change::Failed { id, path, reason })
            }
        }
    }

    async fn update(
        &self,
        plugin: &Arc<LoadedPlugin>,
        loaded: Loaded,
        config: serde_json::Value,
    ) -> Change {
        let (id, path) = (loaded.id().to_owned(), loaded.path().to_owned());
        let version = loaded.manifest().version.clone();
        let status = PluginStatus::failed(&loaded);
        match plugin.update(loaded, config, self.options.update).await {
            Ok(updated) => {
                tracing::info!(
                    plugin = id,
                    version,
                    generation = updated.generation,
                    stayed = updated.stayed.len(),
                    "plugin updated"
                );
                if let Some(entry) = self.table().plugins.get_mut(&id) {
                    entry.wrong = None;
                }
                self.available.send_modify(|count| *count += 1);
                Change::Updated {
                    id,
                    version,
                    path,
                    generation: updated.generation,
                    moved: updated.moved,
                    stayed: updated.stayed,
                }
            }
            Err(error) => self.not_taken(&id, &path, &error.into(), || status),
        }
    }

    async fn add(&self, coming: Vec<Coming>, done: &mut Reconciled) {
        let plugins = coming
            .iter()
            .map(|coming| Arc::clone(&coming.plugin) as Arc<dyn HostPlugin>)
            .collect();
        let results = self.registry.add_all(plugins).await;
        for (coming, result) in coming.into_iter().zip(results) {
            let Coming {
                plugin,
                version,
                path,
                status,
            } = coming;
            let id = plugin.id().to_owned();
            if let Err(error) = result {
                let change = self.not_taken(&id, &path, &error, || status);
                done.changes.push(change);
                continue;
            }
            tracing::info!(plugin = id, version, "plugin added");
            let entry = Entry {
                plugin,
                path: path.clone(),
                phase: Phase::Running,
                wrong: None,
            };
            self.table().plugins.insert(id.clone(), entry);
            self.available.send_modify(|count| *count += 1);
            done.changes.push(Change::Added { id, version, path });
        }
    }

    fn not_taken(
        &self,
        id: &str,
        path: &Path,
        error: &anyhow::Error,
        status: impl FnOnce() -> PluginStatus,
    ) -> Change {
        let wrong = Wrong::from(error);
        tracing::error!(plugin = id, path = %path.display(), "{}", wrong.reason);
        self.note(id, path, &wrong, || status().because(&wrong));
        Change::Failed {
            id: id.to_owned(),
            path: path.to_owned(),
            reason: wrong.reason,
        }
    }

    /// Notes what is wrong with a plugin's file: at the plugin, if it runs, or
    /// else at the file.
    fn note(&self, id: &str, path: &Path, wrong: &Wrong, status: impl FnOnce() -> PluginStatus) {
        let mut table = self.table();
        match table.plugins.get_mut(id) {
            Some(entry) if entry.path == path => entry.wrong = Some(wrong.clone()),
            _ => {
                table.rejected.insert(path.to_owned(), status());
            }
        }
    }
}
