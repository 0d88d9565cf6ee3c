//! Makes the plugins of a host what the files say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::status::Wrong;
use super::{Change, Entry, Fingerprint, LivePlugins, Phase, PluginStatus, Work};
use crate::admit::{Admission, Admitted, Holder, admit_with, conflicts};
use crate::allow::Allow;
use crate::config::PluginsConfig;
use crate::inspect::Inspected;
use crate::rejection::{Rejection, Stage};
use crate::scan::{Candidate, Scan, ScanError};

/// What a look at the files led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Reconciled {
    /// What has changed, in order.
    pub changes: Vec<Change>,
    /// Whether some files are still changing: look again soon.
    pub is_waiting: bool,
}

/// What is to be said of a plugin that is switched off.
const GONE: &str = "its file is gone";

/// A file that was read, as it was when that began.
type Read = (PathBuf, Fingerprint, Result<Inspected, Rejection>);

impl LivePlugins {
    /// Looks at the files, and makes the plugins of the host what they say.
    ///
    /// It never fails as a whole: what is wrong with a file is a
    /// [`Change::Rejected`] or [`Change::Failed`], once, and the rest goes on.
    /// Once begun it is carried through, even if the returned future is dropped:
    /// half an update is none.
    pub async fn reconcile(self: &Arc<Self>) -> Reconciled {
        let this = Arc::clone(self);
        let look = async move {
            let mut work = this.work.lock().await;
            this.reconcile_with(&mut work).await
        };
        carry_through(look).await.unwrap_or_default()
    }

    /// The same, for somebody who asks: directories that cannot be read are told
    /// although they were told before.
    pub async fn reload(self: &Arc<Self>) -> Reconciled {
        let this = Arc::clone(self);
        let look = async move {
            let mut work = this.work.lock().await;
            work.missing.clear();
            this.reconcile_with(&mut work).await
        };
        carry_through(look).await.unwrap_or_default()
    }

    /// The same, by whoever acts.
    pub(super) async fn reconcile_with(self: &Arc<Self>, work: &mut Work) -> Reconciled {
        let mut done = Reconciled::default();
        if self.is_stopped.load(Ordering::Acquire) {
            return done;
        }
        let (scan, mut errors) = self.look().await;
        // A file that is gone from a directory that is there is gone.
        errors.retain(|error| !is_gone_file(error));
        note_missing(work, &errors, &mut done);
        let missing: Vec<PathBuf> = errors.iter().map(|e| e.path().to_owned()).collect();
        let present: BTreeSet<PathBuf> = scan
            .candidates
            .iter()
            .map(|candidate| candidate.path().to_owned())
            .chain(scan.rejections.iter().map(|r| r.path().to_owned()))
            .collect();
        let is_gone = |path: &Path| {
            !present.contains(path) && !missing.iter().any(|root| path.starts_with(root))
        };
        {
            let mut table = self.table();
            table.rejected.retain(|path, _| !is_gone(path));
            // It is still switched off, should it come back.
            for stopped in table.disabled.values_mut().flatten() {
                stopped.reason = is_gone(Path::new(&stopped.path)).then(|| GONE.to_owned());
                stopped.hint = None;
            }
        }
        for rejection in scan.rejections {
            done.changes.extend(self.rejected(&[rejection]));
        }

        let paths = scan.candidates.iter().map(|c| c.path().to_owned());
        let changes = work.files.look(paths, self.options.settle);
        done.is_waiting |= changes.is_waiting;
        let ready: Vec<(Candidate, Fingerprint)> = changes
            .ready
            .into_iter()
            .filter_map(|(path, fingerprint)| {
                let candidate = scan.candidates.iter().find(|c| c.path() == path)?;
                Some((candidate.clone(), fingerprint))
            })
            .collect();
        reload_config(work, !ready.is_empty());
        let mut found = Vec::new();
        for (path, fingerprint, inspected) in read(ready, self.loader.allowed()).await {
            if Fingerprint::of(&path).as_ref() != Some(&fingerprint) {
                // It changed while it was read.
                done.is_waiting = true;
                continue;
            }
            work.files.done(&path, fingerprint);
            match inspected {
                Ok(plugin) => found.push(plugin),
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
                    done.changes.extend(self.rejected(&[rejection]));
                }
            }
        }

        // Before others take their interfaces.
        let gone = self.retire_gone(&found, is_gone);
        if !gone.is_empty() {
            // What was rejected because of them may be admitted now.
            for path in self.table().rejected.keys() {
                work.files.forget(path);
            }
            done.is_waiting = true;
        }
        done.changes.extend(gone);
        let found = found
            .into_iter()
            .filter_map(|plugin| self.compare(plugin, is_gone, &mut done))
            .collect();
        let admitted = self.admit(found, &mut done);
        self.take(admitted, work, &mut done).await;
        done
    }

    async fn look(&self) -> (Scan, Vec<ScanError>) {
        let loader = Arc::clone(&self.loader);
        tokio::task::spawn_blocking(move || loader.look())
            .await
            .unwrap_or_default()
    }

    /// Retires the plugins whose files are gone, unless another file has them.
    fn retire_gone(
        self: &Arc<Self>,
        found: &[Inspected],
        is_gone: impl Fn(&Path) -> bool,
    ) -> Vec<Change> {
        let gone: Vec<String> = self
            .table()
            .plugins
            .iter()
            .filter(|(id, entry)| {
                is_gone(&entry.path) && !found.iter().any(|plugin| plugin.id() == id.as_str())
            })
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter()
            .filter_map(|id| self.retire(id, self.options.force))
            .collect()
    }

    /// Holds a file against the plugin of its id that runs, if there is one.
    /// Returned is what is left to admit.
    fn compare(
        &self,
        plugin: Inspected,
        is_gone: impl Fn(&Path) -> bool,
        done: &mut Reconciled,
    ) -> Option<Inspected> {
        let id = plugin.id().to_owned();
        let mut table = self.table();
        table.rejected.remove(plugin.path());
        if table.disabled.contains_key(&id) {
            return None;
        }
        let Some(entry) = table.plugins.get_mut(&id) else {
            return Some(plugin);
        };
        if entry.path != plugin.path() && !is_gone(&entry.path) {
            // A second file of this plugin; `admit` says so.
            return Some(plugin);
        }
        plugin.path().clone_into(&mut entry.path);
        let is_same = entry.plugin.loaded().sha256() == plugin.sha256();
        let was_retiring = entry.phase == Phase::Retiring;
        if is_same {
            entry.wrong = None;
        }
        drop(table);
        if was_retiring {
            match self.restore(&id) {
                Ok(true) => done.changes.push(Change::Restored { id }),
                // It was retired just now.
                Ok(false) => return Some(plugin),
                Err(error) => done.changes.push(self.failed(&plugin, &error)),
            }
        }
        (!is_same).then_some(plugin)
    }

    /// What may be loaded, of what was found.
    fn admit(&self, found: Vec<Inspected>, done: &mut Reconciled) -> Vec<Admitted> {
        let holders: Vec<Holder> = self
            .table()
            .plugins
            .iter()
            .filter(|(_, entry)| entry.phase == Phase::Running)
            .map(|(id, entry)| Holder {
                path: entry.path.clone(),
                id: id.clone(),
                exports: exports(entry),
            })
            .collect();
        let mut free = Vec::new();
        for plugin in found {
            // Its own earlier version is in nobody's way.
            let is_other = |holder: &&Holder| {
                (holder.id.as_str(), holder.path.as_path()) != (plugin.id(), plugin.path())
            };
            let others: Vec<Holder> = holders.iter().filter(is_other).cloned().collect();
            let causes = conflicts(&plugin, &others);
            if causes.is_empty() {
                free.push(plugin);
                continue;
            }
            let rejections: Vec<Rejection> = causes
                .into_iter()
                .map(|cause| plugin.reject(Stage::Admit, cause))
                .collect();
            done.changes.extend(self.rejected(&rejections));
        }
        let Admission {
            admitted,
            rejections,
        } = admit_with(free, self.loader.reserved(), self.loader.allowed());
        for of_one_file in rejections.chunk_by(|a, b| a.path() == b.path()) {
            done.changes.extend(self.rejected(of_one_file));
        }
        admitted
    }

    fn failed(&self, plugin: &Inspected, error: &anyhow::Error) -> Change {
        let reason = format!("{error:#}");
        tracing::error!(plugin = plugin.id(), "{reason}");
        Change::Failed {
            id: plugin.id().to_owned(),
            path: plugin.path().to_owned(),
            reason,
        }
    }

    /// Reports what is wrong with a file, unless it is known.
    fn rejected(&self, rejections: &[Rejection]) -> Option<Change> {
        let rejection = rejections.first()?;
        let path = rejection.path();
        let wrong = Wrong::of(rejections);
        {
            let mut table = self.table();
            let holder = table.plugins.values_mut().find(|entry| entry.path == path);
            let before = match holder {
                // Its plugin goes on.
                Some(entry) => entry
                    .wrong
                    .replace(wrong.clone())
                    .map(|before| before.reason),
                None => {
                    let status = PluginStatus::rejected(rejection, &wrong);
                    let before = table.rejected.insert(path.to_owned(), status);
                    before.and_then(|before| before.reason)
                }
            };
            if before.as_ref() == Some(&wrong.reason) {
                return None;
            }
        }
        let Wrong { reason, hint } = wrong;
        let hint = hint.unwrap_or_default();
        tracing::warn!(
            path = %path.display(),
            id = rejection.id(),
            reason,
            hint,
            "plugin rejected; whatever runs goes on"
        );
        Some(Change::Rejected {
            path: path.to_owned(),
            id: rejection.id().map(str::to_owned),
            reason,
            hint,
        })
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

fn exports(entry: &Entry) -> Vec<String> {
    let loaded = entry.plugin.loaded();
    loaded.world().exports().map(str::to_owned).collect()
}

/// Reads and inspects files, where that may take its time.
async fn read(files: Vec<(Candidate, Fingerprint)>, allow: Allow) -> Vec<Read> {
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
fn note_missing(work: &mut Work, errors: &[ScanError], done: &mut Reconciled) {
    let missing = errors.iter().map(|error| error.path().to_owned()).collect();
    let before = std::mem::replace(&mut work.missing, missing);
    for error in errors.iter().filter(|e| !before.contains(e.path())) {
        tracing::warn!("{error}; what was loaded from there goes on");
        done.changes.push(Change::Unreadable {
            path: error.path().to_owned(),
            reason: error.to_string(),
        });
    }
}

/// Reads the configuration again, if it came from a file. One that cannot be
/// used leaves the one before in force.
fn reload_config(work: &mut Work, is_needed: bool) {
    let Some(source) = work.config.source().filter(|_| is_needed) else {
        return;
    };
    match PluginsConfig::from_file(source) {
        Ok(config) => work.config = config,
        Err(error) => {
            tracing::warn!("{error}; the configuration as it was before is used");
        }
    }
}
