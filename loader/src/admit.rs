//! Which plugins may be loaded, decided in one pass over all of them:
//! [`admit`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use wash_plugin_abi::{abi, manifest::Manifest};

use crate::{
    allow::Allow,
    facts::Facts,
    inspect::{Inspected, Linkage},
    machine,
    rejection::{Others, Rejection, RejectionCause, Stage},
    world::World,
};

/// A plugin that may be loaded.
///
/// Only [`admit`] makes one, so code that was not checked cannot be loaded.
#[derive(Debug)]
pub struct Admitted(Inspected);

/// The outcome of [`admit`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Admission {
    /// The plugins that may be loaded, in the order given.
    pub admitted: Vec<Admitted>,
    /// Why the others may not; there can be several rejections of one file.
    pub rejections: Vec<Rejection>,
}

/// Decides which plugins may be loaded.
///
/// A plugin must speak this host's revision of the ABI, and have an id that
/// neither another plugin here nor the host uses. `reserved` are the ids that
/// the host has, each with a name for the one who has it, such as
/// `("wasi-logging", "the built-in plugin")`. No two plugins may serve the same
/// interface in the same version.
///
/// Where two plugins conflict, both are rejected: which one is meant is not for
/// the order of file names to decide. A plugin that is rejected on its own
/// account, for its ABI revision say, does not stand in the way of another.
///
/// A plugin that has the dynamic linker load what nobody checks is refused: see
/// [`Allow::foreign_libraries`]. So is one that this machine's dynamic linker
/// would refuse: for another C library or a newer one, or with more static
/// thread-local storage than there is.
#[must_use]
pub fn admit(candidates: Vec<Inspected>, reserved: &[(String, String)]) -> Admission {
    admit_with(candidates, reserved, Allow::NOTHING)
}

/// The same, where an operator lets some things pass.
#[must_use]
pub fn admit_with(
    candidates: Vec<Inspected>,
    reserved: &[(String, String)],
    allow: Allow,
) -> Admission {
    let on_their_own: Vec<Vec<RejectionCause>> = candidates
        .iter()
        .map(|candidate| check_alone(candidate, reserved, allow))
        .collect();
    let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut by_interface: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (candidate, causes)) in candidates.iter().zip(&on_their_own).enumerate() {
        // One that cannot be loaded anyway is in nobody's way.
        if causes.is_empty() {
            by_id.entry(candidate.id()).or_default().push(index);
            for interface in candidate.world().exports().collect::<BTreeSet<_>>() {
                by_interface.entry(interface).or_default().push(index);
            }
        }
    }
    let mut rejections: Vec<Vec<Rejection>> = Vec::new();
    for (index, (candidate, mut causes)) in candidates.iter().zip(on_their_own).enumerate() {
        let id = candidate.id();
        let namesakes = others(&candidates, by_id.get(id), index).map(Inspected::path);
        causes.extend(duplicate_id(id, namesakes));
        for interface in candidate.world().exports().collect::<BTreeSet<_>>() {
            // Namesakes are two copies of one plugin: that is said above.
            let rivals = others(&candidates, by_interface.get(interface), index)
                .filter(|other| other.id() != id)
                .map(|other| (other.id(), other.path()));
            causes.extend(duplicate_interface(interface, rivals));
        }
        rejections.push(
            causes
                .into_iter()
                .map(|cause| candidate.reject(Stage::Admit, cause))
                .collect(),
        );
    }

    let mut admission = Admission::default();
    for (candidate, rejections) in candidates.into_iter().zip(rejections) {
        if rejections.is_empty() {
            admission.admitted.push(Admitted(candidate));
        } else {
            admission.rejections.extend(rejections);
        }
    }
    admission
}

/// The candidates at these places, but for one.
fn others<'a>(
    candidates: &'a [Inspected],
    places: Option<&'a Vec<usize>>,
    but: usize,
) -> impl Iterator<Item = &'a Inspected> {
    places
        .into_iter()
        .flatten()
        .filter(move |place| **place != but)
        .filter_map(|place| candidates.get(*place))
}

/// A plugin that runs already, and what it takes from others.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) path: PathBuf,
    pub(crate) id: String,
    pub(crate) exports: Vec<String>,
}

/// What a candidate would take from plugins that run: they stay, and it is
/// rejected.
pub(crate) fn conflicts(candidate: &Inspected, holders: &[Holder]) -> Vec<RejectionCause> {
    let id = candidate.id();
    let mut causes = Vec::new();
    let namesakes = holders.iter().filter(|holder| holder.id == id);
    causes.extend(duplicate_id(
        id,
        namesakes.map(|holder| holder.path.as_path()),
    ));
    for interface in candidate.world().exports().collect::<BTreeSet<_>>() {
        let rivals = holders
            .iter()
            .filter(|holder| holder.id != id && holder.exports.iter().any(|e| e == interface))
            .map(|holder| (holder.id.as_str(), holder.path.as_path()));
        causes.extend(duplicate_interface(interface, rivals));
    }
    causes
}

/// What is said of plugins with one id: the first few, so that a thousand of
/// them are told in as many lines.
fn duplicate_id<'a>(id: &str, others: impl Iterator<Item = &'a Path>) -> Option<RejectionCause> {
    let others = Others::of(others, Path::to_owned);
    (!others.is_empty()).then(|| RejectionCause::DuplicateId {
        id: id.to_owned(),
        others: others.first,
        more: others.more,
    })
}

fn duplicate_interface<'a>(
    interface: &str,
    others: impl Iterator<Item = (&'a str, &'a Path)>,
) -> Option<RejectionCause> {
    let others = Others::of(others, |(id, path)| (id.to_owned(), path.to_owned()));
    (!others.is_empty()).then(|| RejectionCause::DuplicateInterface {
        interface: interface.to_owned(),
        others: others.first,
        more: others.more,
    })
}

/// What is wrong with a candidate, whatever the others are.
fn check_alone(
    candidate: &Inspected,
    reserved: &[(String, String)],
    allow: Allow,
) -> Vec<RejectionCause> {
    let mut causes = Vec::new();
    let revision = candidate.manifest().abi_revision;
    if revision != abi::REVISION {
        causes.push(RejectionCause::AbiRevision {
            plugin: revision,
            host: abi::REVISION,
        });
    } else if candidate.linkage().lacks_entry {
        causes.push(RejectionCause::NoEntry);
    }
    let id = candidate.id();
    if let Some((_, owner)) = reserved.iter().find(|(reserved, _)| reserved == id) {
        causes.push(RejectionCause::ReservedId {
            id: id.to_owned(),
            owner: owner.clone(),
        });
    }
    if !allow.foreign_libraries {
        let libraries = candidate.linkage().foreign();
        if !libraries.is_empty() {
            causes.push(RejectionCause::ForeignLibraries { libraries });
        }
        let paths = candidate.linkage().search_paths.clone();
        if !paths.is_empty() {
            causes.push(RejectionCause::SearchPaths { paths });
        }
    }
    causes.extend(machine::objections(candidate.linkage()));
    causes
}

impl Admitted {
    /// Gives back the memory of the file: once it is loaded, the linker has it.
    pub(crate) fn without_bytes(mut self) -> Self {
        self.0.forget_bytes();
        self
    }

    /// Gives it the bytes of its file, if those are what was admitted.
    pub(crate) fn with_bytes_of(self, read: Inspected) -> Option<Self> {
        (self.0.sha256() == read.sha256()).then_some(Self(read))
    }

    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The plugin's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.0.manifest()
    }

    /// Its WIT world.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        self.0.world()
    }

    /// The digest of [`bytes`](Self::bytes), in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.0.sha256()
    }

    /// Exactly the bytes that were inspected, and so the ones to load.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// What it makes the dynamic linker do.
    #[must_use]
    pub fn linkage(&self) -> &Linkage {
        self.0.linkage()
    }

    pub(crate) fn facts(&self) -> Facts {
        self.0.facts()
    }

    /// Takes the admission back.
    pub(crate) fn reject(&self, stage: Stage, cause: RejectionCause) -> Rejection {
        self.0.reject(stage, cause)
    }
}
