//! Every test, with everything that tests need built before.

use anyhow::Result;

use crate::plugins::{self, Profile};
use crate::workspace::Workspace;
use crate::{cmd, foreign, guests, readme};

const ALL: [&str; 0] = [];

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    guests::build(workspace, &ALL)?;
    plugins::build(workspace, &ALL, Profile::Dev)?;
    foreign::build(workspace)?;

    let has_nextest = cmd::probe(cmd::cargo().args(["nextest", "--version"])).is_some();
    let mut tests = workspace.cargo();
    if has_nextest {
        tests.args(["nextest", "run", "--workspace"]);
    } else {
        // Without the documentation's examples, which come next.
        tests.args(["test", "--workspace", "--all-targets"]);
    }
    cmd::echo(tests.args(args))?;

    let mut examples = workspace.cargo();
    examples.args(["test", "--doc", "--workspace"]);
    // Cargo would say of each of these that it has none.
    for package in workspace.packages.iter().filter(|p| !p.has_examples()) {
        examples.args(["--exclude", &package.name]);
    }
    cmd::echo(&mut examples)?;
    foreign::test_hosts(workspace)?;
    readme::run(workspace)
}
