//! What a look at the files has changed: [`Change`] and [`Reconciled`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Something that a look has changed, or found to be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// The configuration file was read again.
    Configured {
        /// The configuration file.
        path: PathBuf,
        /// The ids of the plugins whose configuration differs from the previous
        /// one, in alphabetical order.
        plugins: Vec<String>,
    },
    /// A plugin was added.
    Added {
        /// Its id.
        id: String,
        /// Its version.
        version: String,
        /// Its file.
        path: PathBuf,
    },
    /// A plugin was updated: its file or its configuration has changed.
    Updated {
        /// Its id.
        id: String,
        /// Its new version.
        version: String,
        /// Its file.
        path: PathBuf,
        /// The number of the new generation.
        generation: u32,
        /// The workloads that use it.
        moved: Vec<String>,
        /// The workloads that stay with the previous version, and why.
        stayed: Vec<(String, String)>,
    },
    /// A plugin that was admitted could not be added or updated.
    Failed {
        /// Its id.
        id: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file was rejected.
    Rejected {
        /// The file.
        path: PathBuf,
        /// The plugin's id, if its manifest could be read.
        id: Option<String>,
        /// Why.
        reason: String,
        /// What to do next.
        hint: String,
    },
    /// A plugin's file is gone or has become another plugin, and no further
    /// workload is bound to the plugin.
    Removed {
        /// Its id.
        id: String,
        /// How many workloads still use it.
        workloads: usize,
    },
    /// The file of a plugin that was removed is back in time.
    Restored {
        /// Its id.
        id: String,
    },
    /// A plugin directory, plugin file or configuration file cannot be used.
    /// What was loaded from it keeps running.
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Change {
    /// Whether it makes another verdict on a file possible: a plugin has come,
    /// has gone, or serves other interfaces.
    pub(super) fn is_of_what_runs(&self) -> bool {
        matches!(
            self,
            Self::Added { .. }
                | Self::Updated { .. }
                | Self::Removed { .. }
                | Self::Restored { .. }
        )
    }
}

/// What a look at the files led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Reconciled {
    /// What has changed, in order.
    pub changes: Vec<Change>,
    /// Whether some files are still changing: look again soon.
    pub is_waiting: bool,
}
