//! [`PluginsConfig`]: the configuration of plugins, from TOML.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

/// The configuration of each plugin.
///
/// ```
/// use wash_plugin_loader::PluginsConfig;
///
/// let config = PluginsConfig::parse(
///     r#"
///     [plugins.custom-logger]
///     prefix = "my-app"
///     "#,
/// )?;
/// assert_eq!(config.get("custom-logger")["prefix"], "my-app");
/// # Ok::<(), wash_plugin_loader::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PluginsConfig {
    source: Option<PathBuf>,
    plugins: BTreeMap<String, Value>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the plugin configuration {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// It is not TOML, or not of the shape `[plugins.ID]`.
    #[error("{} is not valid: {problem}", name(path.as_deref()))]
    Invalid {
        /// Which file, if it was one.
        path: Option<PathBuf>,
        /// What is wrong, with the line.
        problem: String,
    },
    /// It is for plugins that are not there.
    #[error(
        "{} has a table for {}, but there {}",
        name(path.as_deref()),
        unknown.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
        known_plugins(known)
    )]
    UnknownPlugins {
        /// Which file, if it was one.
        path: Option<PathBuf>,
        /// The ids without a plugin.
        unknown: Vec<String>,
        /// The ids of the plugins that there are.
        known: Vec<String>,
    },
}

impl ConfigError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "check the path, and whether the host may read it".to_owned()
            }
            Self::Invalid { .. } => {
                "a plugin is configured by a table `[plugins.ID]` with the keys that `wash-host \
                 plugin inspect` shows"
                    .to_owned()
            }
            Self::UnknownPlugins { .. } => {
                "correct the id, remove the table, or add the plugin".to_owned()
            }
        }
    }
}

fn name(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("the plugin configuration {}", path.display()),
        None => "the plugin configuration".to_owned(),
    }
}

fn known_plugins(known: &[String]) -> String {
    match known {
        [] => "is no plugin".to_owned(),
        [one] => format!("is only the plugin `{one}`"),
        many => format!(
            "are only the plugins {}",
            many.iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    plugins: BTreeMap<String, toml::Table>,
}

impl PluginsConfig {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not valid.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse_from(&text, Some(path)),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// Reads TOML text.
    ///
    /// # Errors
    ///
    /// If it is not valid.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_from(text, None)
    }

    fn parse_from(text: &str, path: Option<PathBuf>) -> Result<Self, ConfigError> {
        let invalid = |problem| ConfigError::Invalid {
            path: path.clone(),
            problem,
        };
        let file: File = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let mut plugins = BTreeMap::new();
        for (id, table) in file.plugins {
            let value = json(toml::Value::Table(table))
                .map_err(|problem| invalid(format!("in [plugins.{id}], {problem}")))?;
            plugins.insert(id, value);
        }
        Ok(Self {
            source: path,
            plugins,
        })
    }

    /// Sets the configuration of one plugin, an object.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, config: Value) -> Self {
        self.plugins.insert(id.into(), config);
        self
    }

    /// The configuration of one plugin: an object, empty if there is none.
    #[must_use]
    pub fn get(&self, id: &str) -> Value {
        self.plugins
            .get(id)
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    /// The file that it was read from.
    pub(crate) fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// The ids of the plugins that are configured.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }

    /// Checks that there is a plugin for each table, so that a mistyped id
    /// does not pass for a missing configuration.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn check_ids<'a>(&self, known: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
        let known: Vec<String> = known.map(str::to_owned).collect();
        let unknown: Vec<String> = self
            .ids()
            .filter(|id| !known.iter().any(|known| known == id))
            .map(str::to_owned)
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(ConfigError::UnknownPlugins {
            path: self.source.clone(),
            unknown,
            known,
        })
    }
}

/// A date becomes its text; a number that JSON cannot write is an error.
fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("{number} is not a number that a plugin can be given"))?,
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok((key, json(value)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_arrives() {
        let config = PluginsConfig::parse(
            "[plugins.a]\ns = 'x'\ni = 1\nf = 1.5\nb = true\nd = 2026-01-02\nl = [1, 2]\n\
             [plugins.a.t]\nk = 'v'\n",
        )
        .unwrap();
        assert_eq!(
            config.get("a"),
            serde_json::json!({
                "s": "x", "i": 1, "f": 1.5, "b": true, "d": "2026-01-02", "l": [1, 2],
                "t": { "k": "v" },
            })
        );
        assert_eq!(config.get("b"), serde_json::json!({}));
    }

    #[test]
    fn errors_name_the_place() {
        let error = |text: &str| PluginsConfig::parse(text).unwrap_err().to_string();
        assert!(
            error("[plugins.a]\nk = \n").contains("line 2"),
            "{}",
            error("[plugins.a]\nk = \n")
        );
        assert!(error("[plugin.a]\n").contains("unknown field `plugin`"));
        assert!(error("[plugins]\na = 1\n").contains("line 2"));
        assert!(error("[plugins.a]\nk = nan\n").contains("[plugins.a], NaN is not a number"));
        let missing = PluginsConfig::from_file("/nowhere/plugins.toml").unwrap_err();
        assert!(missing.to_string().contains("/nowhere/plugins.toml"));
    }

    #[test]
    fn a_mistyped_id_is_an_error() {
        let config = PluginsConfig::parse("[plugins.custom-loger]\n").unwrap();
        assert_eq!(
            config
                .check_ids(["custom-logger"].into_iter())
                .unwrap_err()
                .to_string(),
            "the plugin configuration has a table for `custom-loger`, but there is only the \
             plugin `custom-logger`"
        );
        let error = config
            .check_ids(["a", "b"].into_iter())
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("there are only the plugins `a`, `b`"));
        assert!(config.check_ids(["custom-loger"].into_iter()).is_ok());
    }
}
