//! Which of the known files run, which wait, and which are rejected.
//!
//! Of each plugin that runs, or did when it was switched off, the *home* is
//! noted: the file that it is in. A home keeps the plugin's id and interfaces
//! from others, so whatever came first stays, until that file is gone or has
//! become another plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;

use super::change::{Change, Reconciled};
use super::known::Known;
use super::retire::Why;
use super::status::Wrong;
use super::{Entry, LivePlugins, Phase, PluginStatus, Work};
use crate::admit::{Admission, Admitted, Holder, admit_with, conflicts};
use crate::inspect::Inspected;
use crate::rejection::{Rejection, Stage};
use crate::scan::Candidate;
use crate::untrusted::Untrusted;

/// What is said of a plugin that is switched off.
const GONE: &str = "its file is gone";

/// The file that a plugin is in.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    /// The digest of what was loaded from it last.
    pub(super) sha256: String,
}

/// A library that was loaded or started in vain.
#[derive(Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) sha256: String,
    /// The configuration that it was given.
    pub(super) config: serde_json::Value,
}

/// What a look at the directories has found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The files that may be plugins.
    pub(super) candidates: BTreeMap<PathBuf, Candidate>,
    /// These, and what is there but is no file.
    pub(super) present: BTreeSet<PathBuf>,
    /// What was to be looked at and cannot be.
    pub(super) missing: Vec<PathBuf>,
}

impl Seen {
    /// Whether a file is gone, and not only its directory.
    pub(super) fn is_gone(&self, path: &Path) -> bool {
        !self.present.contains(path) && !self.is_out_of_sight(path)
    }

    fn is_out_of_sight(&self, path: &Path) -> bool {
        self.missing.iter().any(|root| path.starts_with(root))
    }
}

/// Where the plugin of a home is now.
enum Whereabouts {
    /// Where it was, or nobody can tell.
    AtHome,
    /// Only in this other file.
    Moved(PathBuf),
    /// In several other files, of which none is what was loaded.
    Unclear,
    /// In none.
    Gone,
}

impl LivePlugins {
    /// Holds the known files against the plugins that run: retires, moves and
    /// restores plugins, and rejects files. Returned are those to be loaded.
    pub(super) fn judge(
        self: &Arc<Self>,
        work: &mut Work,
        seen: &Seen,
        done: &mut Reconciled,
    ) -> Vec<Admitted> {
        // Before others take the interfaces of what is gone.
        let unclear = self.settle_homes(work, seen, done);
        for rejection in work.known.others() {
            done.changes.extend(self.rejected(from_ref(rejection)));
        }
        let admitted = self.admit(work, seen, &unclear, done);
        admitted
            .into_iter()
            .filter(|plugin| self.is_to_be_loaded(plugin, work, done))
            .collect()
    }

    /// Finds where each plugin is now, and retires those that are nowhere.
    /// Returned are the ids of those that are in several files.
    fn settle_homes(
        self: &Arc<Self>,
        work: &mut Work,
        seen: &Seen,
        done: &mut Reconciled,
    ) -> BTreeSet<String> {
        let mut unclear = BTreeSet::new();
        let ids: Vec<String> = work.homes.keys().cloned().collect();
        for id in ids {
            let Some(home) = work.homes.get_mut(&id) else {
                continue;
            };
            match self.whereabouts(&id, home, &work.known, seen) {
                Whereabouts::AtHome => {}
                Whereabouts::Moved(path) => {
                    home.path.clone_from(&path);
                    self.moved(&id, path);
                }
                Whereabouts::Unclear => {
                    if let Some(entry) = self.table().plugins.get_mut(&id) {
                        let reason = format!(
                            "its file is gone, and several others have its id `{id}`: it keeps \
                             running as it is"
                        );
                        entry.wrong = Some(Wrong {
                            reason,
                            hint: Some("keep one of the files".to_owned()),
                        });
                    }
                    unclear.insert(id);
                }
                Whereabouts::Gone => {
                    work.homes.remove(&id);
                    if let Some(entry) = self.table().plugins.get_mut(&id) {
                        // It was about a file that is not there any more.
                        entry.wrong = None;
                    }
                    let retired = self.retire(&id, self.options.force, Why::Gone);
                    done.changes.extend(retired);
                }
            }
        }
        unclear
    }

    fn whereabouts(&self, id: &str, home: &Home, known: &Known, seen: &Seen) -> Whereabouts {
        if seen.is_out_of_sight(&home.path) {
            return Whereabouts::AtHome;
        }
        if seen.present.contains(&home.path) {
            let other = known
                .plugin(&home.path)
                .filter(|plugin| plugin.id() != id && self.is_admissible(plugin));
            if other.is_none() {
                return Whereabouts::AtHome;
            }
        }
        let is_there = |plugin: &&Inspected| plugin.id() == id && !seen.is_gone(plugin.path());
        let mut copies = known.plugins().filter(is_there).peekable();
        let Some(first) = copies.peek().map(|first| first.path().to_owned()) else {
            return Whereabouts::Gone;
        };
        let copies: Vec<&Inspected> = copies.collect();
        let same = copies.iter().find(|copy| copy.sha256() == home.sha256);
        match (same, copies.as_slice()) {
            (Some(same), _) => Whereabouts::Moved(same.path().to_owned()),
            (None, [_]) => Whereabouts::Moved(first),
            (None, _) => Whereabouts::Unclear,
        }
    }

    /// Whether nothing is wrong with a plugin, whatever the others are.
    fn is_admissible(&self, plugin: &Inspected) -> bool {
        let alone = vec![plugin.clone()];
        let admission = admit_with(alone, self.loader.reserved(), self.loader.allowed());
        admission.rejections.is_empty()
    }

    /// Notes that a plugin is in another file now.
    fn moved(&self, id: &str, path: PathBuf) {
        let mut table = self.table();
        if let Some(Some(stopped)) = table.disabled.get_mut(id) {
            stopped.path = path.to_string_lossy().into_owned();
        }
        if let Some(entry) = table.plugins.get_mut(id) {
            entry.path = path;
            entry.wrong = None;
        }
    }

    /// Brings up to date what is said of plugins that are switched off.
    pub(super) fn note_switched_off(&self, work: &Work, seen: &Seen) {
        let mut table = self.table();
        for (id, stopped) in &mut table.disabled {
            let Some(stopped) = stopped else { continue };
            let path = Path::new(&stopped.path);
            // It is still switched off, should it come back.
            let is_gone = !work.homes.contains_key(id)
                && !seen.is_out_of_sight(path)
                && !work.known.plugins().any(|plugin| plugin.id() == id);
            stopped.reason = is_gone.then(|| GONE.to_owned());
            stopped.hint = None;
        }
    }

    /// What keeps its id and interfaces from others.
    fn holders(&self, work: &Work) -> Vec<Holder> {
        let table = self.table();
        let mut holders = Vec::new();
        for (id, home) in &work.homes {
            let running = table
                .plugins
                .get(id)
                .filter(|entry| entry.phase == Phase::Running)
                .map(exports);
            // One that is switched off, and can be switched on again.
            let at_home = || {
                let plugin = work.known.plugin(&home.path)?;
                let exports = plugin.world().exports().map(str::to_owned);
                (plugin.id() == id).then(|| exports.collect())
            };
            if let Some(exports) = running.or_else(at_home) {
                holders.push(Holder {
                    path: home.path.clone(),
                    id: id.clone(),
                    exports,
                });
            }
        }
        holders
    }

    /// Decides which of the known plugins may be loaded.
    fn admit(
        &self,
        work: &Work,
        seen: &Seen,
        unclear: &BTreeSet<String>,
        done: &mut Reconciled,
    ) -> Vec<Admitted> {
        let holders = self.holders(work);
        let disabled: BTreeSet<String> = self.table().disabled.keys().cloned().collect();
        let mut free = Vec::new();
        for plugin in work.known.plugins() {
            if !seen.present.contains(plugin.path()) {
                continue;
            }
            if disabled.contains(plugin.id()) {
                self.table().rejected.remove(plugin.path());
                continue;
            }
            // Its own earlier version does not conflict with it.
            let is_other = |holder: &&Holder| {
                holder.id != plugin.id()
                    || holder.path != plugin.path() && !unclear.contains(&holder.id)
            };
            let others: Vec<Holder> = holders.iter().filter(is_other).cloned().collect();
            let causes = conflicts(plugin, &others);
            if causes.is_empty() {
                free.push(plugin.clone());
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

    /// Whether a plugin that was admitted does not run as it is. One that is
    /// being retired is restored first.
    fn is_to_be_loaded(&self, plugin: &Admitted, work: &mut Work, done: &mut Reconciled) -> bool {
        let (id, path) = (plugin.id(), plugin.path());
        let config = work.settings.get(id);
        match self.restore(id) {
            Ok(false) => {}
            Ok(true) => {
                done.changes.push(Change::Restored { id: id.to_owned() });
                let sha256 = match self.table().plugins.get_mut(id) {
                    Some(entry) => {
                        path.clone_into(&mut entry.path);
                        entry.plugin.loaded().sha256().to_owned()
                    }
                    None => plugin.sha256().to_owned(),
                };
                let path = path.to_owned();
                work.homes.insert(id.to_owned(), Home { path, sha256 });
            }
            Err(error) => {
                let told = self.not_taken(id, path, Wrong::from(&error), || {
                    PluginStatus::not_loaded(path.to_string_lossy().into_owned(), plugin.facts())
                });
                done.changes.extend(told);
                return false;
            }
        }
        let mut table = self.table();
        if let Some(entry) = table.plugins.get_mut(id)
            && entry.phase == Phase::Running
            && entry.plugin.loaded().sha256() == plugin.sha256()
            && entry.config == config
        {
            entry.wrong = None;
            table.rejected.remove(path);
            work.tried.remove(path);
            return false;
        }
        let now = Tried {
            sha256: plugin.sha256().to_owned(),
            config,
        };
        // Loading it again has to be asked for, or nothing would end it.
        work.tried.get(path) != Some(&now)
    }

    /// Reports what is wrong with a file, unless it is known.
    fn rejected(&self, rejections: &[Rejection]) -> Option<Change> {
        let rejection = rejections.first()?;
        let path = rejection.path();
        let wrong = Wrong::of(rejections);
        {
            let mut table = self.table();
            let holder = table
                .plugins
                .values_mut()
                .find(|entry| entry.path == path && entry.phase == Phase::Running);
            let before = match holder {
                // Its plugin keeps running.
                Some(entry) => {
                    let before = entry.wrong.replace(wrong.clone());
                    before.map(|before| before.reason)
                }
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
            path = %Untrusted::path(path),
            id = rejection.id(),
            reason,
            hint,
            "plugin rejected; running plugins are not affected"
        );
        Some(Change::Rejected {
            path: path.to_owned(),
            id: rejection.id().map(str::to_owned),
            reason,
            hint,
        })
    }
}

fn exports(entry: &Entry) -> Vec<String> {
    let loaded = entry.plugin.loaded();
    loaded.world().exports().map(str::to_owned).collect()
}
