//! `wash-host plugin check-config`.

use std::path::Path;

use serde::Serialize;
use wash_plugin_loader::Untrusted;
use wash_plugin_loader::{ConfigError, ConfigProblem, PluginLoader, PluginsConfig};

use crate::{
    cli::{CheckConfig, PLUGINS},
    code::Code,
    failure::{Failure, Result},
    output,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    valid: bool,
    problems: &'a [ConfigProblem],
}

pub(crate) fn command(options: &CheckConfig) -> Result<u8> {
    let config = PluginsConfig::from_file(&options.config)?;
    let mut builder = PluginLoader::builder().allow(options.trust.allow());
    if options.plugins.is_empty() && options.plugin.is_empty() {
        builder = builder.directory(PLUGINS);
    }
    for directory in &options.plugins {
        builder = builder.directory(directory);
    }
    for file in &options.plugin {
        builder = builder.file(file);
    }
    let loader = builder
        .build()
        .map_err(|error| Failure::new(Code::Config, error))?;
    let inspection = loader.inspect()?;
    let checked = inspection.check_config(&config);
    if options.json {
        let problems = match &checked {
            Err(ConfigError::DoesNotFit { problems }) => problems.as_slice(),
            _ => &[],
        };
        output::json(&Checked {
            valid: checked.is_ok(),
            problems,
        })?;
    }
    checked?;
    for rejection in inspection.rejections() {
        let path = Untrusted::path(rejection.path());
        tracing::warn!(
            "{path} is rejected, and its configuration is not checked: see `wash-host plugin list`"
        );
    }
    if !options.json {
        output::line(&output::printable(&told(&options.config, &inspection)))?;
    }
    Ok(match inspection.rejections() {
        [] => 0,
        _ => Code::Rejected.number(),
    })
}

fn told(config: &Path, inspection: &wash_plugin_loader::Inspection) -> String {
    let ids: Vec<&str> = inspection
        .admitted()
        .iter()
        .map(|plugin| plugin.id())
        .collect();
    let file = Untrusted::path(config);
    match ids.as_slice() {
        [] => format!("{file} is valid; there is no plugin to hold it against"),
        ids => format!("{file} is valid for {}", ids.join(", ")),
    }
}
