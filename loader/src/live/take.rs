//! Plugins that were admitted are loaded, and become plugins of the host.

use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;

use wash_runtime::plugin::HostPlugin;

use super::change::{Change, Reconciled};
use super::judge::{Home, Seen, Tried};
use super::reconcile::{Fresh, read};
use super::status::Wrong;
use super::{Entry, Fingerprint, LivePlugins, Phase, PluginStatus, Work, descriptors};
use crate::adapt::{LoadedPlugin, UpdateError};
use crate::admit::Admitted;
use crate::library::{self, Loaded};
use crate::untrusted::Untrusted;

/// A plugin that comes, and what is said of it.
struct Coming {
    plugin: Arc<LoadedPlugin>,
    config: serde_json::Value,
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
        seen: &Seen,
        fresh: &mut Fresh,
        done: &mut Reconciled,
    ) {
        let mut coming = Vec::new();
        for plugin in admitted {
            let id = plugin.id().to_owned();
            let config = work.settings.get(&id);
            if let Err(error) = work.settings.check(plugin.manifest()) {
                let path = plugin.path().to_owned();
                let status = || {
                    let path = path.to_string_lossy().into_owned();
                    PluginStatus::not_loaded(path, plugin.facts())
                };
                let wrong = Wrong::from(&anyhow::Error::new(error));
                done.changes
                    .extend(self.not_taken(&id, &path, wrong, status));
                continue;
            }
            let Some(plugin) = self.with_bytes(plugin, work, seen, fresh, done).await else {
                continue;
            };
            let loaded = match self.load(plugin, &config, work).await {
                Ok(loaded) => loaded,
                Err(told) => {
                    done.changes.extend(told);
                    continue;
                }
            };
            let running = self.table().plugins.get(&id).map(|e| Arc::clone(&e.plugin));
            match running {
                Some(plugin) => {
                    let told = self.update(&plugin, loaded, config, work).await;
                    done.changes.extend(told);
                }
                None => coming.push(Coming {
                    version: loaded.manifest().version.clone(),
                    path: loaded.path().to_owned(),
                    status: PluginStatus::failed(&loaded),
                    plugin: self.loader.plugin(loaded, config.clone()),
                    config,
                }),
            }
        }
        if !coming.is_empty() {
            self.add(coming, work, done).await;
        }
    }

    /// Gives a plugin the bytes of its library, which are read again unless this
    /// look has read them. `None` if the file has changed since.
    async fn with_bytes(
        &self,
        plugin: Admitted,
        work: &mut Work,
        seen: &Seen,
        fresh: &mut Fresh,
        done: &mut Reconciled,
    ) -> Option<Admitted> {
        let path = plugin.path().to_owned();
        let read_now = match fresh.remove(&path) {
            Some(read) => Some(read),
            None => {
                let candidate = seen.candidates.get(&path).cloned();
                let fingerprint = Fingerprint::of(&path);
                let ready = candidate.zip(fingerprint).into_iter().collect();
                let mut read = read(ready, self.loader.allowed()).await;
                read.pop().and_then(|(_, _, inspected)| inspected.ok())
            }
        };
        let plugin = read_now.and_then(|read| plugin.with_bytes_of(read));
        if plugin.is_none() {
            // The next look reads it as it is then.
            work.files.forget(&path);
            done.is_waiting = true;
        }
        plugin
    }

    /// Loads a library, unless there are too many of its plugin, or too few
    /// descriptors.
    async fn load(
        &self,
        plugin: Admitted,
        config: &serde_json::Value,
        work: &mut Work,
    ) -> Result<Loaded, Option<Change>> {
        let (id, path) = (plugin.id().to_owned(), plugin.path().to_owned());
        let most = self.options.update.max_generations;
        let loads = work.loads.entry(id.clone()).or_default();
        let status =
            || PluginStatus::not_loaded(path.to_string_lossy().into_owned(), plugin.facts());
        if *loads >= most {
            let error = UpdateError::TooManyGenerations {
                plugin: id.clone(),
                most,
            };
            let wrong = Wrong::from(&anyhow::Error::new(error));
            return Err(self.not_taken(&id, &path, wrong, status));
        }
        if let Err(shortage) = descriptors::check() {
            // Tried again at each look: connections may end.
            work.is_short = true;
            let reason = format!("plugin `{id}` is not loaded: {shortage}");
            let wrong = Wrong { reason, hint: None };
            return Err(self.not_taken(&id, &path, wrong, status));
        }
        // Counted even if it cannot be used: it is mapped.
        *loads += 1;
        let tried = Tried {
            sha256: plugin.sha256().to_owned(),
            config: config.clone(),
        };
        // Until it runs.
        work.tried.insert(path.clone(), tried);
        match tokio::task::spawn_blocking(move || library::load(plugin)).await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(rejection)) => {
                let wrong = Wrong::of(from_ref(&rejection));
                tracing::warn!(plugin = id, path = %Untrusted::path(&path), "{}", wrong.reason);
                let is_news = self.note(&id, &path, &wrong, || {
                    PluginStatus::rejected(&rejection, &wrong)
                });
                Err(is_news.then(|| Change::Rejected {
                    path,
                    id: Some(id),
                    reason: wrong.reason,
                    hint: rejection.hint(),
                }))
            }
            Err(error) => {
                let reason = format!("loading it broke off: {error}");
                Err(Some(Change::Failed { id, path, reason }))
            }
        }
    }

    async fn update(
        &self,
        plugin: &Arc<LoadedPlugin>,
        loaded: Loaded,
        config: serde_json::Value,
        work: &mut Work,
    ) -> Option<Change> {
        let (id, path) = (loaded.id().to_owned(), loaded.path().to_owned());
        let version = loaded.manifest().version.clone();
        let sha256 = loaded.sha256().to_owned();
        let is_same_library = plugin.loaded().sha256() == sha256;
        let status = PluginStatus::failed(&loaded);
        let options = self.options.update;
        match plugin.update(loaded, config.clone(), options).await {
            Ok(updated) => {
                tracing::info!(
                    plugin = id,
                    version,
                    generation = updated.generation,
                    stayed = updated.stayed.len(),
                    "plugin {}",
                    if is_same_library {
                        "updated to its changed configuration"
                    } else {
                        "updated"
                    }
                );
                {
                    let mut table = self.table();
                    if let Some(entry) = table.plugins.get_mut(&id) {
                        entry.wrong = None;
                        entry.config = config;
                        entry.path.clone_from(&path);
                    }
                    table.rejected.remove(&path);
                }
                self.runs(&id, &path, sha256, work);
                Some(Change::Updated {
                    id,
                    version,
                    path,
                    generation: updated.generation,
                    moved: updated.moved,
                    stayed: updated.stayed,
                })
            }
            Err(error) => {
                let mut wrong = Wrong::from(&anyhow::Error::new(error));
                if is_same_library {
                    wrong.reason = format!(
                        "its changed configuration is not in force: {}",
                        wrong.reason
                    );
                }
                self.not_taken(&id, &path, wrong, || status)
            }
        }
    }

    async fn add(&self, coming: Vec<Coming>, work: &mut Work, done: &mut Reconciled) {
        let plugins = coming
            .iter()
            .map(|coming| Arc::clone(&coming.plugin) as Arc<dyn HostPlugin>)
            .collect();
        let results = self.registry.add_all(plugins).await;
        for (coming, result) in coming.into_iter().zip(results) {
            let Coming {
                plugin,
                config,
                version,
                path,
                status,
            } = coming;
            let id = plugin.id().to_owned();
            if let Err(error) = result {
                let told = self.not_taken(&id, &path, Wrong::from(&error), || status);
                done.changes.extend(told);
                continue;
            }
            tracing::info!(plugin = id, version, "plugin added");
            let sha256 = plugin.loaded().sha256().to_owned();
            let entry = Entry {
                plugin,
                path: path.clone(),
                config,
                phase: Phase::Running,
                wrong: None,
            };
            {
                let mut table = self.table();
                table.plugins.insert(id.clone(), entry);
                table.rejected.remove(&path);
            }
            self.runs(&id, &path, sha256, work);
            done.changes.push(Change::Added { id, version, path });
        }
    }

    /// Notes that a library runs.
    fn runs(&self, id: &str, path: &Path, sha256: String, work: &mut Work) {
        work.tried.remove(path);
        let path = path.to_owned();
        work.homes.insert(id.to_owned(), Home { path, sha256 });
        self.available.send_modify(|count| *count += 1);
    }

    /// Reports that a plugin is not loaded, added, updated or restored, unless
    /// that was said of it already.
    pub(super) fn not_taken(
        &self,
        id: &str,
        path: &Path,
        wrong: Wrong,
        status: impl FnOnce() -> PluginStatus,
    ) -> Option<Change> {
        let is_news = self.note(id, path, &wrong, || status().because(&wrong));
        if !is_news {
            return None;
        }
        tracing::error!(plugin = id, path = %Untrusted::path(path), "{}", wrong.reason);
        Some(Change::Failed {
            id: id.to_owned(),
            path: path.to_owned(),
            reason: wrong.reason,
        })
    }

    /// Notes what is wrong with a plugin's file: at the plugin, if it runs, or
    /// else at the file. Returns whether that is news.
    fn note(
        &self,
        id: &str,
        path: &Path,
        wrong: &Wrong,
        status: impl FnOnce() -> PluginStatus,
    ) -> bool {
        let mut table = self.table();
        let before = match table.plugins.get_mut(id) {
            Some(entry) if entry.path == path => entry
                .wrong
                .replace(wrong.clone())
                .map(|before| before.reason),
            _ => table
                .rejected
                .insert(path.to_owned(), status())
                .and_then(|before| before.reason),
        };
        before.as_ref() != Some(&wrong.reason)
    }
}
