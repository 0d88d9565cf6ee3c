//! Which files of a directory may be plugins: [`Scan`] and [`Candidate`].

use std::{
    collections::{BTreeMap, BTreeSet},
    env::consts::DLL_SUFFIX,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::rejection::{Rejection, RejectionCause, Stage};
use crate::untrusted::Untrusted;

/// A file that may be a plugin. Nothing of it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    path: PathBuf,
}

/// What a scan found, in the order of the paths.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Scan {
    /// The files that may be plugins.
    pub candidates: Vec<Candidate>,
    /// What has a plugin's name and is no file.
    pub rejections: Vec<Rejection>,
}

/// Why there is nothing to scan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// There is no such directory.
    #[error("the plugin directory {} does not exist", Untrusted::path(path))]
    NoDirectory {
        /// Where it was expected.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{} is not a directory", Untrusted::path(path))]
    NotADirectory {
        /// Its path.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("the plugin {} does not exist", Untrusted::path(path))]
    NoFile {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The operating system does not let us look.
    #[error("cannot read {}", Untrusted::path(path))]
    Unreadable {
        /// Which directory or file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl ScanError {
    /// The directory or file that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::NoDirectory { path }
            | Self::NotADirectory { path }
            | Self::NoFile { path }
            | Self::Unreadable { path, .. } => path,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoDirectory { path } => format!(
                "create it with `mkdir -p {}` and put plugin libraries (*{DLL_SUFFIX}) there, or \
                 name another directory",
                Untrusted::path(path)
            ),
            Self::NotADirectory { .. } => {
                "name the directory that the plugins are in; a single plugin is given as a file"
                    .to_owned()
            }
            Self::NoFile { .. } => "check the path".to_owned(),
            Self::Unreadable { .. } => {
                "let the user that runs the host read it, and enter the directories above it"
                    .to_owned()
            }
        }
    }
}

impl Scan {
    /// The candidates among the entries of a directory.
    ///
    /// A candidate's name ends in the platform's suffix of shared libraries
    /// (`.so`, `.dylib`). Hidden files, and with them the partial downloads of
    /// most tools, are none; subdirectories are not entered. Symbolic links
    /// are followed.
    ///
    /// # Errors
    ///
    /// If the directory is missing, cannot be read, or is something else.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, ScanError> {
        let directory = path.as_ref();
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ScanError::NoDirectory {
                path: directory.to_owned(),
            },
            io::ErrorKind::NotADirectory => ScanError::NotADirectory {
                path: directory.to_owned(),
            },
            _ => ScanError::Unreadable {
                path: directory.to_owned(),
                source,
            },
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if is_candidate_name(entry.file_name().as_encoded_bytes()) {
                paths.push(directory.join(entry.file_name()));
            }
        }
        paths.sort();
        let mut scan = Self::default();
        for path in paths {
            match kind_of(&path) {
                Ok(None) => scan.candidates.push(Candidate { path }),
                Ok(Some(kind)) => {
                    let cause = RejectionCause::NotAFile { kind };
                    scan.rejections
                        .push(Rejection::new(path, Stage::Scan, cause));
                }
                Err(source) => {
                    let cause = RejectionCause::Unreadable { source };
                    scan.rejections
                        .push(Rejection::new(path, Stage::Scan, cause));
                }
            }
        }
        Ok(scan)
    }

    /// One file, whatever its name.
    ///
    /// # Errors
    ///
    /// If there is no such file. One that cannot be read, or is no file, is a
    /// rejection.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, ScanError> {
        let path = path.into();
        let mut scan = Self::default();
        match kind_of(&path) {
            Ok(None) => scan.candidates.push(Candidate { path }),
            Ok(Some(kind)) => {
                let cause = RejectionCause::NotAFile { kind };
                scan.rejections
                    .push(Rejection::new(path, Stage::Scan, cause));
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ScanError::NoFile { path });
            }
            Err(source) => {
                let cause = RejectionCause::Unreadable { source };
                scan.rejections
                    .push(Rejection::new(path, Stage::Scan, cause));
            }
        }
        Ok(scan)
    }

    /// Adds what another scan found, without what this one has already: a file
    /// that is named and lies in a scanned directory is one candidate.
    pub fn merge(&mut self, other: Self) {
        let mut entries = Entries::default();
        for candidate in &self.candidates {
            entries.add(&candidate.path);
        }
        let is_new = |candidate: &Candidate| entries.add(&candidate.path);
        self.candidates
            .extend(other.candidates.into_iter().filter(is_new));
        let mut entries = Entries::default();
        for rejection in &self.rejections {
            entries.add(rejection.path());
        }
        let is_new = |rejection: &Rejection| entries.add(rejection.path());
        self.rejections
            .extend(other.rejections.into_iter().filter(is_new));
    }
}

impl Candidate {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn is_candidate_name(name: &[u8]) -> bool {
    !name.starts_with(b".")
        && name.len() > DLL_SUFFIX.len()
        && name.ends_with(DLL_SUFFIX.as_bytes())
}

/// What the path leads to, if that is not a regular file.
fn kind_of(path: &Path) -> io::Result<Option<&'static str>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(None),
        Ok(metadata) if metadata.is_dir() => Ok(Some("a directory")),
        Ok(_) => Ok(Some("a device, a pipe or a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            Ok(Some("a symbolic link to nothing"))
        }
        Err(error) => Err(error),
    }
}

/// Entries of directories, each once, whatever path leads to its directory.
#[derive(Default)]
struct Entries {
    /// What each directory that was named is, without links.
    directories: BTreeMap<PathBuf, PathBuf>,
    entries: BTreeSet<(PathBuf, OsString)>,
}

impl Entries {
    /// Adds the entry that a path names. Returns whether it is new.
    fn add(&mut self, path: &Path) -> bool {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        let directory = match self.directories.get(parent) {
            Some(directory) => directory.clone(),
            None => {
                let directory = parent.canonicalize().unwrap_or(parent.to_owned());
                self.directories
                    .insert(parent.to_owned(), directory.clone());
                directory
            }
        };
        let name = path.file_name().unwrap_or_default().to_owned();
        self.entries.insert((directory, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |stem: &str, rest: &str| format!("{stem}{DLL_SUFFIX}{rest}");
        for good in [name("libx", ""), name("x", ""), name("a.b", "")] {
            assert!(is_candidate_name(good.as_bytes()), "{good}");
        }
        for bad in [
            name("libx", ".1"),
            name("libx", ".tmp"),
            name("libx", ".part"),
            name(".libx", ""),
            name("", ""),
            "README.md".to_owned(),
        ] {
            assert!(!is_candidate_name(bad.as_bytes()), "{bad}");
        }
    }
}
