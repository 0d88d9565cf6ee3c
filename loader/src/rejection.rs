//! Why a file is not loaded: [`Rejection`], a value that says what is wrong
//! with which file, and what to do about it.

mod cause;
pub(crate) mod hint;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::facts::Facts;
use crate::untrusted::Untrusted;

pub(crate) use cause::Others;
pub use cause::{Place, RejectionCause};

/// A file that is not loaded, and why.
///
/// Displayed, it is one sentence; [`hint`](Self::hint) says what to do next.
#[derive(Debug)]
pub struct Rejection(Box<Parts>);

/// Behind a pointer, so that results that may be a rejection stay small.
#[derive(Debug)]
struct Parts {
    path: PathBuf,
    stage: Stage,
    cause: RejectionCause,
    facts: Facts,
}

/// How far a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stage {
    /// It was found.
    Scan,
    /// It was read, and none of its code run.
    Inspect,
    /// It was held against the host and the other candidates.
    Admit,
    /// Its code was loaded.
    Load,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scan => "scan",
            Self::Inspect => "inspect",
            Self::Admit => "admit",
            Self::Load => "load",
        })
    }
}

impl Rejection {
    pub(crate) fn new(path: PathBuf, stage: Stage, cause: RejectionCause) -> Self {
        Self(Box::new(Parts {
            path,
            stage,
            cause,
            facts: Facts::default(),
        }))
    }

    pub(crate) fn with_facts(mut self, facts: Facts) -> Self {
        self.0.facts = facts;
        self
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Which file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The plugin's id, if its manifest could be read.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.facts.id.as_deref()
    }

    /// Whether it is about who could change the file.
    #[must_use]
    pub fn is_about_permissions(&self) -> bool {
        matches!(
            self.cause(),
            RejectionCause::Owner { .. }
                | RejectionCause::UnknownOwner { .. }
                | RejectionCause::Writable { .. }
        )
    }

    /// Whether it may be over in a moment, though nobody changes the file's
    /// content any more: somebody writes to the file, or has it open to do so.
    /// Then the file is worth another look, also if its size and times stay as
    /// they are.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self.cause(),
            RejectionCause::BeingWritten | RejectionCause::Changed
        )
    }

    /// At which stage it was rejected.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What is wrong with it.
    #[must_use]
    pub fn cause(&self) -> &RejectionCause {
        &self.0.cause
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        hint::of(&self.0.cause)
    }

    /// As plain data.
    #[must_use]
    pub fn to_data(&self) -> RejectionData {
        RejectionData {
            path: self.0.path.to_string_lossy().into_owned(),
            id: self.id().map(str::to_owned),
            stage: self.0.stage,
            reason: self.0.cause.to_string(),
            hint: self.hint(),
        }
    }
}

/// `PATH: plugin `ID` is rejected: REASON`
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Untrusted::path(&self.0.path))?;
        match self.id() {
            Some(id) => write!(f, "plugin `{id}` is rejected: ")?,
            None => f.write_str("rejected: ")?,
        }
        self.0.cause.fmt(f)
    }
}

impl std::error::Error for Rejection {}

/// A [`Rejection`] to print or send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RejectionData {
    /// Which file.
    pub path: String,
    /// The plugin's id, if its manifest could be read.
    pub id: Option<String>,
    /// At which stage it was rejected.
    pub stage: Stage,
    /// What is wrong with it.
    pub reason: String,
    /// What to do next.
    pub hint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_plugin_wants_a_newer_host() {
        let rejected = |plugin| {
            let cause = RejectionCause::AbiRevision { plugin, host: 2 };
            Rejection::new("x.so".into(), Stage::Admit, cause)
        };
        assert_eq!(
            rejected(3).to_string(),
            "x.so: rejected: it needs revision 3 of the plugin ABI, and this host speaks revision 2"
        );
        assert!(rejected(3).hint().starts_with("update the host, or build"));
        assert!(
            rejected(1)
                .hint()
                .starts_with("build the plugin against revision 2")
        );
    }
}
