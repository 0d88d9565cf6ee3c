//! `cargo build`, with the files it made: as cargo reports them, never guessed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cmd;

/// One line of cargo's report; the other kinds of line have none of the fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    /// The program, if it is one.
    pub(crate) executable: Option<PathBuf>,
}

/// What of a package it was made of.
#[derive(Debug, Default, Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// What for.
#[derive(Debug, Default, Deserialize)]
struct Profile {
    test: bool,
}

/// The program with the unit tests of the library with this manifest.
pub(crate) fn unit_tests<'a>(artifacts: &'a [Artifact], manifest: &Path) -> Result<&'a Path> {
    let found = artifacts.iter().find(|artifact| {
        artifact.profile.test
            && artifact.target.kind.iter().any(|kind| kind == "lib")
            && real(&artifact.manifest_path) == real(manifest)
    });
    found
        .and_then(|artifact| artifact.executable.as_deref())
        .with_context(|| format!("cargo made no unit tests of {}", manifest.display()))
}

/// Cargo resolves links where we may not have.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The file of this kind that cargo made of the package with this manifest.
pub(crate) fn find<'a>(
    artifacts: &'a [Artifact],
    manifest: &Path,
    suffix: &str,
) -> Result<&'a Path> {
    let wanted = real(manifest);
    let is_of_kind = |path: &&PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with(suffix))
    };
    for artifact in artifacts {
        if real(&artifact.manifest_path) == wanted
            && let Some(path) = artifact.filenames.iter().find(is_of_kind)
        {
            return Ok(path);
        }
    }
    bail!("cargo made no {suffix} file of {}", manifest.display())
}

/// Runs a command of cargo that builds, and returns what it made.
pub(crate) fn build(command: &mut Command) -> Result<Vec<Artifact>> {
    command.arg("--message-format=json-render-diagnostics");
    let report = cmd::stdout(command)?;
    let mut artifacts = Vec::new();
    // A build script may print lines of its own.
    for line in report.lines().filter(|line| line.starts_with('{')) {
        let artifact: Artifact = serde_json::from_str(line)
            .with_context(|| format!("cannot understand what cargo reports: {line}"))?;
        if artifact.reason == "compiler-artifact" {
            artifacts.push(artifact);
        }
    }
    Ok(artifacts)
}
