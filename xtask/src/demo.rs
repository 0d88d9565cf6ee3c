//! The shortest way to see it work: one plugin in a folder, one command that
//! calls it, and the host between them.
//!
//! The components are text, so no compiler for WebAssembly is needed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::progress::Steps;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, files, guests, plugins};

const PLUGIN: &str = "custom-logger";
const CONFIG: &str = "[plugins.custom-logger]\nprefix = \"demo\"\n";

/// What the demonstration and the README's commands run.
const COMPONENTS: [&str; 2] = ["demo-command", "demo-counter"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(Purpose::Demo)?;
    let mut steps = Steps::new("demo", 4);
    steps.next("make the components from text");
    guests::build(workspace, &COMPONENTS)?;

    steps.next("build the plugin and the host; the first time takes some minutes");
    let mut cargo = workspace.cargo();
    // Both at once: apart, their common dependencies would have other features, and
    // be built twice.
    cargo.args(["build", "--package", "wash-host", "--package", PLUGIN]);
    let built = artifacts::build(&mut cargo).context("cannot build the host and the plugin")?;
    let host = built
        .iter()
        .filter_map(|artifact| artifact.executable.as_deref())
        .find(|path| path.file_stem().is_some_and(|name| name == "wash-host"))
        .context("cargo built no program called wash-host")?;

    // A folder with nothing else in it: a host loads all that it finds.
    let folder = workspace.target.join("demo/plugins");
    let library = plugins::find(workspace, &built, PLUGIN)?;
    let installed = files::install(library, &folder)?;
    files::retain_libraries(&folder, &[installed])?;
    let config = workspace.target.join("demo/wash-host.toml");
    files::write(&config, CONFIG.as_bytes())?;

    steps.next("run the component in the host, with the plugin");
    let allow = allow(workspace, &folder);
    cmd::echo(
        Command::new(host)
            .arg("run")
            .arg("--plugins")
            .arg(&folder)
            .arg("--config")
            .arg(&config)
            .args(allow)
            .arg(guests::path(workspace, "demo-command")),
    )?;

    steps.next("list the plugins of the folder");
    cmd::echo(
        Command::new(host)
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
