//! Measurements, built with optimisations: `cargo xtask bench calls`, `… load`,
//! `… http` and `… updates`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use crate::artifacts::{self, Artifact};
use crate::workspace::Workspace;
use crate::{cmd, files, guests, test};

/// Built together whichever of them is run: alone each would need other
/// features of what they share, and build wasmtime anew.
const PACKAGES: [&str; 4] = ["benches", "bench-http", PLUGIN, VERSIONS];
const PLUGIN: &str = "bench-plugin";
const VERSIONS: &str = "versions-plugin";

/// The measuring programs and what they measure.
struct Benches<'a> {
    workspace: &'a Workspace,
    built: Vec<Artifact>,
    /// Where the figures go, in the target directory.
    folder: &'static str,
}

/// What a call to a loaded plugin costs, beside the same plugin compiled in.
pub(crate) fn calls(workspace: &Workspace, args: &[String]) -> Result<()> {
    Benches::build(workspace)?.calls(args)
}

/// What finding, checking and loading plugins costs, beside the least that it takes.
pub(crate) fn load(workspace: &Workspace, args: &[String]) -> Result<()> {
    Benches::build(workspace)?.load(args)
}

/// What the HTTP server costs, beside the least that serving a component takes.
pub(crate) fn http(workspace: &Workspace) -> Result<()> {
    Benches::build(workspace)?.http(7)
}

/// What updating a plugin costs the requests that go through it.
pub(crate) fn updates(workspace: &Workspace) -> Result<()> {
    Benches::build(workspace)?.updates(10)
}

/// Runs all of them, as briefly as can be and without optimisations: the figures
/// mean nothing, but that there are some.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    let built = artifacts::build(test::programs(&mut cargo)).context("cannot build the benches")?;
    let benches = Benches {
        workspace,
        built,
        folder: "bench-smoke",
    };
    benches.calls(&words("--rounds 1"))?;
    benches.load(&words("--files 20 --plugins 5 --rounds 1"))?;
    benches.http(1)?;
    benches.updates(1)?;
    for name in ["calls", "load", "http", "updates"] {
        let text = std::fs::read(benches.json(name)?)?;
        let figures: Vec<Map<String, Value>> = serde_json::from_slice(&text)?;
        let missing = |figure: &Map<String, Value>| figure.values().any(Value::is_null);
        ensure!(
            !figures.is_empty() && !figures.iter().any(missing),
            "the bench `{name}` wrote no figures, or not all"
        );
    }
    Ok(())
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

impl<'a> Benches<'a> {
    fn build(workspace: &'a Workspace) -> Result<Self> {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--release"]);
        for package in PACKAGES {
            cargo.args(["--package", package]);
        }
        let built = artifacts::build(&mut cargo).context("cannot build the benches")?;
        Ok(Self {
            workspace,
            built,
            folder: "bench",
        })
    }

    fn calls(&self, args: &[String]) -> Result<()> {
        guests::build(self.workspace, &["bench-guest"])?;
        let counts = args.iter().any(|arg| arg == "--instructions");
        let name = if counts {
            "calls-instructions"
        } else {
            "calls"
        };
        cmd::echo(
            self.program("benches")?
                .arg("--plugin")
                .arg(self.library(PLUGIN)?)
                .arg("--json")
                .arg(self.json(name)?)
                .args(args),
        )
    }

    fn load(&self, args: &[String]) -> Result<()> {
        cmd::echo(
            self.program("bench-load")?
                .arg(self.library(PLUGIN)?)
                .arg("--json")
                .arg(self.json("load")?)
                .args(args),
        )
    }

    fn http(&self, rounds: u32) -> Result<()> {
        guests::build(self.workspace, &["http-hello"])?;
        cmd::echo(
            self.program("bench-http")?
                .arg(guests::path(self.workspace, "http-hello"))
                .arg(self.json("http")?)
                .arg(rounds.to_string()),
        )
    }

    fn updates(&self, rounds: u32) -> Result<()> {
        guests::build(self.workspace, &["versions-guest"])?;
        cmd::echo(
            self.program("bench-updates")?
                .arg(self.library(VERSIONS)?)
                .arg(guests::path(self.workspace, "versions-guest"))
                .arg(self.json("updates")?)
                .arg(rounds.to_string()),
        )
    }

    fn program(&self, name: &str) -> Result<Command> {
        let mut paths = self.built.iter().filter_map(|a| a.executable.as_deref());
        paths
            .find(|path| path.file_stem().is_some_and(|stem| stem == name))
            .map(Command::new)
            .with_context(|| format!("cargo built no program called {name}"))
    }

    /// The plugin's library as it would be shipped: without what is for a debugger.
    fn library(&self, name: &str) -> Result<PathBuf> {
        let plugin = self
            .workspace
            .packages
            .iter()
            .find(|package| package.name == name)
            .with_context(|| format!("{name} is no package of this workspace"))?;
        let library = artifacts::find(
            &self.built,
            &plugin.manifest_path,
            std::env::consts::DLL_SUFFIX,
        )?;
        let name = library.file_name().context("a library has a name")?;
        let stripped = self.folder()?.join(name);
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
    fn json(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder()?.join(format!("{name}.json")))
    }

    fn folder(&self) -> Result<PathBuf> {
        let folder = self.workspace.target.join(self.folder);
        files::create_dir(&folder)?;
        Ok(folder)
    }
}
