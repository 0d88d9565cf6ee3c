//! Why a file is not loaded: [`Rejection`], a value that says what is wrong
//! with which file, and what to do about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use wash_plugin_abi::manifest::ManifestError;

use crate::{
    access::quoted, facts::Facts, foreign::{explain_io, explain_text}, inspect::MAX_FILE_LEN, inspect::Target,
    world::WorldError,
};

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

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionCause {
    /// The operating system does not let us read it.
    #[error(
        "it cannot be read: {}",
        explain_io(source).map_or_else(|| source.to_string(), |explained| explained.problem)
    )]
    Unreadable {
        /// The operating system's reason.
        source: io::Error,
    },
    /// It is something else than a regular file.
    #[error("it is {kind}, not a file")]
    NotAFile {
        /// What it is.
        kind: &'static str,
    },
    /// Somebody else owns it, or what leads to it.
    #[error(
        "{} belongs to user {owner}, who is neither root nor the one that runs the host ({user}), \
         and could put other code there",
        path.display()
    )]
    Owner {
        /// The file, or the directory or link on the way to it.
        path: PathBuf,
        /// The number of the user who owns that.
        owner: u32,
        /// The number of the user that runs the host.
        user: u32,
    },
    /// Others can write to it, or to what leads to it.
    #[error(
        "others than its owner can write to {} (its mode is {mode:04o}), and could put other code \
         there",
        path.display()
    )]
    Writable {
        /// The file, or the directory on the way to it.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is larger than any plugin.
    #[error("it is larger than {} MiB", MAX_FILE_LEN >> 20)]
    TooLarge,
    /// It is no executable file of a format that we know.
    #[error("it is not a shared library: {found}")]
    NotALibrary {
        /// What it seems to be.
        found: &'static str,
    },
    /// It is a library of another operating system.
    #[error("it is a library in {found} format, and this host loads {host}")]
    Format {
        /// Its format.
        found: &'static str,
        /// The host's format.
        host: &'static str,
    },
    /// It is an executable, an object file or the like.
    #[error("it is {found}, not a shared library")]
    Kind {
        /// What it is.
        found: String,
    },
    /// It is made for another processor.
    #[error("it is built for {found}, and this host runs on {host}")]
    Target {
        /// What it is made for.
        found: Target,
        /// What the host is made for.
        host: Target,
    },
    /// A part of it contradicts the format, as when it is cut off.
    #[error("it is damaged: {problem}")]
    Damaged {
        /// What is wrong.
        problem: String,
    },
    /// It is a library, but no plugin.
    #[error("it is not a wash plugin: it has no plugin manifest")]
    NoManifest,
    /// Its manifest cannot be read.
    #[error("its plugin manifest is not valid: {0}")]
    Manifest(#[source] ManifestError),
    /// Its manifest's WIT cannot be read, or does not match the rest.
    #[error("its plugin manifest is not valid: {0}")]
    World(#[source] WorldError),
    /// It speaks another revision of the ABI.
    #[error("it needs revision {plugin} of the plugin ABI, and this host speaks revision {host}")]
    AbiRevision {
        /// What it needs.
        plugin: u32,
        /// What the host speaks.
        host: u32,
    },
    /// Other candidates have the same id.
    #[error("its id `{id}` is also that of {}", list(others.iter().map(|path| path.display())))]
    DuplicateId {
        /// The id.
        id: String,
        /// The other files.
        others: Vec<PathBuf>,
    },
    /// The host has a plugin of that id already.
    #[error("its id `{id}` is already that of {owner}")]
    ReservedId {
        /// The id.
        id: String,
        /// Whose it is.
        owner: String,
    },
    /// Other candidates serve the same interface.
    #[error(
        "it serves `{interface}`, which is also served by {}",
        list(others.iter().map(|(id, path)| format!("plugin `{id}` ({})", path.display())))
    )]
    DuplicateInterface {
        /// The interface.
        interface: String,
        /// Ids and files of the others.
        others: Vec<(String, PathBuf)>,
    },
    /// It needs libraries that are not checked.
    #[error("it has {} loaded with it, which nobody checks", names(libraries))]
    ForeignLibraries {
        /// As it names them.
        libraries: Vec<String>,
    },
    /// It has libraries looked for in other places than the system's.
    #[error(
        "it has libraries looked for in {}, where nobody checks them",
        names(paths)
    )]
    SearchPaths {
        /// As it names them.
        paths: Vec<String>,
    },
    /// The library could not be loaded.
    #[error("it cannot be loaded: {reason}")]
    Load {
        /// Why.
        reason: String,
    },
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
            RejectionCause::Owner { .. } | RejectionCause::Writable { .. }
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
        match &self.0.cause {
            RejectionCause::Unreadable { source } if explain_io(source).is_some() => {
                explain_io(source).map_or_else(String::new, |explained| explained.help)
            }
            RejectionCause::Unreadable { .. } => {
                "let the user that runs the host read the file".to_owned()
            }
            RejectionCause::Owner { path, user, .. } => format!(
                "if you know where it is from: `chown {user} {}`; or let such files pass with \
                 --allow-insecure-permissions",
                quoted(path)
            ),
            RejectionCause::Writable { path, .. } => format!(
                "`chmod go-w {}`; or let such files pass with --allow-insecure-permissions",
                quoted(path)
            ),
            RejectionCause::ForeignLibraries { .. } => {
                "link them into the plugin; or, if you trust whoever can change them, let such \
                 plugins pass with --allow-foreign-libraries"
                    .to_owned()
            }
            RejectionCause::SearchPaths { .. } => {
                "link the plugin without `-rpath`; or, if you trust whoever can write there, let \
                 such plugins pass with --allow-foreign-libraries"
                    .to_owned()
            }
            RejectionCause::NotAFile { .. } | RejectionCause::NotALibrary { .. } => {
                "remove it from the plugin directory, or put a plugin in its place".to_owned()
            }
            RejectionCause::TooLarge => {
                "strip the library of its debug information, or remove it".to_owned()
            }
            RejectionCause::Format { .. } | RejectionCause::Target { .. } => {
                "get or build the plugin for this host's platform".to_owned()
            }
            RejectionCause::Kind { .. } => {
                "build the plugin with `crate-type = [\"cdylib\"]`".to_owned()
            }
            RejectionCause::Damaged { .. } => {
                "copy the file again: it may be incomplete".to_owned()
            }
            RejectionCause::NoManifest => {
                "if it is meant to be a plugin, does it call `wash_plugin_abi::export!`? If it is \
                 a library that a plugin needs, keep it in another directory"
                    .to_owned()
            }
            RejectionCause::Manifest(_) | RejectionCause::World(_) => {
                "rebuild the plugin with a current wash-plugin-abi; if that does not help, tell \
                 its author"
                    .to_owned()
            }
            RejectionCause::AbiRevision { plugin, host } if plugin > host => format!(
                "update the host, or build the plugin against revision {host} of the plugin ABI"
            ),
            RejectionCause::AbiRevision { host, .. } => {
                format!("build the plugin against revision {host} of the plugin ABI")
            }
            RejectionCause::DuplicateId { .. } => {
                "keep one of the files, or give one of the plugins another id with \
                 `export!(Type, id = \"…\")`"
                    .to_owned()
            }
            RejectionCause::ReservedId { .. } => {
                "remove the file, or give the plugin another id with `export!(Type, id = \"…\")`"
                    .to_owned()
            }
            RejectionCause::DuplicateInterface { .. } => {
                "keep one of the plugins: a host can have only one for each interface".to_owned()
            }
            RejectionCause::Load { reason } if explain_text(reason).is_some() => {
                explain_text(reason).map_or_else(String::new, |explained| explained.help)
            }
            RejectionCause::Load { .. } => {
                "rebuild the plugin; `wash-host plugin inspect FILE` shows what it needs".to_owned()
            }
        }
    }

    /// As plain data.
    #[must_use]
    pub fn to_data(&self) -> RejectionData {
        RejectionData {
            path: self.0.path.display().to_string(),
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
        write!(f, "{}: ", self.0.path.display())?;
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

/// `a`, `b` and `c`
fn names(names: &[String]) -> String {
    list(names.iter().map(|name| format!("`{name}`")))
}

/// `a, b and c`
fn list(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    match items.pop() {
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(list(["a"].iter()), "a");
        assert_eq!(list(["a", "b", "c"].iter()), "a, b and c");
    }

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
