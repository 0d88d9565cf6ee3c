//! Notices that files change.

use crate::untrusted::Untrusted;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::files::Fingerprint;
use super::{LivePlugins, descriptors};

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watch {
    /// The operating system tells. While it cannot, the files are looked at
    /// every 2 seconds.
    Events,
    /// Look every so often; for file systems that tell nothing, as some network
    /// file systems.
    Poll(Duration),
}

/// How long to wait for further events before looking.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// How often to look although nothing was told: events can be lost, and a
/// directory can be replaced by another.
const ANYHOW: Duration = Duration::from_secs(2);

/// Too many files are open, of this process or this user: the number is the same
/// everywhere.
const EMFILE: i32 = 24;

/// Too many files are open, of all users.
const ENFILE: i32 = 23;

impl LivePlugins {
    /// Follows the files until the returned future is dropped.
    ///
    /// Where the operating system has no means left to tell of changes, that is
    /// logged once, with the limit to raise, and the files are looked at every 2
    /// seconds until it has.
    pub async fn watch(self: &Arc<Self>, how: Watch) {
        let mut told = match how {
            Watch::Events => Told::Unwatched { is_logged: false },
            Watch::Poll(_) => Told::Never,
        };
        let pause = match how {
            Watch::Events => ANYHOW,
            Watch::Poll(interval) => interval,
        };
        loop {
            told.follow(self.loader.directories());
            let mut again = pause;
            if self.reconcile().await.is_waiting {
                again = again.min(self.options.settle);
            }
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                () = told.something() => {}
            }
        }
    }
}

/// Whether the operating system tells of changes.
enum Told {
    /// It is not asked to.
    Never,
    /// It could not be asked to; it is asked again at each look.
    Unwatched { is_logged: bool },
    /// It tells.
    By(Directories, mpsc::Receiver<()>),
}

impl Told {
    /// Has the operating system tell of these directories, if it can.
    fn follow<'a>(&mut self, directories: impl Iterator<Item = &'a Path>) {
        if let Self::Unwatched { is_logged } = self {
            let (sender, receiver) = mpsc::channel(1);
            match Directories::new(sender) {
                Ok(new) => {
                    if *is_logged {
                        tracing::info!("changes of the plugin directories are told again");
                    }
                    *self = Self::By(new, receiver);
                }
                Err(error) if !*is_logged => {
                    tracing::warn!(
                        "the plugin directories cannot be watched, and are looked at every {} \
                         seconds instead: {}",
                        ANYHOW.as_secs(),
                        explain(&error)
                    );
                    *is_logged = true;
                }
                Err(_) => {}
            }
        }
        if let Self::By(watched, _) = self {
            watched.follow(directories);
        }
    }

    /// Waits until something was told, and for what is told right after it.
    async fn something(&mut self) {
        let Self::By(_, receiver) = self else {
            return std::future::pending().await;
        };
        if receiver.recv().await.is_none() {
            // Nothing tells any more: another watcher is made at the next look.
            *self = Self::Unwatched { is_logged: false };
            return std::future::pending().await;
        }
        tokio::time::sleep(DEBOUNCE).await;
        // One look is enough for all that was told by now.
        while receiver.try_recv().is_ok() {}
    }
}

/// The directories that are watched, and what they were when that began.
struct Directories {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, Identity>,
    /// Those that cannot be, which was logged.
    failed: BTreeSet<PathBuf>,
}

/// Tells a directory from another at the same path.
type Identity = (u64, u64);

impl Directories {
    fn new(told: mpsc::Sender<()>) -> notify::Result<Self> {
        let watcher = notify::recommended_watcher(move |_event| {
            // An event is only a hint, and so is an error. If the channel is
            // full, a look is due anyway.
            let _ = told.try_send(());
        })?;
        Ok(Self {
            watcher,
            watched: BTreeMap::new(),
            failed: BTreeSet::new(),
        })
    }

    /// Watches the directories that are there, and no others.
    fn follow<'a>(&mut self, directories: impl Iterator<Item = &'a Path>) {
        for directory in directories {
            let now = identity(directory);
            if self.watched.get(directory) == now.as_ref() {
                continue;
            }
            if self.watched.remove(directory).is_some() {
                // It may be gone already, and the watch with it.
                let _ = self.watcher.unwatch(directory);
            }
            let Some(now) = now else {
                continue;
            };
            match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.failed.remove(directory);
                    self.watched.insert(directory.to_owned(), now);
                }
                // It is tried again at each look.
                Err(error) => {
                    if self.failed.insert(directory.to_owned()) {
                        tracing::warn!(
                            directory = %Untrusted::path(directory),
                            "it cannot be watched, and is looked at every {} seconds instead: {}",
                            ANYHOW.as_secs(),
                            explain(&error)
                        );
                    }
                }
            }
        }
    }
}

fn identity(directory: &Path) -> Option<Identity> {
    Fingerprint::of(directory).and_then(|of| of.file())
}

/// What is wrong, and which limit to raise.
fn explain(error: &notify::Error) -> String {
    let code = match &error.kind {
        notify::ErrorKind::Io(error) => error.raw_os_error(),
        _ => None,
    };
    let is =
        |kind: io::ErrorKind| matches!(&error.kind, notify::ErrorKind::Io(e) if e.kind() == kind);
    if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) || is(io::ErrorKind::StorageFull) {
        return format!(
            "this user has no inotify watch left{}; raise it with `sysctl \
             fs.inotify.max_user_watches=524288`",
            allowed("max_user_watches")
        );
    }
    match code {
        Some(EMFILE) if descriptors::are_used_up() => "this process has no file descriptor left; \
                                                       raise its limit (`ulimit -n`)"
            .to_owned(),
        Some(EMFILE) => format!(
            "this user has no inotify instance left{}; raise it with `sysctl \
             fs.inotify.max_user_instances=1024`",
            allowed("max_user_instances")
        ),
        Some(ENFILE) => "the machine has no open file left; raise it with `sysctl \
                         fs.file-max=1000000`"
            .to_owned(),
        _ => format!("the operating system says: {error}"),
    }
}

/// How many of something inotify allows, as a part of a sentence.
fn allowed(limit: &str) -> String {
    let path = Path::new("/proc/sys/fs/inotify").join(limit);
    match std::fs::read_to_string(path) {
        Ok(number) => format!(" of the {} that it may have", number.trim()),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_to_raise() {
        let io = |code| notify::Error::io(io::Error::from_raw_os_error(code));
        for (error, advice) in [
            (io(24), "fs.inotify.max_user_instances"),
            (io(23), "fs.file-max"),
            (io(28), "fs.inotify.max_user_watches"),
            (
                notify::Error::new(notify::ErrorKind::MaxFilesWatch),
                "fs.inotify.max_user_watches",
            ),
            (io(13), "the operating system says"),
        ] {
            let told = explain(&error);
            assert!(told.contains(advice), "{told}");
        }
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_watched_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut receiver) = mpsc::channel(1);
        let mut directories = Directories::new(sender).unwrap();
        let path = folder.path().join("plugins");
        // As if it had failed: it is not among those that are watched.
        directories.failed.insert(path.clone());
        directories.follow([path.as_path()].into_iter());
        assert!(directories.watched.is_empty(), "it is not there");
        std::fs::create_dir(&path).unwrap();
        directories.follow([path.as_path()].into_iter());
        assert!(directories.watched.contains_key(&path));
        assert!(directories.failed.is_empty());
        std::fs::write(path.join("a.so"), "x").unwrap();
        receiver.recv().await.unwrap();
    }
}
