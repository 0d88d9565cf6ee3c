//! Every test, with everything that tests need built before.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::progress::Steps;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, foreign, guests, plugins, readme};

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

/// Builds what the tests and the sanitizers need: guests, programs and plugins.
pub(crate) fn build(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.next("build the guest components");
    guests::build(workspace, &ALL)?;

    steps.next("build the tests and the plugins; wasmtime and its compiler take longest");
    let mut cargo = workspace.cargo();
    let built = artifacts::build(programs(&mut cargo)).context("cannot build the tests")?;
    plugins::install(workspace, &built, &ALL)
}

/// Runs every test. With `other_compilers`, also those that need plugins, or
/// hosts, of other compilers and of other versions of tokio.
pub(crate) fn run(workspace: &Workspace, other_compilers: bool, args: &[String]) -> Result<()> {
    setup::prepare(Purpose::Tests)?;
    let mut steps = Steps::new("test", if other_compilers { 7 } else { 5 });
    build(workspace, &mut steps)?;
    if other_compilers {
        steps.next("build the plugin of the values' suite with other compilers");
        foreign::build(workspace)?;
    } else {
        foreign::leave_out(workspace)?;
    }

    steps.next("run the tests");
    let mut tests = workspace.cargo();
    // The documentation's examples come next.
    cmd::echo(all(&mut tests).args(TARGETS).args(args))?;

    steps.next("run the documentation's examples");
    let mut examples = workspace.cargo();
    // Of all packages, as above, also of those that have none: cargo says so.
    cmd::echo(examples.args(["test", "--doc", "--workspace"]))?;

    if other_compilers {
        steps.next("run the values' suite in hosts of other compilers");
        foreign::test_hosts(workspace)?;
    }
    steps.next("run the README's commands");
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
