//! What the commands need of the machine beside Rust: looks for it before
//! anything is compiled, and installs what is missing where that is allowed.
//!
//! Everything that is installed is announced first. With `XTASK_NO_INSTALL` set,
//! nothing is installed, and what is missing is an error that says how to get it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::recipe::{Kind, Recipe, system_root};
use crate::{cmd, files};

/// Forbids to install anything.
const NO_INSTALL: &str = "XTASK_NO_INSTALL";

/// A program that must be on the machine, and the Debian packages that bring it.
#[derive(Debug)]
struct Tool {
    program: &'static str,
    packages: &'static [&'static str],
    /// What it is for, to complete "which …".
    used: &'static str,
    /// Whether the command can do without it.
    is_optional: bool,
}

const COMPILER: Tool = Tool {
    program: "cc",
    packages: &["gcc", "libc6-dev"],
    used: "links programs and compiles the C code of some crates",
    is_optional: false,
};

const TEST_TOOLS: &[Tool] = &[
    Tool {
        program: "curl",
        packages: &["curl", "ca-certificates"],
        used: "the README's commands send requests with",
        is_optional: false,
    },
    Tool {
        program: "redis-server",
        packages: &["redis-server"],
        used: "the tests of key-value stores start",
        is_optional: true,
    },
    Tool {
        program: "nats-server",
        packages: &["nats-server"],
        used: "the tests of key-value stores and messages start",
        is_optional: true,
    },
    Tool {
        program: "patchelf",
        packages: &["patchelf"],
        used: "the tests of edited libraries edit with",
        is_optional: true,
    },
];

const CHECK_TOOLS: &[Tool] = &[Tool {
    program: "valgrind",
    packages: &["valgrind"],
    used: "watches the memory of the codec's tests",
    is_optional: true,
}];

/// Debian's Rust compiler for WebAssembly.
const WASM_PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "wasi-libc"];

/// What a command is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// Run the demonstration, whose components are text
    Demo,
    /// Build guests, and nothing else
    Guests,
    /// Run the tests
    Tests,
    /// Run the tests under sanitizers
    Sanitize,
}

impl Purpose {
    fn tools(self) -> Vec<&'static Tool> {
        let more: &[&[Tool]] = match self {
            Self::Demo | Self::Guests => &[],
            Self::Tests => &[TEST_TOOLS],
            Self::Sanitize => &[TEST_TOOLS, CHECK_TOOLS],
        };
        let more = more.iter().flat_map(|tools| tools.iter());
        std::iter::once(&COMPILER).chain(more).collect()
    }

    fn needs_wasm(self) -> bool {
        self != Self::Demo
    }
}

/// Sees to it that all is there that a command needs.
///
/// # Errors
///
/// If something is missing that the command cannot do without, and cannot be
/// installed. The error names all that is missing, and how to get it.
pub(crate) fn prepare(purpose: Purpose) -> Result<()> {
    let installer = Installer::find();
    if purpose.needs_wasm() && missing_wasm().is_some() {
        installer.add_targets();
    }
    let mut packages: Vec<&str> = Vec::new();
    for tool in purpose.tools() {
        if !is_there(tool) {
            eprintln!("setup: `{}` is missing, which {}", tool.program, tool.used);
            packages.extend(tool.packages);
        }
    }
    if purpose.needs_wasm() && missing_wasm().is_some() {
        eprintln!("setup: a Rust compiler for WebAssembly is missing, which builds the guests");
        packages.extend(WASM_PACKAGES);
    }
    if !packages.is_empty() {
        installer.add_packages(&packages);
    }
    check(purpose)
}

/// Reports all that is still missing: what is optional as a note, the rest as
/// one error.
fn check(purpose: Purpose) -> Result<()> {
    let mut missing = Vec::new();
    for tool in purpose.tools().into_iter().filter(|tool| !is_there(tool)) {
        let how = format!("on Debian `apt-get install {}`", tool.packages.join(" "));
        if tool.is_optional {
            eprintln!("setup: going on without `{}` ({how})", tool.program);
        } else {
            missing.push(format!("`{}`, which {}: {how}", tool.program, tool.used));
        }
    }
    if purpose.needs_wasm() {
        missing.extend(missing_wasm());
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("this machine lacks:\n  {}", missing.join("\n  "))
}

fn is_there(tool: &Tool) -> bool {
    // cargo and the crates that compile C use the compiler that is named.
    let is_named = tool.program == COMPILER.program && env::var_os("CC").is_some();
    is_named || on_path(tool.program)
}

fn on_path(program: &str) -> bool {
    find(program).is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Why guests cannot be compiled, if they cannot.
fn missing_wasm() -> Option<String> {
    [Kind::Library, Kind::Command]
        .into_iter()
        .find_map(|kind| Recipe::find(kind).err())
        .map(|error| error.to_string())
}

/// What can install something here.
#[derive(Debug)]
struct Installer {
    has_rustup: bool,
    has_apt: bool,
}

impl Installer {
    fn find() -> Self {
        let is_allowed = env::var_os(NO_INSTALL).is_none();
        Self {
            has_rustup: is_allowed && on_path("rustup"),
            has_apt: is_allowed && on_path("apt-get") && is_root(),
        }
    }

    /// Adds the WebAssembly targets to the active toolchain, where rustup can.
    fn add_targets(&self) {
        if !self.has_rustup {
            return;
        }
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add"]);
        rustup.args([Kind::Library, Kind::Command].map(Kind::target));
        eprintln!("setup: adding the WebAssembly targets to the Rust toolchain");
        if let Err(error) = cmd::echo(&mut rustup) {
            eprintln!("setup: that did not work ({error}); trying another way");
        }
    }

    fn add_packages(&self, packages: &[&str]) {
        if !self.has_apt {
            return;
        }
        eprintln!("setup: installing Debian packages: {}", packages.join(" "));
        let _quiet = NoServices::begin();
        let run = |arguments: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
            cmd::echo(&mut apt)
        };
        let install = ["install", "-y", "-q", "--no-install-recommends"];
        let arguments: Vec<&str> = install.iter().chain(packages).copied().collect();
        let installed = run(&["update", "-q"]).and_then(|()| run(&arguments));
        if let Err(error) = installed {
            eprintln!("setup: that did not work ({error})");
        }
    }
}

fn is_root() -> bool {
    cmd::probe(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// While this lives, Debian does not start servers that it installs: the tests
/// start their own, and end them.
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn begin() -> Self {
        let policy = system_root().join("usr/sbin/policy-rc.d");
        // The machine's own policy is left alone.
        let is_written = !policy.exists()
            && fs::write(&policy, "#!/bin/sh\nexit 101\n").is_ok()
            && files::make_executable(&policy).is_ok();
        Self(is_written.then_some(policy))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}
