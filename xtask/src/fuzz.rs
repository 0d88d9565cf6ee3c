//! `cargo xtask fuzz`: builds the fuzz targets and what makes worlds for them,
//! and runs one.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::plugins::{self, Profile};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, guests};

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    if args.first().is_some_and(|target| target == "codec") {
        guests::build(workspace, &["values-guest"])?;
        plugins::build(workspace, &["values-plugin"], Profile::Dev)?;
    }
    let mut fuzz = workspace.cargo();
    // Of the whole workspace, so that nothing is built twice for other features.
    fuzz.args(["build", "--workspace", "--bin", "fuzz"]);
    let fuzz = program(&mut fuzz).context("cannot build the fuzz targets")?;

    let mut worlds = cmd::cargo();
    worlds
        .current_dir(workspace.root.join("fuzz/worlds"))
        .env("CARGO_TARGET_DIR", workspace.target.join("fuzz-worlds"))
        .args(["build", "--locked"]);
    let worlds = program(&mut worlds).context("cannot build what makes worlds")?;

    let findings = workspace.target.join("fuzz");
    cmd::echo(
        Command::new(fuzz)
            .arg("--worlds")
            .arg(worlds)
            .arg("--findings")
            .arg(&findings)
            .args(args),
    )
    // What is left there when it could not say so itself.
    .with_context(|| match std::fs::read_to_string(findings.join("running")) {
        Ok(seed) => format!("a seed ended it; again: cargo xtask fuzz {seed}"),
        Err(_) => "the fuzz target failed".to_owned(),
    })
}

fn program(cargo: &mut Command) -> Result<std::path::PathBuf> {
    artifacts::build(cargo)?
        .into_iter()
        .find_map(|artifact| artifact.executable)
        .context("cargo built no program")
}
