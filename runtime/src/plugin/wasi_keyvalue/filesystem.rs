//! [`FilesystemKeyValue`].

use wash_capabilities::keyvalue::Filesystem;

use super::SharedKeyValue;

/// `wasi:keyvalue` in folders, one for each bucket, with a file for each key:
/// see [`Filesystem`]. All workloads share them.
pub type FilesystemKeyValue = SharedKeyValue<Filesystem>;

impl FilesystemKeyValue {
    /// Buckets below `root`, which is made when the first bucket is opened.
    #[must_use]
    pub fn new(root: impl Into<std::path::PathBuf>) -> Self {
        Self::of(Filesystem::new(root))
    }
}
