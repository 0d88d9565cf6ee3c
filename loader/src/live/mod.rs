//! Plugins of a host that runs: files come, change and go, and the host
//! follows.
//!
//! [`LivePlugins`] takes over where [`PluginLoader::load`] ends. What it needs
//! of the host is a [`Registry`], since hosts differ in what they can do once
//! they run. It acts when it is asked to ([`LivePlugins::reconcile`]), or by
//! itself ([`LivePlugins::watch`]).
//!
//! * A **new** file with a new id is admitted as at the start, and its plugin
//!   is added to the host.
//! * A **changed** file of a plugin that runs is an update: see
//!   [`LoadedPlugin::update`].
//! * A file that is **gone**, or has become another plugin, retires its plugin:
//!   no further workload is bound to it, and it is stopped when the last one is
//!   unbound. If the file comes back before that, so does the plugin.
//! * A file that is **rejected** is reported once, and running plugins are not
//!   affected. It is judged again whenever the files, the plugins that run or
//!   the configuration have changed, so it comes in when its reason is gone.
//! * A **configuration file** that has changed is read again. A plugin whose
//!   configuration differs is updated: its library is loaded once more.
//! * A **directory** that is gone changes nothing until it is back.

mod change;
mod descriptors;
mod files;
mod judge;
mod known;
mod reconcile;
mod retire;
mod settings;
mod status;
mod take;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wash_runtime::plugin::HostPlugin;

use crate::adapt::{LoadedPlugin, UpdateOptions};
use crate::loaded::LoadedPlugins;
use crate::loader::PluginLoader;
use crate::rejection::Stage;
use files::{Files, Fingerprint};
use judge::{Home, Tried};
use known::Known;
use retire::Phase;
use settings::Settings;
use status::Wrong;

pub use change::{Change, Reconciled};
pub use retire::UnknownPlugin;
pub use status::{LiveState, PluginStatus};
pub use watch::Watch;

/// What a host does for plugins that come and go while it runs.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Starts a plugin; workloads that start from then on can be bound to it.
    ///
    /// # Errors
    ///
    /// If it does not start, or the host has one of this id.
    async fn add(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()>;

    /// The same for several that came together, each of which has its result:
    /// one after the other, unless a host can do better.
    async fn add_all(&self, plugins: Vec<Arc<dyn HostPlugin>>) -> Vec<anyhow::Result<()>> {
        let mut results = Vec::new();
        for plugin in plugins {
            results.push(self.add(plugin).await);
        }
        results
    }

    /// Binds no further workload to a plugin. Those that are bound keep it.
    fn remove(&self, id: &str);

    /// Gives back a plugin that was removed, and has not been stopped.
    ///
    /// # Errors
    ///
    /// If the host has another one of this id.
    fn restore(&self, plugin: Arc<dyn HostPlugin>) -> anyhow::Result<()>;

    /// Takes down a workload, for this reason.
    fn fail_workload(&self, id: &str, reason: &str);
}

/// How [`LivePlugins`] acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How long a file must not have changed before it is read.
    pub settle: Duration,
    /// How plugins are updated.
    pub update: UpdateOptions,
    /// Whether workloads that use a plugin are taken down when its file goes.
    pub force: bool,
}

impl Default for LiveOptions {
    /// Half a second, the default of an update, and not to take workloads down.
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(500),
            update: UpdateOptions::default(),
            force: false,
        }
    }
}

/// The plugins of a host that runs.
pub struct LivePlugins {
    loader: Arc<PluginLoader>,
    registry: Arc<dyn Registry>,
    options: LiveOptions,
    /// Held by whoever acts.
    work: tokio::sync::Mutex<Work>,
    table: Mutex<Table>,
    /// Counts the plugins that were added or updated.
    available: tokio::sync::watch::Sender<u64>,
    /// Set when nothing is to change any more.
    is_stopped: AtomicBool,
}

struct Work {
    files: Files,
    known: Known,
    settings: Settings,
    /// The files of the plugins that run or are switched off, by their ids.
    homes: BTreeMap<String, Home>,
    /// The files whose libraries were loaded or started in vain.
    tried: BTreeMap<PathBuf, Tried>,
    /// Whether the files have to be judged again: something has changed that a
    /// verdict may depend on.
    is_due: bool,
    /// Whether a library was not loaded for want of descriptors.
    is_short: bool,
    /// What was named and is not there, and was reported.
    missing: BTreeSet<PathBuf>,
    /// How many libraries were loaded for each plugin, also where it was gone
    /// in between.
    loads: BTreeMap<String, u32>,
}

/// What there is, for lists.
#[derive(Debug, Default)]
struct Table {
    plugins: BTreeMap<String, Entry>,
    rejected: BTreeMap<PathBuf, PluginStatus>,
    /// What the operator has switched off; with what it was, once it is
    /// stopped.
    disabled: BTreeMap<String, Option<PluginStatus>>,
}

#[derive(Debug)]
struct Entry {
    plugin: Arc<LoadedPlugin>,
    /// Where its library is now: it may have been moved since it was read.
    path: PathBuf,
    /// What its newest generation is configured with.
    config: serde_json::Value,
    phase: Phase,
    /// What is wrong with the file that should replace it.
    wrong: Option<Wrong>,
}

impl Entry {
    fn status(&self, state: LiveState) -> PluginStatus {
        let mut status = PluginStatus::of(&self.plugin, state);
        status.path = self.path.to_string_lossy().into_owned();
        match &self.wrong {
            Some(wrong) => status.because(wrong),
            None => status,
        }
    }
}

impl LivePlugins {
    /// Takes over plugins that were loaded by this loader and registered with
    /// the host.
    #[must_use]
    pub fn new(
        loader: Arc<PluginLoader>,
        loaded: &LoadedPlugins,
        registry: Arc<dyn Registry>,
        options: LiveOptions,
    ) -> Arc<Self> {
        let mut table = Table::default();
        let settings = Settings::new(loader.config().clone());
        let (mut homes, mut tried) = (BTreeMap::new(), BTreeMap::new());
        for plugin in loaded.plugins() {
            let library = plugin.loaded();
            let home = Home {
                path: library.path().to_owned(),
                sha256: library.sha256().to_owned(),
            };
            let entry = Entry {
                plugin: Arc::clone(plugin),
                path: home.path.clone(),
                config: settings.get(plugin.id()),
                phase: Phase::Running,
                wrong: None,
            };
            homes.insert(plugin.id().to_owned(), home);
            table.plugins.insert(plugin.id().to_owned(), entry);
        }
        let rejections = loaded.rejections();
        for of_one_file in rejections.chunk_by(|a, b| a.path() == b.path()) {
            let [first, ..] = of_one_file else { continue };
            let status = PluginStatus::rejected(first, &Wrong::of(of_one_file));
            table.rejected.insert(first.path().to_owned(), status);
            if let (Stage::Load, Some(id), Some(sha256)) =
                (first.stage(), first.id(), &first.facts().sha256)
            {
                let (sha256, config) = (sha256.clone(), settings.get(id));
                tried.insert(first.path().to_owned(), Tried { sha256, config });
            }
        }
        Arc::new(Self {
            work: tokio::sync::Mutex::new(Work {
                // The first look reads all of them: they may have changed since.
                files: Files::default(),
                known: Known::default(),
                settings,
                homes,
                tried,
                is_due: true,
                is_short: false,
                missing: BTreeSet::new(),
                loads: table.plugins.keys().map(|id| (id.clone(), 1)).collect(),
            }),
            loader,
            registry,
            options,
            table: Mutex::new(table),
            available: tokio::sync::watch::Sender::new(0),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// All plugins, and the files that were rejected, in the order of the
    /// paths.
    #[must_use]
    pub fn status(&self) -> Vec<PluginStatus> {
        let table = self.table();
        let stopped = table.disabled.values().flatten();
        let mut all: Vec<PluginStatus> = table.rejected.values().chain(stopped).cloned().collect();
        for (id, entry) in &table.plugins {
            all.push(entry.status(match entry.phase {
                Phase::Running => LiveState::Running,
                Phase::Retiring if table.disabled.contains_key(id) => LiveState::Disabled,
                Phase::Retiring => LiveState::Retiring,
            }));
        }
        all.sort_by(|a, b| (&a.path, &a.id).cmp(&(&b.path, &b.id)));
        all
    }

    /// Tells when a plugin was added or updated: something that could not be
    /// bound before may be now.
    #[must_use]
    pub fn available(&self) -> tokio::sync::watch::Receiver<u64> {
        self.available.subscribe()
    }

    /// The plugins that workloads can be bound to.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<LoadedPlugin>> {
        let table = self.table();
        let running = table.plugins.values();
        running
            .filter(|entry| entry.phase == Phase::Running)
            .map(|entry| Arc::clone(&entry.plugin))
            .collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LivePlugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivePlugins")
            .field("loader", &self.loader)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
