//! What a library says of itself, read without running it: [`Inspected`].
//!
//! `dlopen` runs a library's constructors before anyone can object, so
//! everything that can be refused is refused here. The file is input from a
//! stranger: every offset and length in it is checked, and work and memory are
//! bounded by its size.

mod binary;
mod elf;
mod lease;
mod linkage;
mod macho;
mod read;
mod target;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use wash_plugin_abi::manifest::Manifest;

use read::{Contents, Share};

pub(crate) use linkage::is_system_name;
pub use linkage::{Linkage, SymbolVersion};
pub use read::{MAX_FILE_LEN, MAX_TOTAL_LEN};
pub use target::Target;

use crate::{
    allow::Allow,
    facts::Facts,
    rejection::{Rejection, RejectionCause, Stage},
    scan::Candidate,
    world::World,
};

/// A plugin library whose manifest was read. None of its code has run.
#[derive(Clone)]
pub struct Inspected {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What the bytes take of what may be kept, if they were read from a file.
    share: Option<Arc<Share>>,
    sha256: String,
    manifest: Manifest,
    world: Arc<World>,
    linkage: Linkage,
}

impl fmt::Debug for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes: there are megabytes of them.
        f.debug_struct("Inspected")
            .field("path", &self.path)
            .field("sha256", &self.sha256)
            .field("manifest", &self.manifest)
            .field("linkage", &self.linkage)
            .finish_non_exhaustive()
    }
}

impl Candidate {
    /// Reads the file, once, and its manifest.
    ///
    /// # Errors
    ///
    /// If it cannot be read, somebody else can change it, it is being written
    /// or is not whole, it is not a shared library for this machine, or has no
    /// valid manifest. A rejection that
    /// [may pass](Rejection::may_pass) is worth another try.
    pub fn inspect(self) -> Result<Inspected, Rejection> {
        self.inspect_with(Allow::NOTHING)
    }

    /// The same, where an operator lets some things pass.
    ///
    /// # Errors
    ///
    /// As for [`inspect`](Self::inspect).
    pub fn inspect_with(self, allow: Allow) -> Result<Inspected, Rejection> {
        let path = self.path().to_owned();
        match read::read(&path, allow) {
            Ok(Contents::Library { bytes, share }) => {
                let mut inspected = Inspected::from_bytes(path, bytes)?;
                inspected.share = Some(Arc::new(share));
                Ok(inspected)
            }
            Ok(Contents::Other { head, sha256 }) => {
                let facts = Facts {
                    sha256: Some(hex(&sha256)),
                    ..Facts::default()
                };
                let cause = binary::not_a_library(&head);
                Err(Rejection::new(path, Stage::Inspect, cause).with_facts(facts))
            }
            Err(cause) => Err(Rejection::new(path, Stage::Inspect, cause)),
        }
    }
}

impl Inspected {
    /// Inspects bytes that were read from `path`, which is used in messages
    /// only.
    ///
    /// # Errors
    ///
    /// If they are not a shared library for this machine, or have no valid
    /// manifest.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Self, Rejection> {
        let path = path.into();
        let sha256 = hex(&Sha256::digest(&bytes));
        let (manifest, linkage) = match contents(&bytes) {
            Ok(contents) => contents,
            Err(cause) => {
                let facts = Facts {
                    sha256: Some(sha256),
                    ..Facts::default()
                };
                return Err(Rejection::new(path, Stage::Inspect, cause).with_facts(facts));
            }
        };
        match World::parse(&manifest) {
            Ok(world) => {
                let world = Arc::new(world);
                Ok(Self {
                    path,
                    bytes,
                    share: None,
                    sha256,
                    manifest,
                    world,
                    linkage,
                })
            }
            Err(error) => {
                let facts = Facts {
                    id: Some(manifest.id),
                    version: Some(manifest.version),
                    sha256: Some(sha256),
                    abi: Some(manifest.abi_revision),
                    ..Facts::default()
                };
                let cause = RejectionCause::World(error);
                Err(Rejection::new(path, Stage::Inspect, cause).with_facts(facts))
            }
        }
    }

    pub(crate) fn forget_bytes(&mut self) {
        self.bytes = Vec::new();
        self.share = None;
    }

    /// All that was read, but for the bytes.
    pub(crate) fn outline(&mut self) -> Self {
        // Out of the way, as there are megabytes of them.
        let bytes = std::mem::take(&mut self.bytes);
        let share = self.share.take();
        let outline = self.clone();
        (self.bytes, self.share) = (bytes, share);
        outline
    }

    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plugin's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.manifest.id
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its WIT world.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The digest of [`bytes`](Self::bytes), in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Exactly the bytes that were inspected.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it makes the dynamic linker do.
    #[must_use]
    pub fn linkage(&self) -> &Linkage {
        &self.linkage
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            id: Some(self.manifest.id.clone()),
            version: Some(self.manifest.version.clone()),
            sha256: Some(self.sha256.clone()),
            abi: Some(self.manifest.abi_revision),
            exports: Some(self.world.exports().map(str::to_owned).collect()),
            imports: Some(self.world.imports()),
        }
    }

    pub(crate) fn reject(&self, stage: Stage, cause: RejectionCause) -> Rejection {
        Rejection::new(self.path.clone(), stage, cause).with_facts(self.facts())
    }
}

fn contents(bytes: &[u8]) -> Result<(Manifest, Linkage), RejectionCause> {
    let (note, linkage) = binary::read(bytes, &Target::host())?;
    let manifest = Manifest::parse(note).map_err(RejectionCause::Manifest)?;
    Ok((manifest, linkage))
}

/// The names of the versions of symbols that a library has, for instance that
/// of the C library; `None` if it cannot be read.
pub(crate) fn versions_of(library: &[u8]) -> Option<Vec<String>> {
    elf::defined_versions(library)
}

/// Whether a file that begins so is a library or program for this machine.
pub(crate) fn is_for_this_machine(head: &[u8]) -> bool {
    elf::target(head) == Some(Target::host())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}
