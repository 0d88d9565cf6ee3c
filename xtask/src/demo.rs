//! The shortest way to see it work: one plugin in a folder, one command that
//! calls it, and the host between them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::plugins::{self, Profile};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, files, guests};

const PLUGIN: &str = "custom-logger";
const CONFIG: &str = "[plugins.custom-logger]\nprefix = \"demo\"\n";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let libraries = plugins::build(workspace, &[PLUGIN], Profile::Dev)?;
    guests::build(workspace, &["log-command", "log-guest"])?;

    let mut cargo = workspace.cargo();
    // Of the workspace, so that its dependencies are those of everything else here.
    cargo.args(["build", "--workspace", "--bin", "wash-host"]);
    let host = artifacts::build(&mut cargo)
        .context("cannot build the host")?
        .into_iter()
        .filter_map(|artifact| artifact.executable)
        .find(|path| path.file_stem().is_some_and(|name| name == "wash-host"))
        .context("cargo built no program called wash-host")?;

    // A folder with nothing else in it: a host loads all that it finds.
    let folder = workspace.target.join("demo/plugins");
    let mut installed = Vec::new();
    for library in &libraries {
        installed.push(files::install(library, &folder)?);
    }
    files::retain_libraries(&folder, &installed)?;
    let config = workspace.target.join("demo/wash-host.toml");
    files::write(&config, CONFIG.as_bytes())?;

    let allow = allow(workspace, &folder);
    cmd::echo(
        Command::new(&host)
            .arg("run")
            .arg("--plugins")
            .arg(&folder)
            .arg("--config")
            .arg(&config)
            .args(allow)
            .arg(guests::path(workspace, "log-command")),
    )?;
    cmd::echo(
        Command::new(&host)
            .args(["plugin", "list"])
            .args(allow)
            .arg(&folder),
    )
}

/// In a container this may run as another user than the one who owns the tree,
/// as whose own work it is trusted here. The folder is this user's.
fn allow(workspace: &Workspace, folder: &Path) -> Option<&'static str> {
    let differs = owner(&workspace.root) != owner(folder);
    differs.then_some("--allow-insecure-permissions")
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|found| found.uid())
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<u32> {
    None
}
