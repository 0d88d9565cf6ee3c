//! Many plugins out of one: copies of its library, with other names in the same
//! places, so that each is well-formed.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// What is replaced, and by what: of the same length.
const ID: (&str, &str) = ("bench-plugin", "bench-p");
const PACKAGE: (&str, &str) = ("test:bench", "test:b");

/// A folder of libraries; it goes with the value.
pub(crate) struct Copies {
    folder: TempDir,
    file_len: usize,
}

impl Copies {
    pub(crate) fn make(library: &Path, count: usize) -> Result<Self> {
        let original =
            std::fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
        let folder = tempfile::tempdir_in(library.parent().unwrap_or(Path::new(".")))?;
        for number in 0..count {
            let mut copy = original.clone();
            for (from, prefix) in [ID, PACKAGE] {
                let digits = from.len() - prefix.len();
                let to = format!("{prefix}{number:0digits$}");
                ensure!(
                    to.len() == from.len(),
                    "{count} are too many for names like {to}"
                );
                replace(&mut copy, from.as_bytes(), to.as_bytes());
            }
            let name = format!("libbench{number}{}", std::env::consts::DLL_SUFFIX);
            std::fs::write(folder.path().join(name), copy)?;
        }
        Ok(Self {
            folder,
            file_len: original.len(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file_len(&self) -> usize {
        self.file_len
    }
}

/// Replaces wherever it stands.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() >= from.len()) {
        match rest.strip_prefix(from) {
            Some(_) => {
                for (byte, new) in rest.iter_mut().zip(to) {
                    *byte = *new;
                }
                at += from.len();
            }
            None => at += 1,
        }
    }
}
