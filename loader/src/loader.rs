//! [`PluginLoader`]: all the steps in one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wash_plugin_abi::abi;

use crate::untrusted::Untrusted;
use crate::{
    adapt::LoadedPlugin,
    admit::{Admission, Admitted, admit_with},
    allow::Allow,
    config::{ConfigError, PluginsConfig},
    inspect::Inspected,
    library::{self, Loaded},
    loaded::LoadedPlugins,
    patience::Patience,
    rejection::Rejection,
    report::Report,
    scan::{Scan, ScanError},
};

/// Finds, checks and loads plugins.
///
/// ```no_run
/// use wash_plugin_loader::PluginLoader;
/// use wash_runtime::host::HostBuilder;
///
/// # async fn run() -> anyhow::Result<()> {
/// let plugins = PluginLoader::builder().directory("plugins").build()?.load()?;
/// let host = plugins.register(HostBuilder::new())?.build()?.start().await?;
/// # host.stop().await }
/// ```
#[derive(Debug)]
pub struct PluginLoader {
    sources: Vec<Source>,
    reserved_ids: Vec<(String, String)>,
    skip_rejected: bool,
    metrics: bool,
    allow: Allow,
    config: PluginsConfig,
    plugins_may_come: bool,
}

/// Collects what a [`PluginLoader`] needs to know.
#[derive(Debug, Default)]
pub struct PluginLoaderBuilder {
    sources: Vec<Source>,
    reserved_ids: Vec<(String, String)>,
    skip_rejected: bool,
    metrics: bool,
    allow: Allow,
    config: PluginsConfig,
    plugins_may_come: bool,
}

#[derive(Debug)]
enum Source {
    Directory(PathBuf),
    File(PathBuf),
}

/// Why the plugins cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is nothing to load from.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Their configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Some were rejected: all of them, not only the first.
    #[error("{}", rejected(rejections, *of))]
    Rejected {
        /// Each rejection.
        rejections: Vec<Rejection>,
        /// How many files were looked at.
        of: usize,
    },
}

impl LoadError {
    /// What to do next; empty where the message says it for each file.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Rejected { .. } => String::new(),
        }
    }
}

fn rejected(rejections: &[Rejection], of: usize) -> String {
    let mut files: Vec<_> = rejections.iter().map(Rejection::path).collect();
    files.sort_unstable();
    files.dedup();
    let mut text = match of {
        1 => "the plugin was rejected".to_owned(),
        _ => format!("{} of {of} plugins rejected", files.len()),
    };
    for of_one_file in rejections.chunk_by(|a, b| a.path() == b.path()) {
        for (index, rejection) in of_one_file.iter().enumerate() {
            text.push_str(&format!("\n  {rejection}"));
            let hint = rejection.hint();
            // Several causes may have one remedy.
            let mut later = of_one_file.iter().skip(index + 1);
            if !later.any(|other| other.hint() == hint) {
                text.push_str(&format!("\n    help: {hint}"));
            }
        }
    }
    text
}

impl PluginLoaderBuilder {
    /// Adds the plugins of a directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::Directory(path.into()));
        self
    }

    /// Adds one plugin.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File(path.into()));
        self
    }

    /// The ids of plugins that the host has already, each with a name for the
    /// one who has it, such as `("wasi-logging", "the built-in plugin")`.
    #[must_use]
    pub fn reserved_ids(mut self, ids: impl IntoIterator<Item = (String, String)>) -> Self {
        self.reserved_ids.extend(ids);
        self
    }

    /// Whether to load the others where some are rejected. By default it is an
    /// error.
    #[must_use]
    pub fn skip_rejected(mut self, skip: bool) -> Self {
        self.skip_rejected = skip;
        self
    }

    /// Whether to count and time the plugins' calls, with the recorder that is
    /// installed when a workload starts: see [`observability`]. By default they
    /// are not.
    ///
    /// [`observability`]: crate::observability
    #[must_use]
    pub fn metrics(mut self, metrics: bool) -> Self {
        self.metrics = metrics;
        self
    }

    /// What is to pass that is refused otherwise. By default nothing is.
    #[must_use]
    pub fn allow(mut self, allow: Allow) -> Self {
        self.allow = allow;
        self
    }

    /// The configuration of the plugins.
    #[must_use]
    pub fn config(mut self, config: PluginsConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets whether more plugins may come after the start, as in a directory
    /// that is watched. A table of the configuration without a plugin is then
    /// logged as a warning. By default it is an error.
    #[must_use]
    pub fn plugins_may_come(mut self, may_come: bool) -> Self {
        self.plugins_may_come = may_come;
        self
    }

    /// The loader. It reads nothing yet.
    ///
    /// # Errors
    ///
    /// If two reserved ids are the same.
    pub fn build(self) -> anyhow::Result<PluginLoader> {
        let Self {
            sources,
            mut reserved_ids,
            skip_rejected,
            metrics,
            allow,
            config,
            plugins_may_come,
        } = self;
        reserved_ids.sort();
        for pair in reserved_ids.windows(2) {
            if let [(a, first), (b, second)] = pair
                && a == b
            {
                anyhow::bail!("the plugin id `{a}` is reserved twice, by {first} and by {second}");
            }
        }
        Ok(PluginLoader {
            sources,
            reserved_ids,
            skip_rejected,
            metrics,
            allow,
            config,
            plugins_may_come,
        })
    }
}

impl PluginLoader {
    /// A builder without any plugins.
    #[must_use]
    pub fn builder() -> PluginLoaderBuilder {
        PluginLoaderBuilder::default()
    }

    /// The files that may be plugins.
    ///
    /// # Errors
    ///
    /// If a directory or file is missing, or a directory cannot be read.
    pub fn scan(&self) -> Result<Scan, ScanError> {
        let mut scan = Scan::default();
        for source in &self.sources {
            scan.merge(match source {
                Source::Directory(path) => Scan::directory(path)?,
                Source::File(path) => Scan::file(path)?,
            });
        }
        Ok(scan)
    }

    /// Everything that can be said without running code of a plugin: which may
    /// be loaded, and why others may not. Files that are being written are
    /// waited for, for two seconds in all.
    ///
    /// # Errors
    ///
    /// If a directory or file is missing, or a directory cannot be read.
    pub fn inspect(&self) -> Result<Inspection, ScanError> {
        let scan = self.scan()?;
        let files = scan.candidates.len() + scan.rejections.len();
        let mut rejections = scan.rejections;
        let mut inspected: Vec<Inspected> = Vec::new();
        let mut patience = Patience::default();
        for candidate in scan.candidates {
            match patience.inspect(&candidate, self.allow) {
                Ok(plugin) => inspected.push(plugin),
                Err(rejection) => rejections.push(rejection),
            }
        }
        let Admission {
            admitted,
            rejections: refused,
        } = admit_with(inspected, &self.reserved_ids, self.allow);
        rejections.extend(refused);
        rejections.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(Inspection {
            admitted,
            rejections,
            files,
        })
    }

    /// Loads the plugins. This runs their initialisers, and nothing else of
    /// them.
    ///
    /// # Errors
    ///
    /// If a directory or file is missing, the configuration names a plugin
    /// that is not there or does not fit a plugin's schema, or some plugins are
    /// rejected and are not to be skipped. No code of any plugin has run then,
    /// except that of plugins that were loaded before one that cannot be.
    pub fn load(&self) -> Result<LoadedPlugins, LoadError> {
        let inspection = self.inspect()?;
        let checked = inspection.check_config(&self.config);
        let Inspection {
            admitted,
            mut rejections,
            files,
        } = inspection;
        let fail = |rejections| {
            Err(LoadError::Rejected {
                rejections,
                of: files,
            })
        };
        if !rejections.is_empty() && !self.skip_rejected {
            return fail(rejections);
        }
        match checked {
            Err(error @ ConfigError::UnknownPlugins { .. }) if self.plugins_may_come => {
                tracing::warn!("{error}");
            }
            checked => checked?,
        }
        let mut plugins = Vec::new();
        for plugin in admitted {
            let config = self.config.get(plugin.id());
            let (path, facts) = (plugin.path().to_owned(), plugin.facts());
            match library::load(plugin) {
                Ok(loaded) => {
                    let plugin = self.plugin(loaded, config);
                    plugins.push((path, facts, plugin));
                }
                Err(rejection) => rejections.push(rejection),
            }
        }
        if !rejections.is_empty() && !self.skip_rejected {
            return fail(rejections);
        }
        for rejection in &rejections {
            tracing::warn!(
                path = %Untrusted::path(rejection.path()),
                id = rejection.id(),
                reason = %rejection.cause(),
                "plugin skipped"
            );
        }
        Ok(LoadedPlugins::new(plugins, rejections))
    }

    /// The configuration of the plugins, as it was given.
    pub(crate) fn config(&self) -> &PluginsConfig {
        &self.config
    }

    /// What passes that is refused otherwise.
    pub(crate) fn allowed(&self) -> Allow {
        self.allow
    }

    /// The ids that the host has already.
    pub(crate) fn reserved(&self) -> &[(String, String)] {
        &self.reserved_ids
    }

    /// The directories to look into.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| match source {
            Source::Directory(path) => path.as_path(),
            Source::File(path) => match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            },
        })
    }

    /// What there is to load now. A directory or file that is not there is no
    /// error: it may come back.
    pub(crate) fn look(&self) -> (Scan, Vec<ScanError>) {
        let mut scan = Scan::default();
        let mut errors = Vec::new();
        for source in &self.sources {
            let found = match source {
                Source::Directory(path) => Scan::directory(path),
                Source::File(path) => Scan::file(path),
            };
            match found {
                Ok(found) => scan.merge(found),
                Err(error) => errors.push(error),
            }
        }
        (scan, errors)
    }

    /// Makes the plugin of a library that was loaded.
    pub(crate) fn plugin(&self, loaded: Loaded, config: serde_json::Value) -> Arc<LoadedPlugin> {
        LoadedPlugin::measured(loaded, config, self.metrics)
    }

    /// The revision of the plugin ABI that this host speaks.
    #[must_use]
    pub fn abi_revision() -> u32 {
        abi::REVISION
    }
}

/// What is known of the plugins without running them.
#[derive(Debug)]
pub struct Inspection {
    admitted: Vec<Admitted>,
    rejections: Vec<Rejection>,
    files: usize,
}

impl Inspection {
    /// The plugins that may be loaded.
    #[must_use]
    pub fn admitted(&self) -> &[Admitted] {
        &self.admitted
    }

    /// Checks a configuration: there is a plugin for each of its tables, and
    /// what it gives the plugins that may be loaded fits their schemas. None of
    /// their code runs.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownPlugins`] or [`ConfigError::DoesNotFit`]; the
    /// latter if both are the case.
    pub fn check_config(&self, config: &PluginsConfig) -> Result<(), ConfigError> {
        let manifests = self.admitted.iter().map(Admitted::manifest);
        let problems: Vec<_> = manifests
            .flat_map(|manifest| config.problems(manifest))
            .collect();
        if !problems.is_empty() {
            return Err(ConfigError::DoesNotFit { problems });
        }
        let ids = self.admitted.iter().map(Admitted::id);
        config.check_ids(ids.chain(self.rejections.iter().filter_map(Rejection::id)))
    }

    /// The same, to load them.
    #[must_use]
    pub fn into_admitted(self) -> Vec<Admitted> {
        self.admitted
    }

    /// Why others may not.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }

    /// Both, file by file.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(
            self.admitted
                .iter()
                .map(|plugin| (plugin.path(), plugin.facts())),
            self.rejections.iter(),
        )
    }
}
