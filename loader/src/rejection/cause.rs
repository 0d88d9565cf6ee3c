//! What can be wrong with a file: [`RejectionCause`].

use std::{fmt, io, path::PathBuf};

use wash_plugin_abi::{abi::QUERY_SYMBOL, manifest::ManifestError};

use crate::untrusted::Untrusted;
use crate::{
    foreign::explain_io,
    inspect::{MAX_FILE_LEN, MAX_TOTAL_LEN, Target},
    world::WorldError,
};

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
        Untrusted::path(path)
    )]
    Owner {
        /// The file, or the directory or link on the way to it.
        path: PathBuf,
        /// The number of the user who owns that.
        owner: u32,
        /// The number of the user that runs the host.
        user: u32,
        /// What it is to the plugin.
        place: Place,
    },
    /// Its owner, or that of what leads to it, has no number in the user
    /// namespace that the host runs in.
    #[error(
        "{} belongs to a user who has no number in the host's user namespace, and could put other \
         code there",
        Untrusted::path(path)
    )]
    UnknownOwner {
        /// The file, or the directory or link on the way to it.
        path: PathBuf,
    },
    /// Others can write to it, or to what leads to it.
    #[error(
        "others than its owner can write to {} (its mode is {mode:04o}), and could put other code \
         there",
        Untrusted::path(path)
    )]
    Writable {
        /// The file, or the directory on the way to it.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The number of the user who owns it.
        owner: u32,
        /// The number of the user that runs the host.
        user: u32,
        /// What it is to the plugin.
        place: Place,
        /// Whether a file system is mounted there, as a container's volume is.
        is_mounted: bool,
    },
    /// Somebody has it open for writing.
    #[error("another program has it open for writing, so it may not be whole yet")]
    BeingWritten,
    /// It was changed while it was read, each time.
    #[error("it changed while it was read, so it may not be whole yet")]
    Changed,
    /// Some of its room was reserved and never written.
    #[error("it is not whole: {missing} of its {len} bytes were never written")]
    NotWhole {
        /// How many bytes are missing.
        missing: u64,
        /// How long the file is.
        len: u64,
    },
    /// It is larger than any plugin.
    #[error("it is larger than {} MiB", MAX_FILE_LEN >> 20)]
    TooLarge,
    /// The files that are inspected at once are too large together.
    #[error(
        "its {len} bytes and the other plugins that are inspected are more than {} MiB together",
        MAX_TOTAL_LEN >> 20
    )]
    TooMuch {
        /// How long the file is.
        len: u64,
    },
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
    /// It wants code on the stack.
    #[error(
        "it wants an executable stack, which would make every thread's stack executable in the \
         whole host"
    )]
    ExecutableStack,
    /// Its linker was told that no program is to load it.
    #[error("it is marked as not to be loaded by a program that runs already (`-z nodlopen`)")]
    NotToBeOpened,
    /// It is a library, but no plugin.
    #[error("it is not a wash plugin: it has no plugin manifest")]
    NoManifest,
    /// Its manifest cannot be read.
    #[error("its plugin manifest is not valid: {0}")]
    Manifest(#[source] ManifestError),
    /// Its manifest's WIT cannot be read, or does not match the rest.
    #[error("its plugin manifest is not valid: {0}")]
    World(#[source] WorldError),
    /// What its code reports is another manifest than the file's, or none.
    #[error(
        "its plugin manifest was moved or changed after it was built, and its code reports \
         another one"
    )]
    ManifestEdited,
    /// It has no symbol by which a host finds the plugin.
    #[error(
        "it has a plugin manifest, but exports neither an abi_stable root module nor the symbol \
         `{QUERY_SYMBOL}`"
    )]
    NoEntry,
    /// It speaks another revision of the ABI.
    #[error("it needs revision {plugin} of the plugin ABI, and this host speaks revision {host}")]
    AbiRevision {
        /// What it needs.
        plugin: u32,
        /// What the host speaks.
        host: u32,
    },
    /// Other candidates have the same id.
    #[error("its id `{id}` is also that of {}", some(others.iter().map(|path| Untrusted::path(path)), *more))]
    DuplicateId {
        /// The id.
        id: String,
        /// The first of the other files: [`MAX_OTHERS`](Self::MAX_OTHERS) at
        /// most.
        others: Vec<PathBuf>,
        /// How many more there are.
        more: usize,
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
        some(others.iter().map(|(id, path)| format!("plugin `{id}` ({})", Untrusted::path(path))), *more)
    )]
    DuplicateInterface {
        /// The interface.
        interface: String,
        /// Ids and files of the first of the others:
        /// [`MAX_OTHERS`](Self::MAX_OTHERS) at most.
        others: Vec<(String, PathBuf)>,
        /// How many more there are.
        more: usize,
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
    /// It is built for another C library than the host.
    #[error("it is built for {found} (it needs `{library}`), and this host runs on {host}")]
    OtherLibc {
        /// The C library that it is built for.
        found: &'static str,
        /// The library that tells.
        library: String,
        /// The host's C library.
        host: &'static str,
    },
    /// It needs a library that this machine does not have.
    #[error("it needs {}, which this machine does not have", names(libraries))]
    MissingLibraries {
        /// As it names them.
        libraries: Vec<String>,
    },
    /// It needs versions of symbols that this machine's library does not have.
    #[error(
        "it needs {} of `{library}`, and this machine has {}",
        list(versions.iter()),
        newest.as_deref().unwrap_or("none such")
    )]
    MissingVersions {
        /// The library.
        library: String,
        /// The versions that it lacks.
        versions: Vec<String>,
        /// The newest version of that kind that this machine has.
        newest: Option<String>,
    },
    /// It has relocations that this machine's dynamic linker skips.
    #[error(
        "it has packed relocations (`DT_RELR`), which this machine's dynamic linker does not know \
         and would skip"
    )]
    PackedRelocations,
    /// It is built for smaller memory pages than this machine has.
    #[error(
        "it is built for memory pages of {} KiB, and this machine has pages of {} KiB",
        plugin >> 10,
        host >> 10
    )]
    PageSize {
        /// The size that it is built for, in bytes.
        plugin: u64,
        /// The machine's, in bytes.
        host: u64,
    },
    /// It wants more static thread-local storage than there is.
    #[error(
        "it needs {needs} bytes of static thread-local storage, and the dynamic linker keeps {} \
         for libraries that are loaded while the host runs",
        match room {
            0 => "none".to_owned(),
            room => format!("about {room}"),
        }
    )]
    StaticTls {
        /// What it needs, in bytes.
        needs: u64,
        /// What there is for all such libraries together, in bytes.
        room: u64,
    },
    /// There is no way to hand its bytes to the dynamic linker.
    #[error("it cannot be loaded: {}", tried.join("; "))]
    NoPlace {
        /// What was tried, and why it failed, each.
        tried: Vec<String>,
        /// What to do next.
        advice: String,
    },
    /// The dynamic linker refuses it.
    #[error("it cannot be loaded: {reason}")]
    Linker {
        /// Why.
        reason: String,
        /// What to do next.
        advice: String,
    },
    /// Its code does not keep to the ABI.
    #[error("it cannot be loaded: {reason}")]
    Load {
        /// Why.
        reason: String,
    },
}

/// What something that leads to a plugin's file is to the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file itself.
    File,
    /// A symbolic link in the plugins' directory.
    Link,
    /// The plugins' directory, one in it, or the one that the file is in.
    Directory,
    /// A directory above, or a link there. It belongs to others than the
    /// plugins: advice about it would be dangerous.
    Above,
}

impl RejectionCause {
    /// How many other plugins a conflict names; the rest is counted.
    pub const MAX_OTHERS: usize = 3;
}

/// The others in a conflict: the first few, and how many more there are.
#[derive(Debug)]
pub(crate) struct Others<T> {
    pub(crate) first: Vec<T>,
    pub(crate) more: usize,
}

impl<T> Others<T> {
    /// Takes the first few, and counts the rest.
    pub(crate) fn of<O>(mut all: impl Iterator<Item = O>, told: impl FnMut(O) -> T) -> Self {
        let first = all.by_ref().take(RejectionCause::MAX_OTHERS);
        Self {
            first: first.map(told).collect(),
            more: all.count(),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
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

/// `a, b and 7 more`
fn some(items: impl Iterator<Item = impl fmt::Display>, more: usize) -> String {
    let more = (more > 0).then(|| format!("{more} more"));
    list(items.map(|item| item.to_string()).chain(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(list(["a"].iter()), "a");
        assert_eq!(list(["a", "b", "c"].iter()), "a, b and c");
        assert_eq!(some(["a", "b"].iter(), 0), "a and b");
        assert_eq!(some(["a", "b"].iter(), 7), "a, b and 7 more");
    }
}
