//! Measurements, built with optimisations: `cargo xtask bench calls` and `… http`.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{artifacts, cmd, files, guests};

/// What a call to a loaded plugin costs, beside the same plugin compiled in.
pub(crate) fn calls(workspace: &Workspace, args: &[String]) -> Result<()> {
    guests::build(workspace, &["bench-guest"])?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "benches", "--package", "bench-plugin"]);
    let built = artifacts::build(&mut cargo).context("cannot build the benches")?;
    let plugin = workspace
        .packages
        .iter()
        .find(|package| package.name == "bench-plugin")
        .context("bench-plugin is no package of this workspace")?;
    let library =
        artifacts::find(&built, &plugin.manifest_path, std::env::consts::DLL_SUFFIX)?.to_owned();
    let program = built
        .iter()
        .filter_map(|artifact| artifact.executable.as_deref())
        .find(|path| path.file_stem().is_some_and(|name| name == "benches"))
        .context("cargo built no program called benches")?;

    let folder = workspace.target.join("bench");
    files::create_dir(&folder)?;
    cmd::echo(
        Command::new(program)
            .arg("--plugin")
            .arg(&library)
            .arg("--json")
            .arg(folder.join("calls.json"))
            .args(args),
    )
}

/// What the HTTP server costs, beside the least that serving a component takes.
pub(crate) fn http(workspace: &Workspace) -> Result<()> {
    guests::build(workspace, &["http-hello"])?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "bench-http"]);
    let built = artifacts::build(&mut cargo).context("cannot build the bench")?;
    let program = built
        .iter()
        .filter_map(|artifact| artifact.executable.as_deref())
        .find(|path| path.file_stem().is_some_and(|name| name == "bench-http"))
        .context("cargo built no program called bench-http")?;
    cmd::echo(
        Command::new(program)
            .arg(guests::path(workspace, "http-hello"))
            .arg(workspace.target.join("bench").join("http.json")),
    )
}
