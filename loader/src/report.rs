//! [`Report`]: what became of each file, for people and programs.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use crate::{facts::Facts, inspect::Inspected, rejection::Rejection};

/// What became of each file that was looked at, in the order of the paths.
///
/// Its JSON form is stable: `{"plugins": [{"id", "version", "state", "path",
/// "sha256", "abi", "exports", "imports", "reason"}]}`, with `null` for what is
/// not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The files.
    #[serde(rename = "plugins")]
    pub entries: Vec<ReportEntry>,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportEntry {
    /// The plugin's id.
    pub id: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// Whether the host loads it.
    pub state: State,
    /// The file.
    pub path: String,
    /// Digest of its bytes, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The revision of the ABI that it needs.
    pub abi: Option<u32>,
    /// The interfaces that it serves.
    pub exports: Option<Vec<String>>,
    /// The interfaces that it calls.
    pub imports: Option<Vec<String>>,
    /// Why it is rejected.
    pub reason: Option<String>,
}

/// Whether a host loads a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// It does.
    Ready,
    /// It does not.
    Rejected,
}

impl State {
    /// The word for it in JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Rejected => "rejected",
        }
    }
}

impl Report {
    pub(crate) fn new<'a>(
        ready: impl Iterator<Item = (&'a Path, Facts)>,
        rejections: impl Iterator<Item = &'a Rejection>,
    ) -> Self {
        let mut entries = BTreeMap::new();
        for (path, facts) in ready {
            entries.insert(path, ReportEntry::new(path, State::Ready, facts));
        }
        for rejection in rejections {
            let entry = entries.entry(rejection.path()).or_insert_with(|| {
                ReportEntry::new(rejection.path(), State::Rejected, rejection.facts().clone())
            });
            entry.state = State::Rejected;
            let reason = rejection.cause().to_string();
            entry.reason = Some(match entry.reason.take() {
                Some(reasons) => format!("{reasons}; {reason}"),
                None => reason,
            });
        }
        Self {
            entries: entries.into_values().collect(),
        }
    }

    /// Whether every file is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.entries.iter().all(|entry| entry.state == State::Ready)
    }
}

impl ReportEntry {
    fn new(path: &Path, state: State, facts: Facts) -> Self {
        Self {
            id: facts.id,
            version: facts.version,
            state,
            path: path.to_string_lossy().into_owned(),
            sha256: facts.sha256,
            abi: facts.abi,
            exports: facts.exports,
            imports: facts.imports,
            reason: None,
        }
    }
}

/// A plugin that was inspected, and nothing is wrong with it so far.
impl From<&Inspected> for ReportEntry {
    fn from(plugin: &Inspected) -> Self {
        Self::new(plugin.path(), State::Ready, plugin.facts())
    }
}

impl From<&Rejection> for ReportEntry {
    fn from(rejection: &Rejection) -> Self {
        let mut entry = Self::new(rejection.path(), State::Rejected, rejection.facts().clone());
        entry.reason = Some(rejection.cause().to_string());
        entry
    }
}
