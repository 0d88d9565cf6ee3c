//! What cargo knows about this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cmd;

/// The workspace of the current directory.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) rust_version: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let mut command = cmd::cargo();
        command.args(["metadata", "--format-version", "1", "--no-deps"]);
        let json = cmd::stdout(&mut command).context("cannot read the workspace")?;
        serde_json::from_str(&json).context("cannot understand what `cargo metadata` says")
    }

    /// Cargo, at the root of this workspace and with its target directory.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cmd::cargo();
        self.locate(&mut command);
        command
    }

    /// Makes a command run at the root, with this target directory. A relative
    /// `CARGO_TARGET_DIR` would mean another folder there.
    pub(crate) fn locate(&self, command: &mut Command) {
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
    }

    /// A path as people want to read it: relative to where they most likely are.
    pub(crate) fn show<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

impl Package {
    /// Whether this package makes a library that can be loaded at run time.
    pub(crate) fn is_cdylib(&self) -> bool {
        let mut made = self.targets.iter().flat_map(|target| &target.crate_types);
        made.any(|made| made == "cdylib")
    }

    /// Whether this package is somewhere below `folder`.
    pub(crate) fn is_under(&self, folder: &Path) -> bool {
        self.manifest_path.starts_with(folder)
    }
}
