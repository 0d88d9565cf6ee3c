//! The test plugin with another version of tokio than the host's: each library
//! has a runtime of its own, so it must not matter.

use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::workspace::{Package, Workspace};
use crate::{artifacts, cmd, files};

/// Older than any that the workspace would take.
const TOKIO: &str = "1.38.2";

/// Name of its folder beside those of other compilers.
pub(crate) const NAME: &str = "other-tokio";

/// Builds the package in a workspace of its own, as a third party would: the
/// library, and the line that says what it is.
pub(crate) fn build(workspace: &Workspace, package: &Package) -> Result<(PathBuf, String)> {
    let folder = workspace.target.join("foreign-build").join(NAME);
    let manifest = folder.join("plugins/plugin/Cargo.toml");
    let source = package.manifest_path.with_file_name("src").join("lib.rs");
    files::write(
        &manifest,
        cargo_toml(workspace, package, &source).as_bytes(),
    )?;
    // Where the plugin's `bindgen!` looks, seen from its Cargo.toml.
    copy_folder(
        &workspace.root.join("tests/wit/values"),
        &folder.join("wit/values"),
    )?;

    let mut cargo = cmd::cargo();
    cargo
        .args(["build", "--manifest-path"])
        .arg(&manifest)
        .env("CARGO_TARGET_DIR", folder.join("target"));
    let artifacts = artifacts::build(&mut cargo)
        .with_context(|| format!("cannot build {} with tokio {TOKIO}", package.name))?;
    let library = artifacts::find(&artifacts, &manifest, DLL_SUFFIX)?.to_owned();
    Ok((
        library,
        format!("built: {} with tokio {TOKIO}\n", package.name),
    ))
}

fn cargo_toml(workspace: &Workspace, package: &Package, source: &Path) -> String {
    let abi = workspace.root.join("plugin-abi");
    format!(
        "\
[workspace]

[package]
name = {name:?}
version = \"0.1.0\"
edition = \"2024\"

[lib]
crate-type = [\"cdylib\"]
path = {source:?}

[dependencies]
tokio = {{ version = \"={TOKIO}\", default-features = false, features = [\"fs\", \"rt\", \"time\"] }}
wash-plugin-abi = {{ path = {abi:?} }}
",
        name = package.name,
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let contents =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files::write(&to.join(name), &contents)?;
    }
    Ok(())
}
