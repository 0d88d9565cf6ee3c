//! What goes over the socket: a request in JSON on one line, and the answer
//! likewise.

use std::{collections::HashMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// How it is: answered by a [`HostStatus`].
    Status,
    /// What is known of the plugins: a list of `PluginStatus`.
    Plugins,
    /// Look at the plugins' files and configuration now, and try again what
    /// failed: `Reconciled`.
    Reload,
    /// Look again, for whoever waits for files that are changing: `Reconciled`.
    Look,
    /// Switch a plugin off: nothing.
    DisablePlugin { id: String, force: bool },
    /// Switch it on again: `Reconciled`.
    EnablePlugin { id: String },
    /// The workloads: a list of [`WorkloadEntry`].
    Workloads,
    /// Start the workloads of a file: [`Started`].
    StartWorkload {
        path: PathBuf,
        env: Vec<(String, String)>,
    },
    /// Stop one: its [`WorkloadEntry`].
    StopWorkload { id: String },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    Done(Value),
    Failed {
        message: String,
        help: String,
        code: u8,
    },
}

/// How a host is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct HostStatus {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// In the form of RFC 3339.
    pub(crate) started_at: String,
    /// Where it takes HTTP requests.
    pub(crate) http: Option<String>,
    pub(crate) labels: HashMap<String, String>,
    /// All that workloads can be bound to: the next two together.
    pub(crate) plugins: usize,
    /// Those from files.
    #[serde(default)]
    pub(crate) loaded: usize,
    /// Those that are a part of the program.
    #[serde(default)]
    pub(crate) compiled_in: usize,
    pub(crate) workloads: u64,
    pub(crate) components: u64,
}

/// The workloads of a file that were started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Started {
    /// The only one of its file.
    One(WorkloadEntry),
    /// Those of a file with several.
    Several(Vec<WorkloadEntry>),
}

impl From<Vec<WorkloadEntry>> for Started {
    fn from(started: Vec<WorkloadEntry>) -> Self {
        match <[WorkloadEntry; 1]>::try_from(started) {
            Ok([one]) => Self::One(one),
            Err(several) => Self::Several(several),
        }
    }
}

/// A workload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct WorkloadEntry {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) message: String,
}
