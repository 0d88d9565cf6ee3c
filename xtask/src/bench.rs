//! Measurements, built with optimisations: `cargo xtask bench calls`, `… load`,
//! `… http` and `… updates`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::artifacts::{self, Artifact};
use crate::workspace::Workspace;
use crate::{cmd, files, guests};

/// Built together whichever of them is run: alone each would need other
/// features of what they share, and build wasmtime anew.
const PACKAGES: [&str; 4] = ["benches", "bench-http", PLUGIN, VERSIONS];
const PLUGIN: &str = "bench-plugin";
const VERSIONS: &str = "versions-plugin";

/// What a call to a loaded plugin costs, beside the same plugin compiled in.
pub(crate) fn calls(workspace: &Workspace, args: &[String]) -> Result<()> {
    guests::build(workspace, &["bench-guest"])?;
    let built = build(workspace)?;
    let counts = args.iter().any(|arg| arg == "--instructions");
    let name = if counts {
        "calls-instructions"
    } else {
        "calls"
    };
    cmd::echo(
        Command::new(program(&built, "benches")?)
            .arg("--plugin")
            .arg(library(workspace, &built, PLUGIN)?)
            .arg("--json")
            .arg(json(workspace, name)?)
            .args(args),
    )
}

/// What finding, checking and loading plugins costs, beside the least that it takes.
pub(crate) fn load(workspace: &Workspace, args: &[String]) -> Result<()> {
    let built = build(workspace)?;
    cmd::echo(
        Command::new(program(&built, "bench-load")?)
            .arg(library(workspace, &built, PLUGIN)?)
            .arg("--json")
            .arg(json(workspace, "load")?)
            .args(args),
    )
}

/// What the HTTP server costs, beside the least that serving a component takes.
pub(crate) fn http(workspace: &Workspace) -> Result<()> {
    guests::build(workspace, &["http-hello"])?;
    let built = build(workspace)?;
    cmd::echo(
        Command::new(program(&built, "bench-http")?)
            .arg(guests::path(workspace, "http-hello"))
            .arg(json(workspace, "http")?),
    )
}

/// What updating a plugin costs the requests that go through it.
pub(crate) fn updates(workspace: &Workspace) -> Result<()> {
    guests::build(workspace, &["versions-guest"])?;
    let built = build(workspace)?;
    cmd::echo(
        Command::new(program(&built, "bench-updates")?)
            .arg(library(workspace, &built, VERSIONS)?)
            .arg(guests::path(workspace, "versions-guest"))
            .arg(json(workspace, "updates")?),
    )
}

fn build(workspace: &Workspace) -> Result<Vec<Artifact>> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release"]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    artifacts::build(&mut cargo).context("cannot build the benches")
}

fn program<'a>(built: &'a [Artifact], name: &str) -> Result<&'a Path> {
    built
        .iter()
        .filter_map(|artifact| artifact.executable.as_deref())
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))
        .with_context(|| format!("cargo built no program called {name}"))
}

/// The plugin's library as it would be shipped: without what is for a debugger.
fn library(workspace: &Workspace, built: &[Artifact], name: &str) -> Result<PathBuf> {
    let plugin = workspace
        .packages
        .iter()
        .find(|package| package.name == name)
        .with_context(|| format!("{name} is no package of this workspace"))?;
    let library = artifacts::find(built, &plugin.manifest_path, std::env::consts::DLL_SUFFIX)?;
    let name = library.file_name().context("a library has a name")?;
    let stripped = folder(workspace)?.join(name);
    cmd::run(
        Command::new("strip")
            .arg("-S")
            .arg("-o")
            .arg(&stripped)
            .arg(library),
    )?;
    Ok(stripped)
}

/// Where the figures go.
fn json(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    Ok(folder(workspace)?.join(format!("{name}.json")))
}

fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("bench");
    files::create_dir(&folder)?;
    Ok(folder)
}
