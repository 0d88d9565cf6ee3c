//! The plugin libraries, each in the folder of its kind, ready to be scanned.

use std::env::consts::DLL_SUFFIX;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::artifacts::Artifact;
use crate::progress::Progress;
use crate::workspace::{Package, Workspace};
use crate::{artifacts, files};

/// Which of cargo's profiles to build with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// Where packages are, and where their libraries go; the first that matches.
const FOLDERS: [(&str, &str); 3] = [
    ("sample-plugins/faulty", "plugins-faulty"),
    ("sample-plugins", "plugins"),
    ("tests/plugins", "plugins-test"),
];

/// Builds the plugins of these packages, or all if there are none, and puts
/// their libraries into their folders.
pub(crate) fn build(
    workspace: &Workspace,
    names: &[impl AsRef<str>],
    profile: Profile,
) -> Result<()> {
    let packages = select(workspace, names)?;
    let mut cargo = workspace.cargo();
    cargo.arg("build");
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    for (package, _) in &packages {
        cargo.args(["--package", &package.name]);
    }
    // Beside the host, tokio and what depends on it has the features that it has in
    // the tests, and is not built once more.
    cargo.args(["--package", "wash-host"]);
    eprintln!("plugins: {}", names_of(&packages));
    let built = artifacts::build(&mut cargo).context("cannot build the plugins")?;
    install(workspace, &built, names)
}

/// Puts the libraries of these packages, or of all plugins if there are none,
/// from what cargo has built into their folders.
pub(crate) fn install(
    workspace: &Workspace,
    built: &[Artifact],
    names: &[impl AsRef<str>],
) -> Result<()> {
    let packages = select(workspace, names)?;
    let progress = Progress::new("plugins", packages.len());
    let mut libraries = Vec::new();
    for (package, folder) in packages {
        let library = artifacts::find(built, &package.manifest_path, DLL_SUFFIX)?;
        let library = files::install(library, &workspace.target.join(folder))?;
        progress.done(&package.name);
        libraries.push(library);
    }
    if names.is_empty() {
        for (_, folder) in FOLDERS {
            files::retain_libraries(&workspace.target.join(folder), &libraries)?;
        }
    }
    let mut folders: Vec<&Path> = libraries.iter().filter_map(|path| path.parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    let folders: Vec<String> = folders
        .iter()
        .map(|folder| workspace.show(folder).to_string())
        .collect();
    progress.finish(&format!("{} in {}", libraries.len(), folders.join(", ")));
    Ok(())
}

/// Finds the library of a plugin package among what cargo has built.
pub(crate) fn find<'a>(
    workspace: &Workspace,
    built: &'a [Artifact],
    package: &str,
) -> Result<&'a Path> {
    let (package, _) = select(workspace, &[package])?
        .into_iter()
        .next()
        .with_context(|| format!("no plugin package is called {package}"))?;
    artifacts::find(built, &package.manifest_path, DLL_SUFFIX)
}

fn select<'a>(
    workspace: &'a Workspace,
    names: &[impl AsRef<str>],
) -> Result<Vec<(&'a Package, &'static str)>> {
    let mut plugins: Vec<(&Package, &str)> = workspace
        .packages
        .iter()
        .filter(|package| package.is_cdylib())
        .filter_map(|package| {
            let (_, to) = FOLDERS
                .iter()
                .find(|(from, _)| package.is_under(&workspace.root.join(from)))?;
            Some((package, *to))
        })
        .collect();
    if plugins.is_empty() {
        bail!(
            "this workspace has no plugins: a plugin is a package below sample-plugins/ or \
             tests/plugins/ with `crate-type = [\"cdylib\"]`, among the workspace's members"
        );
    }
    for name in names.iter().map(AsRef::as_ref) {
        if !plugins.iter().any(|(package, _)| package.name == name) {
            bail!(
                "no plugin package is called {name}: there are {}",
                names_of(&plugins)
            );
        }
    }
    if !names.is_empty() {
        plugins.retain(|(package, _)| names.iter().any(|name| name.as_ref() == package.name));
    }
    Ok(plugins)
}

fn names_of(plugins: &[(&Package, &str)]) -> String {
    let names: Vec<&str> = plugins.iter().map(|(p, _)| p.name.as_str()).collect();
    names.join(", ")
}
