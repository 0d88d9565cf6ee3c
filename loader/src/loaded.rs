//! [`LoadedPlugins`]: plugins that are ready to be given to a host.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use serde_json::Value;
use wash_runtime::{host::HostBuilder, plugin::HostPlugin};

use crate::untrusted::Untrusted;
use crate::{
    adapt::LoadedPlugin, admit::Admitted, facts::Facts, library, rejection::Rejection,
    report::Report,
};

/// Plugins that are ready to be given to a host.
#[derive(Debug)]
pub struct LoadedPlugins {
    plugins: Vec<Arc<LoadedPlugin>>,
    files: Vec<(PathBuf, Facts)>,
    rejections: Vec<Rejection>,
}

/// Loads one plugin.
///
/// # Errors
///
/// If the dynamic linker refuses it, or it is not what its manifest says.
pub fn load(plugin: Admitted, config: Value) -> Result<Arc<LoadedPlugin>, Rejection> {
    Ok(LoadedPlugin::new(library::load(plugin)?, config))
}

impl LoadedPlugins {
    pub(crate) fn new(
        loaded: Vec<(PathBuf, Facts, Arc<LoadedPlugin>)>,
        rejections: Vec<Rejection>,
    ) -> Self {
        let mut plugins = Vec::new();
        let mut files = Vec::new();
        for (path, facts, plugin) in loaded {
            plugins.push(plugin);
            files.push((path, facts));
        }
        Self {
            plugins,
            files,
            rejections,
        }
    }

    /// The plugins.
    #[must_use]
    pub fn plugins(&self) -> &[Arc<LoadedPlugin>] {
        &self.plugins
    }

    /// The files that were skipped, and why.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }

    /// Both, file by file.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(
            self.files
                .iter()
                .map(|(path, facts)| (path.as_path(), facts.clone())),
            self.rejections.iter(),
        )
    }

    /// Gives the plugins to a host, which starts and stops them.
    ///
    /// # Errors
    ///
    /// If the host has a plugin with one of their ids already.
    pub fn register(&self, mut builder: HostBuilder) -> anyhow::Result<HostBuilder> {
        for (plugin, (path, _)) in self.plugins.iter().zip(&self.files) {
            let plugin: Arc<dyn HostPlugin> = Arc::clone(plugin) as _;
            builder = builder.with_plugin(plugin).with_context(|| {
                format!("cannot register the plugin in {}", Untrusted::path(path))
            })?;
        }
        Ok(builder)
    }
}
