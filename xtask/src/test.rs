//! Every test, with everything that tests need built before.

use std::process::Command;

use anyhow::Result;

use crate::plugins::{self, Profile};
use crate::workspace::Workspace;
use crate::{cmd, foreign, guests, readme};

const ALL: [&str; 0] = [];

/// What is built for the tests. Whoever needs a part of it builds all of it: with
/// other packages or targets, dependencies would have other features, and be built
/// anew.
pub(crate) const TARGETS: [&str; 5] = ["--workspace", "--lib", "--bins", "--tests", "--examples"];

/// Has cargo build them for who runs programs, not tests.
pub(crate) fn programs(cargo: &mut Command) -> &mut Command {
    // `cargo build` would build the macros once more, for themselves, and whatever
    // uses them for that.
    cargo
        .arg("build")
        .args(TARGETS)
        .args(["--exclude", "wash-plugin-macros"])
}

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    guests::build(workspace, &ALL)?;
    plugins::build(workspace, &ALL, Profile::Dev)?;
    foreign::build(workspace)?;

    let mut tests = workspace.cargo();
    // The documentation's examples come next.
    cmd::echo(all(&mut tests).args(TARGETS).args(args))?;

    // Of all packages, as above, also of those that have none: cargo says so.
    let mut examples = workspace.cargo();
    cmd::echo(examples.args(["test", "--doc", "--workspace"]))?;
    foreign::test_hosts(workspace)?;
    readme::run(workspace)
}

/// Runs tests, each in a process of its own where nextest is there: what goes wrong
/// in one then says so by itself.
pub(crate) fn all(cargo: &mut Command) -> &mut Command {
    match cmd::probe(cmd::cargo().args(["nextest", "--version"])) {
        Some(_) => cargo.args(["nextest", "run"]),
        None => cargo.arg("test"),
    }
}
