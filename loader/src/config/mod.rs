//! [`PluginsConfig`]: the configuration of plugins, from TOML.

mod error;
mod near;
mod places;
mod schema;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;
use toml::de::DeTable;
use wash_plugin_abi::manifest::Manifest;

pub use error::{ConfigError, ConfigProblem};

use crate::text::read_text;
use places::{Place, Places, Step, TomlPath};

/// The table of a configuration that has the plugins' tables.
const PLUGINS: &str = "plugins";

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
#[derive(Clone, Debug, Default)]
pub struct PluginsConfig {
    source: Option<PathBuf>,
    plugins: BTreeMap<String, Value>,
    places: Places,
}

/// Whether both come from the same file and have the same values; where these
/// stand in the file does not matter.
impl PartialEq for PluginsConfig {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.plugins == other.plugins
    }
}

impl PluginsConfig {
    /// Reads a file. It may begin with a byte-order mark.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is not UTF-8, or is not valid.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        match read_text(&path) {
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
        match parse(text) {
            Ok((plugins, places)) => Ok(Self {
                source: path,
                plugins,
                places,
            }),
            Err(problem) => Err(ConfigError::Invalid { path, problem }),
        }
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

    /// Checks what a plugin is given against the schema in its manifest. None
    /// of the plugin's code runs.
    ///
    /// What the plugin takes although it was probably meant otherwise, such as
    /// a mistyped key that it passes over, is logged as a warning.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DoesNotFit`], with all that does not fit.
    pub fn check(&self, manifest: &Manifest) -> Result<(), ConfigError> {
        let problems = self.problems(manifest);
        if problems.is_empty() {
            return Ok(());
        }
        Err(ConfigError::DoesNotFit { problems })
    }

    /// All that does not fit, for [`check`](Self::check).
    pub(crate) fn problems(&self, manifest: &Manifest) -> Vec<ConfigProblem> {
        let id = manifest.id.as_str();
        let given = self.get(id);
        let findings = match manifest.config_schema.as_str() {
            // Who uses the kit for Rust says so by having no schema.
            "" if manifest.sdk.starts_with(SDK) => takes_none(&given),
            "" => Vec::new(),
            // A schema that cannot be read forbids nothing.
            text => match serde_json::from_str(text) {
                Ok(schema) => schema::check(&schema, &given),
                Err(error) => {
                    tracing::debug!(
                        plugin = id,
                        "its configuration's schema is no JSON: {error}"
                    );
                    Vec::new()
                }
            },
        };
        let mut problems = Vec::new();
        for finding in findings {
            let problem = self.problem(id, &finding);
            if finding.is_warning {
                tracing::warn!("{problem}");
            } else {
                problems.push(problem);
            }
        }
        problems
    }

    fn problem(&self, id: &str, finding: &schema::Finding) -> ConfigProblem {
        let root = [Step::Key(PLUGINS.to_owned()), Step::Key(id.to_owned())];
        let path = [&root, finding.at.as_slice()].concat();
        // The table of all plugins is no place to look at.
        let place = self
            .places
            .find(&path)
            .filter(|_| self.plugins.contains_key(id));
        ConfigProblem {
            path: self.source.clone(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            plugin: id.to_owned(),
            key: TomlPath(&path).to_string(),
            problem: finding.problem.clone(),
        }
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

/// How the kit for plugins in Rust begins its name in manifests.
const SDK: &str = "wash-plugin-abi";

/// What is wrong where a plugin takes no configuration.
fn takes_none(given: &Value) -> Vec<schema::Finding> {
    let keys = given.as_object().into_iter().flat_map(|table| table.keys());
    keys.map(|key| schema::Finding {
        at: vec![Step::Key(key.clone())],
        problem: "the plugin takes no configuration: remove the key".to_owned(),
        is_warning: false,
    })
    .collect()
}

/// The table of each plugin, and where everything stands.
fn parse(text: &str) -> Result<(BTreeMap<String, Value>, Places), String> {
    let not_toml = |error: toml::de::Error| {
        let at = error.span().map_or_else(String::new, |span| {
            let Place { line, column } = Place::of(text, span.start);
            format!(" at line {line}, column {column}")
        });
        format!("it is not TOML{at}: {}", error.message().trim_end())
    };
    let document = DeTable::parse(text).map_err(not_toml)?;
    let mut values: toml::Table = toml::from_str(text).map_err(not_toml)?;
    let document = document.get_ref();
    let places = Places::new(text, document);
    let line = |path: &[Step]| {
        let line = places.find(path).map_or(1, |place| place.line);
        format!("at line {line}, `{}`", TomlPath(path))
    };
    let key = |key: &str| Step::Key(key.to_owned());
    if let Some(other) = values.keys().find(|name| *name != PLUGINS) {
        let at = line(&[key(other)]);
        return Err(format!(
            "{at} is not for a plugin: its tables are called `[plugins.ID]`"
        ));
    }
    let Some(plugins) = values.remove(PLUGINS) else {
        return Ok((BTreeMap::new(), places));
    };
    let toml::Value::Table(plugins) = plugins else {
        let at = line(&[key(PLUGINS)]);
        return Err(format!("{at} is {}, not a table", plugins.type_str()));
    };
    let mut tables = BTreeMap::new();
    for (id, table) in plugins {
        let mut path = vec![key(PLUGINS), key(&id)];
        if !table.is_table() {
            let (at, kind) = (line(&path), table.type_str());
            return Err(format!(
                "{at} is of type {kind}, and a plugin needs a table: `[plugins.{id}]`"
            ));
        }
        let value =
            json(table, &mut path).map_err(|problem| format!("{} {problem}", line(&path)))?;
        tables.insert(id, value);
    }
    Ok((tables, places))
}

/// A date becomes its text; a number that JSON cannot write is an error, and
/// `path` is then where it is.
fn json(value: toml::Value, path: &mut Vec<Step>) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| {
                format!("is {number}, which is not a number that a plugin can be given")
            })?,
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                path.push(Step::Index(index));
                list.push(json(item, path)?);
                path.pop();
            }
            Value::Array(list)
        }
        toml::Value::Table(table) => {
            let mut object = serde_json::Map::new();
            for (key, value) in table {
                path.push(Step::Key(key.clone()));
                object.insert(key, json(value, path)?);
                path.pop();
            }
            Value::Object(object)
        }
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
        for (text, expected) in [
            (
                "[plugin.a]\n",
                "at line 1, `plugin` is not for a plugin: its tables are called",
            ),
            (
                "[plugins]\na = 1\n",
                "at line 2, `plugins.a` is of type integer, and a plugin needs",
            ),
            (
                "plugins = 1\n",
                "at line 1, `plugins` is integer, not a table",
            ),
            (
                "[plugins.a]\nk = [1, nan]\n",
                "at line 2, `plugins.a.k[1]` is NaN, which is not a number",
            ),
        ] {
            assert!(error(text).contains(expected), "{}", error(text));
        }
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
             plugin `custom-logger`; did you mean `custom-logger` instead of `custom-loger`?"
        );
        let error = config
            .check_ids(["a", "b"].into_iter())
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("there are only the plugins `a`, `b`"));
        assert!(config.check_ids(["custom-loger"].into_iter()).is_ok());
    }

    fn manifest(id: &str, schema: &str) -> Manifest {
        Manifest {
            id: id.to_owned(),
            version: String::new(),
            description: String::new(),
            license: String::new(),
            authors: Vec::new(),
            repository: String::new(),
            abi_revision: 1,
            sdk: format!("{SDK} 0.1.0"),
            compiler: String::new(),
            target: String::new(),
            wit: String::new(),
            world: String::new(),
            functions: Vec::new(),
            config_schema: schema.to_owned(),
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugins.toml");
        std::fs::write(
            &path,
            "\u{feff}# all\n[plugins.kv]\nbackend = 'redis'\n[plugins.kv.limit]\n  size = '1'\n\
             [plugins.plain]\nx = 1\n",
        )
        .unwrap();
        let config = PluginsConfig::from_file(&path).unwrap();
        let schema = r#"{"type": "object", "additionalProperties": false, "required": ["url"],
            "properties": {"backend": {"type": "string"}, "url": {"type": "string"}, "limit":
            {"type": "object", "properties": {"size": {"type": "integer"}}}}}"#;
        let error = config.check(&manifest("kv", schema)).unwrap_err();
        let path = path.to_string_lossy();
        assert_eq!(
            error.to_string(),
            format!(
                "the configuration of plugin `kv` is not valid:\n  {path}:2:10: `plugins.kv`: the \
                 key `url` is missing: a text in quotes is needed\n  {path}:5:3: \
                 `plugins.kv.limit.size`: it is a text, and a whole number is needed"
            )
        );
        // One without a schema takes nothing; one that is not configured may lack a key.
        let error = config
            .check(&manifest("plain", ""))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with(
                ":7:1: `plugins.plain.x`: the plugin takes no configuration: remove the key"
            ),
            "{error}"
        );
        let error = config
            .check(&manifest("other", schema))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with(&format!(
                "{path}: `plugins.other`: the key `url` is missing: a text in quotes is needed"
            )),
            "{error}"
        );
        config.check(&manifest("kv", "not JSON")).unwrap();
    }

    #[test]
    fn other_encodings_are_refused_in_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugins.toml");
        let text: Vec<u8> = "[plugins.a]\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        std::fs::write(&path, text).unwrap();
        let ConfigError::Unreadable { source, .. } = PluginsConfig::from_file(&path).unwrap_err()
        else {
            panic!("it was read")
        };
        assert!(source.to_string().contains("save it as UTF-8"), "{source}");
    }
}
