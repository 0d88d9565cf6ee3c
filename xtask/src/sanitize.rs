//! The tests under AddressSanitizer, which brings LeakSanitizer: what holds
//! unsafe code and foreign libraries together is looked at by something else
//! than our own eyes. Sanitizers need a nightly compiler.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::foreign::Toolchain;
use crate::progress::Steps;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, foreign, test};

/// What is tested: whole hosts, both sides of the ABI in one program, and the unit
/// tests of what is unsafe. The libraries that hosts load are built as ever: of
/// those, the sanitizer sees what they allocate.
const RUNS: [&[&str]; 2] = [
    &[
        "--lib",
        "--tests",
        "--package",
        "e2e",
        "--package",
        "fuzz",
        "--package",
        "wash-plugin-loader",
    ],
    // Without the compiler's messages, which are about other folders here.
    &["--lib", "--test", "it", "--package", "wash-plugin-abi"],
];

/// WebAssembly traps by signals that are wasmtime's, and runs on stacks of its
/// own.
const OPTIONS: &str = "detect_leaks=1:detect_stack_use_after_return=0:handle_segv=0:\
                       handle_sigbus=0:handle_sigill=0:handle_sigfpe=0";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    setup::prepare(Purpose::Sanitize)?;
    memory(workspace)?;
    let Some(toolchain) = foreign::nightly(workspace)? else {
        eprintln!(
            "sanitize: skipped: no nightly toolchain; `rustup toolchain install nightly` adds one"
        );
        return Ok(());
    };
    let mut steps = Steps::new("sanitize", 4);
    // Some tests run the host's program itself, which is built here, too.
    test::build(workspace, &mut steps)?;
    steps.next("build the plugin of the values' suite with other compilers");
    foreign::build(workspace)?;
    steps.next("build and run the tests with a nightly compiler and its sanitizer");

    // All of them, whatever the first tells.
    let results = RUNS.map(|tests| watched(workspace, &toolchain, tests, args));
    results.into_iter().collect()
}

fn watched(
    workspace: &Workspace,
    toolchain: &Toolchain,
    tests: &[&str],
    args: &[String],
) -> Result<()> {
    let mut cargo = foreign::cargo_of(workspace, toolchain);
    // With a target, the sanitizer is left out of what runs at compile time.
    test::all(&mut cargo)
        .args(["--no-fail-fast", "--target", toolchain.host()])
        .args(tests)
        .args(args)
        .env("RUSTFLAGS", "-Zsanitizer=address")
        // With the lines of the source, each program takes 240 MB; functions have
        // their names without.
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env("ASAN_OPTIONS", OPTIONS)
        .env("E2E_ARTIFACTS", &workspace.target);
    cmd::echo(&mut cargo).context("the sanitizer's run failed")
}

/// The codec and the slab under valgrind and Miri, where they are installed.
fn memory(workspace: &Workspace) -> Result<()> {
    let tests = ["codec", "slab"];
    if cmd::probe(Command::new("valgrind").arg("--version")).is_some() {
        let mut cargo = workspace.cargo();
        cargo.args(["test", "--no-run"]).args(test::TARGETS);
        let built = artifacts::build(&mut cargo).context("cannot build the tests")?;
        let manifest = workspace.root.join("plugin-abi/Cargo.toml");
        let mut valgrind = Command::new("valgrind");
        valgrind.args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite",
        ]);
        valgrind.arg(artifacts::unit_tests(&built, &manifest)?);
        cmd::echo(valgrind.args(tests)).context("valgrind's run failed")?;
    } else {
        eprintln!("sanitize: without valgrind, which is not installed");
    }
    if cmd::probe(cmd::cargo().args(["miri", "--version"])).is_some() {
        let mut cargo = workspace.cargo();
        cargo.args([
            "miri",
            "test",
            "--package",
            "wash-plugin-abi",
            "--lib",
            "--",
        ]);
        cmd::echo(cargo.args(tests)).context("Miri's run failed")?;
    } else {
        eprintln!("sanitize: without Miri, which is not installed");
    }
    Ok(())
}
