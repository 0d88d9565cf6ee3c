//! What is wrong with a configuration: [`ConfigError`].

use crate::untrusted::Untrusted;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::near::nearest;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read, or is not a text file in UTF-8.
    #[error("cannot read the plugin configuration {}", Untrusted::path(path))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The operating system's reason, or what the file is instead.
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
    /// It does not fit the schemas of the plugins that it is for.
    #[error("{}", does_not_fit(problems))]
    DoesNotFit {
        /// All that does not fit; at least one.
        problems: Vec<ConfigProblem>,
    },
    /// It is for plugins that are not there.
    #[error(
        "{} has a table for {}, but there {}{}",
        name(path.as_deref()),
        unknown.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
        known_plugins(known),
        meant(unknown, known)
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

/// One value or key of a configuration that a plugin's schema does not allow.
///
/// Displayed, it is `FILE:LINE:COLUMN: KEY: PROBLEM`, as far as these are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The file, if the configuration was read from one.
    pub path: Option<PathBuf>,
    /// The line of the key, counted from 1; of a key that is missing, the line
    /// of its table. `None` if it stands in no text.
    pub line: Option<usize>,
    /// The column of the key in characters, counted from 1.
    pub column: Option<usize>,
    /// The id of the plugin.
    pub plugin: String,
    /// The path of the key as TOML writes it, such as `plugins.kv.servers[0].url`.
    pub key: String,
    /// What is wrong, what is allowed, and which key or value was meant.
    pub problem: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.line, self.column) {
            (Some(path), Some(line), Some(column)) => {
                write!(f, "{}:{line}:{column}: ", Untrusted::path(path))?;
            }
            (Some(path), ..) => write!(f, "{}: ", Untrusted::path(path))?,
            (None, Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (None, ..) => {}
        }
        write!(f, "`{}`: {}", self.key, self.problem)
    }
}

impl ConfigError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                "write the configuration as a TOML file in UTF-8".to_owned()
            }
            Self::Unreadable { .. } => {
                "check the path, and whether the host may read it".to_owned()
            }
            Self::Invalid { .. } => {
                "a plugin is configured by a table `[plugins.ID]` with the keys that `wash-host \
                 plugin inspect` shows"
                    .to_owned()
            }
            Self::DoesNotFit { .. } => {
                "correct the configuration; `wash-host plugin inspect FILE` shows all keys of a \
                 plugin, and `wash-host plugin check-config` checks them without starting a host"
                    .to_owned()
            }
            Self::UnknownPlugins { .. } => {
                "correct the id, remove the table, or add the plugin".to_owned()
            }
        }
    }
}

pub(super) fn name(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("the plugin configuration {}", Untrusted::path(path)),
        None => "the plugin configuration".to_owned(),
    }
}

fn does_not_fit(problems: &[ConfigProblem]) -> String {
    let mut plugins: Vec<String> = problems.iter().map(|p| format!("`{}`", p.plugin)).collect();
    plugins.dedup();
    let of = match plugins.as_slice() {
        [one] => format!("plugin {one}"),
        several => format!("plugins {}", several.join(", ")),
    };
    let lines: String = problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect();
    format!("the configuration of {of} is not valid:{lines}")
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

/// The ids that were probably meant.
fn meant(unknown: &[String], known: &[String]) -> String {
    let pairs: Vec<String> = unknown
        .iter()
        .filter_map(|id| {
            let meant = nearest(id, known.iter().map(String::as_str))?;
            Some(format!("`{meant}` instead of `{id}`"))
        })
        .collect();
    match pairs.as_slice() {
        [] => String::new(),
        pairs => format!("; did you mean {}?", pairs.join(", ")),
    }
}
