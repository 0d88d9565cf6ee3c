//! Makes the plugins of a host what the files say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::change::{Change, Reconciled};
use super::judge::Seen;
use super::{Fingerprint, LivePlugins, Work};
use crate::allow::Allow;
use crate::inspect::Inspected;
use crate::rejection::Rejection;
use crate::scan::{Candidate, Scan, ScanError};

/// A file that was read, as it was when that began.
type Read = (PathBuf, Fingerprint, Result<Inspected, Rejection>);

/// The plugins that a look has read, with the bytes of their libraries.
pub(super) type Fresh = BTreeMap<PathBuf, Inspected>;

impl LivePlugins {
    /// Looks at the plugin files and the configuration file, and makes the
    /// plugins of the host what they say.
    ///
    /// It never fails as a whole: what is wrong with a file is a
    /// [`Change::Rejected`] or [`Change::Failed`], once, and all other plugins
    /// keep running. A file that was rejected is judged again when what it was
    /// rejected for may have changed. A library that did not load or start is
    /// tried again when its file or its configuration has changed, or when
    /// [`reload`](Self::reload) asks for that.
    ///
    /// Once begun, a look is carried through even if the returned future is
    /// dropped, so that no update stays half done.
    pub async fn reconcile(self: &Arc<Self>) -> Reconciled {
        let this = Arc::clone(self);
        let look = async move {
            let mut work = this.work.lock().await;
            this.reconcile_with(&mut work).await
        };
        carry_through(look).await.unwrap_or_default()
    }

    /// Looks as [`reconcile`](Self::reconcile) does, for somebody who asks.
    ///
    /// The configuration file is read again, which is told by
    /// [`Change::Configured`]; all that is rejected is judged again; libraries
    /// that did not load or start are tried once more; and directories that
    /// cannot be read are told again. To wait for files that are still changing,
    /// call [`reconcile`](Self::reconcile) from then on.
    pub async fn reload(self: &Arc<Self>) -> Reconciled {
        let this = Arc::clone(self);
        let look = async move {
            let mut work = this.work.lock().await;
            work.missing.clear();
            work.tried.clear();
            work.settings.ask();
            work.is_due = true;
            this.reconcile_with(&mut work).await
        };
        carry_through(look).await.unwrap_or_default()
    }

    /// Looks as [`reconcile`](Self::reconcile) does, for whoever holds the lock.
    pub(super) async fn reconcile_with(self: &Arc<Self>, work: &mut Work) -> Reconciled {
        let mut done = Reconciled::default();
        if self.is_stopped.load(Ordering::Acquire) {
            return done;
        }
        work.is_due |= work.settings.look(self.options.settle, &mut done);
        let seen = self.look(work, &mut done).await;
        let mut fresh = self.read_changed(work, &seen, &mut done).await;
        // What follows from one change may make another one possible: an
        // interface that is free again, say.
        let most = work.known.len() + work.homes.len();
        for _ in 0..=most {
            if !std::mem::take(&mut work.is_due) {
                break;
            }
            let already = done.changes.len();
            let admitted = self.judge(work, &seen, &mut done);
            self.take(admitted, work, &seen, &mut fresh, &mut done)
                .await;
            let mut new = done.changes.iter().skip(already);
            work.is_due |= new.any(Change::is_of_what_runs);
        }
        work.is_due |= std::mem::take(&mut work.is_short);
        self.note_switched_off(work, &seen);
        done
    }

    /// Looks at the directories, and notes what is gone or is no file.
    async fn look(&self, work: &mut Work, done: &mut Reconciled) -> Seen {
        let loader = Arc::clone(&self.loader);
        let looked = tokio::task::spawn_blocking(move || loader.look()).await;
        let (scan, mut errors): (Scan, Vec<ScanError>) = looked.unwrap_or_default();
        // A file that is gone from a directory that is there is gone.
        errors.retain(|error| !is_gone_file(error));
        work.is_due |= note_missing(work, &errors, done);
        let mut seen = Seen {
            missing: errors.iter().map(|e| e.path().to_owned()).collect(),
            ..Seen::default()
        };
        for candidate in scan.candidates {
            seen.present.insert(candidate.path().to_owned());
            let path = candidate.path().to_owned();
            seen.candidates.insert(path, candidate);
        }
        for rejection in scan.rejections {
            seen.present.insert(rejection.path().to_owned());
            work.is_due |= work.known.other_read(rejection);
        }
        work.is_due |= work.known.forget(|path| seen.is_gone(path));
        work.tried.retain(|path, _| !seen.is_gone(path));
        self.table().rejected.retain(|path, _| !seen.is_gone(path));
        // A file may go before it was ever read.
        work.is_due |= work.homes.values().any(|home| seen.is_gone(&home.path));
        seen
    }

    /// Reads the files that have changed, and have stopped changing.
    async fn read_changed(&self, work: &mut Work, seen: &Seen, done: &mut Reconciled) -> Fresh {
        let paths = seen.candidates.keys().cloned();
        let changes = work.files.look(paths, self.options.settle);
        done.is_waiting |= changes.is_waiting;
        let ready: Vec<(Candidate, Fingerprint)> = changes
            .ready
            .into_iter()
            .filter_map(|(path, fingerprint)| {
                Some((seen.candidates.get(&path)?.clone(), fingerprint))
            })
            .collect();
        let mut fresh = Fresh::new();
        if ready.is_empty() {
            return fresh;
        }
        for (path, fingerprint, inspected) in read(ready, self.loader.allowed()).await {
            if Fingerprint::of(&path).as_ref() != Some(&fingerprint) {
                // It changed while it was read.
                done.is_waiting = true;
                continue;
            }
            work.files.done(&path, fingerprint);
            match inspected {
                Ok(mut plugin) => {
                    work.is_due |= work.known.plugin_read(&mut plugin);
                    fresh.insert(path, plugin);
                }
                Err(rejection) => {
                    if rejection.is_about_permissions() {
                        // Mending a directory does not change the file in it.
                        work.files.forget(&path);
                    }
                    if rejection.may_pass() {
                        // Nor does it change it when its writer lets go of it.
                        work.files.forget(&path);
                        done.is_waiting = true;
                    }
                    work.is_due |= work.known.other_read(rejection);
                }
            }
        }
        fresh
    }
}

/// Does something to its end, whether or not that is waited for.
pub(super) async fn carry_through<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    match tokio::spawn(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!("looking at the plugins broke off: {error}");
            None
        }
    }
}

/// Reads and inspects files, where that may take its time.
pub(super) async fn read(files: Vec<(Candidate, Fingerprint)>, allow: Allow) -> Vec<Read> {
    let reading = move || {
        files
            .into_iter()
            .map(|(candidate, fingerprint)| {
                let path = candidate.path().to_owned();
                (path, fingerprint, candidate.inspect_with(allow))
            })
            .collect()
    };
    tokio::task::spawn_blocking(reading)
        .await
        .unwrap_or_default()
}

/// Whether a file that was named is gone, and not the directory that it was in.
fn is_gone_file(error: &ScanError) -> bool {
    let ScanError::NoFile { path } = error else {
        return false;
    };
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.is_dir(),
        _ => true,
    }
}

/// Reports what was named and is not there, once each time that it goes.
/// Returns whether it is not what was missing at the previous look.
fn note_missing(work: &mut Work, errors: &[ScanError], done: &mut Reconciled) -> bool {
    let missing = errors.iter().map(|error| error.path().to_owned()).collect();
    let before = std::mem::replace(&mut work.missing, missing);
    for error in errors.iter().filter(|e| !before.contains(e.path())) {
        tracing::warn!("{error}; what was loaded from there keeps running");
        done.changes.push(Change::Unreadable {
            path: error.path().to_owned(),
            reason: error.to_string(),
        });
    }
    before != work.missing
}
