//! One version of a plugin's library, from its start to its end:
//! [`Generation`].

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::instance::{Faults, Instance};
use crate::library::Loaded;

/// A library that was loaded for a plugin, and the plugin that it made.
#[derive(Debug)]
pub(super) struct Generation {
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) loaded: Arc<Loaded>,
    pub(super) instance: Arc<Instance>,
}

impl Generation {
    /// Of the plugin, as its manifest has it.
    pub(super) fn version(&self) -> &str {
        &self.loaded.manifest().version
    }
}

/// What is known of a generation of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct GenerationStatus {
    /// Counted from 1, for each library that was loaded for the plugin.
    pub generation: u32,
    /// Whether new workloads and calls go to it.
    pub state: GenerationState,
    /// The plugin's version.
    pub version: String,
    /// The file that its library was read from.
    pub path: PathBuf,
    /// The digest of that, in lower-case hexadecimal.
    pub sha256: String,
    /// What went wrong in it.
    pub faults: Faults,
    /// Resources, streams and futures that components have of it.
    pub live_resources: u64,
    /// Streams and futures of components that it has, and that they can still
    /// write to or read.
    #[serde(default)]
    pub held_streams: u64,
    /// Calls that have not been answered yet, of functions that may take long.
    pub pending_calls: u64,
    /// The workloads that it serves.
    pub workloads: Vec<WorkloadUse>,
}

/// A workload that uses a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct WorkloadUse {
    /// Its id.
    pub id: String,
    /// Why it does not use the newest generation, if it does not.
    pub stays: Option<String>,
}

/// Where a generation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GenerationState {
    /// It is the one that new workloads and calls go to.
    Serving,
    /// A later one has taken over, and this one keeps what it began.
    Draining,
}

impl Generation {
    /// Whether a component still has or waits for something of it.
    pub(super) fn is_idle(&self) -> bool {
        self.instance.pending_calls() == 0
            && self.instance.live_resources() == 0
            && self.instance.held_streams() == 0
    }

    pub(super) fn status(
        &self,
        state: GenerationState,
        workloads: Vec<WorkloadUse>,
    ) -> GenerationStatus {
        GenerationStatus {
            generation: self.number,
            state,
            version: self.loaded.manifest().version.clone(),
            path: self.loaded.path().to_owned(),
            sha256: self.loaded.sha256().to_owned(),
            faults: self.instance.faults(),
            live_resources: self.instance.live_resources(),
            held_streams: self.instance.held_streams(),
            pending_calls: self.instance.pending_calls(),
            workloads,
        }
    }
}
