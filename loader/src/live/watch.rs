//! Notices that files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::LivePlugins;
use super::files::Fingerprint;

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watch {
    /// The operating system tells.
    Events,
    /// Look every so often; for file systems that tell nothing, as some network
    /// file systems.
    Poll(Duration),
}

/// Why changes cannot be noticed.
#[derive(Debug, thiserror::Error)]
#[error("the plugin directories cannot be watched: {0}")]
pub struct WatchError(#[from] notify::Error);

/// How long to wait for further events before looking.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// How often to look although nothing was told: events can be lost, and a
/// directory can be replaced by another.
const ANYHOW: Duration = Duration::from_secs(2);

impl LivePlugins {
    /// Follows the files until the returned future is dropped.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell about changes. Look every so often
    /// then: [`Watch::Poll`].
    pub async fn watch(self: &Arc<Self>, how: Watch) -> Result<(), WatchError> {
        let (told, mut is_told) = mpsc::channel(1);
        let mut directories = match how {
            Watch::Events => Some(Directories::new(told)?),
            Watch::Poll(_) => None,
        };
        let pause = match how {
            Watch::Events => ANYHOW,
            Watch::Poll(interval) => interval,
        };
        loop {
            if let Some(directories) = &mut directories {
                directories.follow(self.loader.directories());
            }
            let mut again = pause;
            if self.reconcile().await.is_waiting {
                again = again.min(self.options.settle);
            }
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                told = is_told.recv(), if directories.is_some() => match told {
                    Some(()) => {
                        tokio::time::sleep(DEBOUNCE).await;
                        // One look is enough for all that was told by now.
                        while is_told.try_recv().is_ok() {}
                    }
                    // Nothing tells any more: what is left is to look.
                    None => directories = None,
                },
            }
        }
    }
}

/// The directories that are watched, and what they were when that began.
struct Directories {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, Identity>,
}

/// Tells a directory from another at the same path.
type Identity = (u64, u64);

impl Directories {
    fn new(told: mpsc::Sender<()>) -> Result<Self, WatchError> {
        let watcher = notify::recommended_watcher(move |_event| {
            // An event is only a hint, and so is an error. If the channel is
            // full, a look is due anyway.
            let _ = told.try_send(());
        })?;
        Ok(Self {
            watcher,
            watched: BTreeMap::new(),
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
            if let Err(error) = self.watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::warn!(
                    directory = %directory.display(),
                    "it cannot be watched, and is looked at every {} seconds instead: {error}",
                    ANYHOW.as_secs()
                );
            }
            // If that failed, it is tried again with the next directory there.
            self.watched.insert(directory.to_owned(), now);
        }
    }
}

fn identity(directory: &Path) -> Option<Identity> {
    Fingerprint::of(directory).and_then(|of| of.file())
}
