//! What is known of the plugins of a host that runs.

use serde::{Deserialize, Serialize};

use crate::adapt::{Faults, GenerationStatus, LoadedPlugin};
use crate::config::ConfigError;
use crate::facts::Facts;
use crate::library::Loaded;
use crate::rejection::Rejection;

/// What is known of a plugin, or of a file that was rejected.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PluginStatus {
    /// The plugin's id.
    pub id: Option<String>,
    /// The version of its newest generation.
    pub version: Option<String>,
    /// Where it is in its life.
    pub state: LiveState,
    /// The file.
    pub path: String,
    /// Digest of the library that serves, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The revision of the ABI that it needs.
    pub abi: Option<u32>,
    /// The interfaces that it serves.
    pub exports: Option<Vec<String>>,
    /// The interfaces that it calls.
    pub imports: Option<Vec<String>>,
    /// Why it is rejected, or what is wrong with the file that should replace
    /// it.
    pub reason: Option<String>,
    /// What to do about it, where that is not a part of the reason.
    #[serde(default)]
    pub hint: Option<String>,
    /// How often its library was loaded: the number of its newest generation.
    pub generation: Option<u32>,
    /// What went wrong in its newest generation.
    pub faults: Option<Faults>,
    /// How many calls ended, if they are counted.
    pub calls: Option<u64>,
    /// How many seconds they took together.
    pub seconds: Option<f64>,
    /// Resources that components have of it.
    pub live_resources: Option<u64>,
    /// The ids of the workloads that are bound to it.
    pub workloads: Vec<String>,
    /// Its generations, the newest first.
    pub generations: Vec<GenerationStatus>,
}

/// Where a plugin is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LiveState {
    /// Workloads can be bound to it.
    Running,
    /// Its file is gone or has become another plugin; it is stopped as soon as
    /// no workload uses it.
    Retiring,
    /// The operator has switched it off.
    Disabled,
    /// Its file cannot be loaded.
    Rejected,
}

impl LiveState {
    /// The word for it in JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Retiring => "retiring",
            Self::Disabled => "disabled",
            Self::Rejected => "rejected",
        }
    }
}

impl PluginStatus {
    pub(super) fn of(plugin: &LoadedPlugin, state: LiveState) -> Self {
        let loaded = plugin.loaded();
        let generations = plugin.generations();
        let calls = plugin.calls();
        Self {
            id: Some(loaded.id().to_owned()),
            version: Some(loaded.manifest().version.clone()),
            state,
            path: loaded.path().to_string_lossy().into_owned(),
            sha256: Some(loaded.sha256().to_owned()),
            abi: Some(loaded.manifest().abi_revision),
            exports: Some(loaded.world().exports().map(str::to_owned).collect()),
            imports: Some(loaded.world().imports()),
            reason: None,
            hint: None,
            generation: generations.first().map(|newest| newest.generation),
            faults: plugin.faults(),
            calls: calls.map(|(calls, _)| calls),
            seconds: calls.map(|(_, time)| time.as_secs_f64()),
            live_resources: plugin.live_resources(),
            workloads: plugin.workloads(),
            generations,
        }
    }
}

impl PluginStatus {
    /// A file that is not loaded, for a reason that is filled in.
    pub(super) fn not_loaded(path: String, facts: Facts) -> Self {
        Self {
            id: facts.id,
            version: facts.version,
            state: LiveState::Rejected,
            path,
            sha256: facts.sha256,
            abi: facts.abi,
            exports: facts.exports,
            imports: facts.imports,
            reason: None,
            hint: None,
            generation: None,
            faults: None,
            calls: None,
            seconds: None,
            live_resources: None,
            workloads: Vec::new(),
            generations: Vec::new(),
        }
    }

    /// A file, for all that is wrong with it.
    pub(super) fn rejected(first: &Rejection, wrong: &Wrong) -> Self {
        let path = first.path().to_string_lossy().into_owned();
        Self::not_loaded(path, first.facts().clone()).because(wrong)
    }

    /// A library that was loaded, and is not used.
    pub(super) fn failed(loaded: &Loaded) -> Self {
        Self::not_loaded(loaded.path().to_string_lossy().into_owned(), loaded.facts())
    }

    /// Without what only one that runs has.
    pub(super) fn stopped(self) -> Self {
        Self {
            generation: None,
            faults: None,
            live_resources: None,
            generations: Vec::new(),
            ..self
        }
    }

    pub(super) fn because(mut self, wrong: &Wrong) -> Self {
        self.reason = Some(wrong.reason.clone());
        self.hint.clone_from(&wrong.hint);
        self
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) reason: String,
    /// What to do about it, if the reason does not say so itself.
    pub(super) hint: Option<String>,
}

impl Wrong {
    /// What all of these say, which are of one file.
    pub(super) fn of(rejections: &[Rejection]) -> Self {
        let all = |of: fn(&Rejection) -> String| {
            let mut texts: Vec<String> = Vec::new();
            for text in rejections.iter().map(of) {
                // Several causes may have one remedy.
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
            texts.join("; ")
        };
        Self {
            reason: all(|rejection| rejection.cause().to_string()),
            hint: Some(all(Rejection::hint)),
        }
    }
}

impl From<&anyhow::Error> for Wrong {
    fn from(error: &anyhow::Error) -> Self {
        Self {
            reason: format!("{error:#}"),
            hint: error.downcast_ref().map(ConfigError::hint),
        }
    }
}
