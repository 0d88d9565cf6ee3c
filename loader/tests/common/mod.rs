//! What the tests have in common.
#![allow(unreachable_pub, reason = "one program's, and read like a library")]

pub mod cc;
pub mod elf;

use std::path::{Path, PathBuf};

use wash_plugin_loader::Inspected;

pub use elf::{Elf, Note};

/// A directory of files, removed at the end of a test.
pub struct Directory(tempfile::TempDir);

impl Directory {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn plugin(&self, name: &str, id: &str, package: &str) -> PathBuf {
        self.write(name, Elf::plugin(&Note::new(id, package)).bytes())
    }
}

/// Inspects bytes, and says why they are rejected.
pub fn reason(bytes: Vec<u8>) -> String {
    Inspected::from_bytes("x.so", bytes)
        .unwrap_err()
        .cause()
        .to_string()
}
