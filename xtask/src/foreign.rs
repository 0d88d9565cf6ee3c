//! The test plugin as others build it, with other compilers and other versions
//! of tokio: a host has to run plugins that are not of its own build.

use std::collections::HashSet;
use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::progress::Progress;
use crate::workspace::{Package, Workspace};
use crate::{artifacts, cmd, files, other_tokio};

/// The packages to build.
const FOREIGN_PLUGINS: [&str; 1] = ["values-plugin"];

/// A Rust toolchain that rustup knows.
#[derive(Debug)]
pub(crate) struct Toolchain {
    name: String,
    compiler: Compiler,
}

/// What a compiler says about itself.
#[derive(Debug, Eq, PartialEq)]
struct Compiler {
    release: String,
    commit: String,
    host: String,
}

impl Toolchain {
    /// The target that it compiles for by default.
    pub(crate) fn host(&self) -> &str {
        &self.compiler.host
    }

    fn is_nightly(&self) -> bool {
        self.compiler.release.ends_with("-nightly")
    }
}

/// Builds the packages with each other toolchain, and writes down what there is.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("foreign");
    files::create_dir(&folder)?;
    let readme = folder.join("README");
    let mut report = String::new();

    let packages = packages(workspace)?;
    let mut taken = HashSet::new();
    for package in &packages {
        let (library, line) = other_tokio::build(workspace, package)?;
        files::install(&library, &folder.join(other_tokio::NAME))?;
        taken.insert(other_tokio::NAME.to_owned());
        report += &line;
    }
    let (toolchains, skipped) = others(&packages)?;
    for line in skipped {
        eprintln!("foreign: {line}");
        report += &format!("{line}\n");
    }
    if toolchains.is_empty() {
        remove_others(&folder, &taken)?;
        eprintln!(
            "foreign: skipped: only one toolchain installed; `rustup toolchain install` adds one"
        );
        report += "skipped: only one toolchain installed\n";
        return files::write(&readme, report.as_bytes());
    }

    let progress = Progress::new("foreign", toolchains.len());
    for toolchain in &toolchains {
        let Compiler {
            release, commit, ..
        } = &toolchain.compiler;
        // Nightlies of one release differ in their commits only.
        let mut name = release.clone();
        if taken.contains(&name) {
            name = format!("{release}-{}", commit.get(..9).unwrap_or(commit));
        }
        taken.insert(name.clone());
        let libraries = progress
            .aside(&toolchain.name, || {
                build_with(workspace, toolchain, &packages)
            })
            .with_context(|| {
                format!(
                    "cannot build {} with the toolchain {}",
                    FOREIGN_PLUGINS.join(", "),
                    toolchain.name
                )
            })?;
        let mut installed = Vec::new();
        for library in &libraries {
            installed.push(files::install(library, &folder.join(&name))?);
        }
        files::retain_libraries(&folder.join(&name), &installed)?;
        for library in &installed {
            let library = library.strip_prefix(&folder).unwrap_or(library);
            report += &format!(
                "built: {} by rustc {release} ({commit})\n",
                library.display()
            );
        }
        progress.done(&name);
    }
    remove_others(&folder, &taken)?;
    files::write(&readme, report.as_bytes())?;
    progress.finish(&format!("all in {}", workspace.show(&folder)));
    Ok(())
}

/// Removes what an earlier run built, and writes down why there is nothing: the
/// tests must not run on libraries that are older than the workspace.
pub(crate) fn leave_out(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("foreign");
    files::create_dir(&folder)?;
    remove_others(&folder, &HashSet::new())?;
    files::write(
        &folder.join("README"),
        b"skipped: plugins of other compilers are built by `cargo xtask test --all`\n",
    )
}

fn packages(workspace: &Workspace) -> Result<Vec<&Package>> {
    FOREIGN_PLUGINS
        .iter()
        .map(|name| {
            workspace
                .packages
                .iter()
                .find(|package| package.name == *name)
                .with_context(|| {
                    format!(
                        "{name} is no package of this workspace: add it to the members, or take \
                         it from the list in xtask/src/foreign.rs"
                    )
                })
        })
        .collect()
}

/// The toolchains with another compiler than the active one, one of each; and
/// why others are left out.
fn others(packages: &[&Package]) -> Result<(Vec<Toolchain>, Vec<String>)> {
    let active = active()?;
    let mut toolchains: Vec<Toolchain> = Vec::new();
    let mut skipped = Vec::new();
    for (name, compiler) in installed() {
        let Some(compiler) = compiler else {
            skipped.push(format!("skipped: the toolchain {name} does not run"));
            continue;
        };
        let known = toolchains.iter().map(|toolchain| &toolchain.compiler);
        if known.chain([&active]).any(|known| compiler == *known) {
            continue;
        }
        if let Some(minimum) = minimum(packages).filter(|m| compiler.is_older_than(m)) {
            skipped.push(format!(
                "skipped: the toolchain {name} is older than Rust {minimum}"
            ));
            continue;
        }
        toolchains.push(Toolchain { name, compiler });
    }
    Ok((toolchains, skipped))
}

/// The newest nightly toolchain that is new enough, if there is one.
pub(crate) fn nightly(workspace: &Workspace) -> Result<Option<Toolchain>> {
    let packages = packages(workspace)?;
    let minimum = minimum(&packages);
    Ok(installed()
        .into_iter()
        .filter_map(|(name, compiler)| compiler.map(|compiler| Toolchain { name, compiler }))
        .filter(|found| found.is_nightly())
        .filter(|found| !minimum.is_some_and(|minimum| found.compiler.is_older_than(minimum)))
        .max_by_key(|found| numbers(&found.compiler.release)))
}

fn active() -> Result<Compiler> {
    Compiler::ask(&mut cmd::rustc()).context("cannot ask rustc for its version")
}

/// The toolchains that rustup has, and what their compilers say of themselves.
fn installed() -> Vec<(String, Option<Compiler>)> {
    let list = cmd::probe(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    list.lines()
        .filter_map(|line| line.split(' ').next())
        .map(|name| {
            let compiler = Compiler::ask(Command::new("rustup").args(["run", name, "rustc"]));
            (name.to_owned(), compiler)
        })
        .collect()
}

/// The oldest compiler that all of these can be built with.
fn minimum<'a>(packages: &[&'a Package]) -> Option<&'a str> {
    let minimums = packages.iter().filter_map(|p| p.rust_version.as_deref());
    minimums.max_by_key(|version| numbers(version))
}

/// Runs the suite of values in a host that each other compiler built, on the
/// plugins of this one: it must not matter which of the two is the newer.
///
/// A nightly compiler's host is what [`sanitize`](crate::sanitize) runs, with all
/// tests and not only these. To build it without sanitizers, too, takes long.
pub(crate) fn test_hosts(workspace: &Workspace) -> Result<()> {
    let packages = packages(workspace)?;
    let (toolchains, _) = others(&packages)?;
    if toolchains.is_empty() {
        eprintln!("foreign hosts: skipped: only one toolchain installed");
    }
    for toolchain in &toolchains {
        if toolchain.is_nightly() {
            eprintln!(
                "foreign hosts: {}: `cargo xtask sanitize` runs its host",
                toolchain.name
            );
            continue;
        }
        let mut cargo = cargo_of(workspace, toolchain);
        cargo
            .args(["test", "--package", "e2e", "--test", "values"])
            .env("E2E_ARTIFACTS", &workspace.target);
        cmd::echo(&mut cargo).with_context(|| {
            format!(
                "a host built by {} does not run the plugins",
                toolchain.name
            )
        })?;
    }
    Ok(())
}

/// Cargo of another toolchain, with a target directory of its own.
pub(crate) fn cargo_of(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let target = workspace.target.join("foreign-build").join(&toolchain.name);
    let mut cargo = Command::new("rustup");
    cargo.args(["run", &toolchain.name, "cargo"]);
    workspace.locate(&mut cargo);
    cargo.env("CARGO_TARGET_DIR", target);
    // What names the active compiler.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(variable);
    }
    cargo
}

fn build_with(
    workspace: &Workspace,
    toolchain: &Toolchain,
    packages: &[&Package],
) -> Result<Vec<PathBuf>> {
    let mut cargo = cargo_of(workspace, toolchain);
    cargo.arg("build");
    for package in packages {
        cargo.args(["--package", &package.name]);
    }
    let artifacts = artifacts::build(&mut cargo)?;
    packages
        .iter()
        .map(|package| {
            artifacts::find(&artifacts, &package.manifest_path, DLL_SUFFIX).map(Path::to_owned)
        })
        .collect()
}

/// Removes what a toolchain built that is gone since.
fn remove_others(folder: &Path, keep: &HashSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !keep.contains(&name) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Compiler {
    fn is_older_than(&self, minimum: &str) -> bool {
        numbers(&self.release) < numbers(minimum)
    }

    fn ask(rustc: &mut Command) -> Option<Self> {
        Self::parse(&cmd::probe(rustc.arg("-vV"))?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        Some(Self {
            release: field("release:")?,
            commit: field("commit-hash:")?,
            host: field("host:")?,
        })
    }
}

/// `1.95` and `1.95.0-nightly` as numbers that compare.
fn numbers(version: &str) -> [u32; 3] {
    let version = version.split('-').next().unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_told_apart() {
        let text =
            "rustc 1.97.0-nightly\nrelease: 1.97.0-nightly\ncommit-hash: e50aa\nhost: a-b-c\n";
        assert_eq!(
            Compiler::parse(text),
            Some(Compiler {
                release: "1.97.0-nightly".to_owned(),
                commit: "e50aa".to_owned(),
                host: "a-b-c".to_owned(),
            })
        );
        assert_eq!(Compiler::parse("gcc 12"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("1.97.0-nightly") > numbers("1.95"));
        assert!(numbers("1.100.0") > numbers("1.95.1"));
        assert_eq!(numbers("1.95"), numbers("1.95.0"));
    }
}
