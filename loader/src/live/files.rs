//! Which files have changed, and have stopped changing.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What tells one content of a path from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, file and the time of its last change, where there are such.
    identity: Option<(u64, u64, i64, i64)>,
}

impl Fingerprint {
    /// Of the file that a path leads to.
    pub(super) fn of(path: &Path) -> Option<Self> {
        Some(Self::new(&fs::metadata(path).ok()?))
    }

    /// Device and number of the file, where there are such.
    pub(super) fn file(&self) -> Option<(u64, u64)> {
        self.identity.map(|(device, file, ..)| (device, file))
    }

    fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            Some((
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ))
        };
        #[cfg(not(unix))]
        let identity = None;
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            identity,
        }
    }

    /// Whether the content is this old. A time in the future says nothing.
    fn is_older(&self, than: Duration) -> bool {
        self.modified
            .and_then(|modified| modified.elapsed().ok())
            .is_some_and(|age| age >= than)
    }
}

/// The files that were seen.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<PathBuf, Seen>);

#[derive(Debug)]
struct Seen {
    fingerprint: Fingerprint,
    since: Instant,
    /// Whether it was dealt with as it is now.
    is_done: bool,
}

/// What a look at the files says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Changed or new, and at rest.
    pub(super) ready: Vec<(PathBuf, Fingerprint)>,
    /// Some are still changing: look again soon.
    pub(super) is_waiting: bool,
}

impl Files {
    /// Takes a file as dealt with.
    pub(super) fn done(&mut self, path: &Path, fingerprint: Fingerprint) {
        let seen = Seen {
            fingerprint,
            since: Instant::now(),
            is_done: true,
        };
        self.0.insert(path.to_owned(), seen);
    }

    /// Makes a file be dealt with again.
    pub(super) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// Compares what is there now with what was seen before.
    pub(super) fn look(
        &mut self,
        now: impl IntoIterator<Item = PathBuf>,
        settle: Duration,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut before = std::mem::take(&mut self.0);
        for path in now {
            // Gone since the directory was read: the next look is without it.
            let Some(fingerprint) = Fingerprint::of(&path) else {
                continue;
            };
            let seen = match before.remove(&path) {
                Some(seen) if seen.fingerprint == fingerprint => seen,
                _ => Seen {
                    fingerprint,
                    since: Instant::now(),
                    is_done: false,
                },
            };
            if !seen.is_done {
                let is_at_rest =
                    seen.since.elapsed() >= settle || seen.fingerprint.is_older(settle);
                if is_at_rest {
                    changes.ready.push((path.clone(), seen.fingerprint.clone()));
                } else {
                    changes.is_waiting = true;
                }
            }
            self.0.insert(path, seen);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const SETTLE: Duration = Duration::from_millis(60);

    fn ready(changes: &Changes) -> Vec<&Path> {
        changes
            .ready
            .iter()
            .map(|(path, _)| path.as_path())
            .collect()
    }

    #[test]
    fn a_file_is_ready_once_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.so");
        let mut files = Files::default();
        let look = |files: &mut Files| files.look([path.clone()], SETTLE);
        assert_eq!(look(&mut files), Changes::default(), "it is not there");

        fs::write(&path, "half").unwrap();
        let first = look(&mut files);
        assert!(first.is_waiting && first.ready.is_empty(), "{first:?}");
        sleep(SETTLE);
        fs::write(&path, "half and half").unwrap();
        let grown = look(&mut files);
        assert!(grown.is_waiting && grown.ready.is_empty(), "{grown:?}");
        sleep(SETTLE);
        let rested = look(&mut files);
        assert_eq!(ready(&rested), [path.as_path()]);
        // Until somebody deals with it.
        assert_eq!(look(&mut files), rested);
        let (_, fingerprint) = rested.ready.into_iter().next().unwrap();
        files.done(&path, fingerprint);
        assert_eq!(look(&mut files), Changes::default());

        // One that was finished long ago, and is moved here, is not waited for.
        let other = folder.path().join("other");
        fs::write(&other, "moved").unwrap();
        let past = SystemTime::now() - Duration::from_secs(60);
        fs::File::options()
            .append(true)
            .open(&other)
            .unwrap()
            .set_modified(past)
            .unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(ready(&look(&mut files)), [path.as_path()]);
        files.forget(&path);
        assert_eq!(ready(&look(&mut files)), [path.as_path()]);
    }
}
