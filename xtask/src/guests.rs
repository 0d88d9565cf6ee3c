//! The guest components: Rust crates with a workspace of their own, and component
//! text, which needs no compiler.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::encode;
use crate::progress::Progress;
use crate::recipe::{Kind, Recipe};
use crate::stamp::{self, Inputs};
use crate::workspace::Workspace;
use crate::{artifacts, cmd, files};

/// One component to be.
#[derive(Debug)]
struct Guest {
    name: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A package of the guests' workspace, and the folder of `tests/wit/` that
    /// it implements.
    Rust { kind: Kind, wit: &'static str },
    /// A file with component text.
    Text(PathBuf),
}

const RUST: &[(&str, Kind, &str)] = &[
    ("bench-guest", Kind::Library, "bench"),
    ("blobstore-guest", Kind::Library, "blobstore"),
    ("calls-guest", Kind::Library, "calls"),
    ("capabilities-guest", Kind::Library, "capabilities"),
    ("channels-guest", Kind::Library, "channels"),
    ("concurrent-guest", Kind::Library, "concurrent"),
    ("http-counter", Kind::Library, "http"),
    ("http-hello", Kind::Library, "http"),
    ("http-log", Kind::Library, "http"),
    ("http-p3", Kind::Library, "http"),
    ("log-command", Kind::Command, "guest"),
    ("log-guest", Kind::Library, "guest"),
    ("messaging-guest", Kind::Library, "messaging"),
    ("resources-guest", Kind::Library, "resources"),
    ("sockets-p2", Kind::Library, "sockets"),
    ("sockets-p3", Kind::Library, "sockets"),
    ("streams-guest", Kind::Library, "streams"),
    ("values-guest", Kind::Library, "values"),
    ("versions-guest", Kind::Library, "versions"),
];

/// Where a guest is, once it was built.
pub(crate) fn path(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target.join("guests").join(format!("{name}.wasm"))
}

/// Builds the guests of these names, or all if there are none.
pub(crate) fn build(workspace: &Workspace, names: &[impl AsRef<str>]) -> Result<()> {
    let guests = select(all(workspace)?, names)?;
    files::create_dir(&workspace.target.join("guests"))?;
    let progress = Progress::new("guests", guests.len());
    let mut built = 0;
    for kind in [Kind::Library, Kind::Command] {
        built += build_rust(workspace, &guests, kind, &progress)?;
    }
    for guest in &guests {
        if let Source::Text(source) = &guest.source {
            built += build_text(workspace, &guest.name, source, &progress)?;
        }
    }
    progress.finish(&format!(
        "{built} built, {} up to date in {}",
        guests.len() - built,
        workspace.show(&workspace.target.join("guests"))
    ));
    Ok(())
}

fn all(workspace: &Workspace) -> Result<Vec<Guest>> {
    let folder = workspace.root.join("tests/guests/text");
    let mut guests = RUST
        .iter()
        .map(|&(name, kind, wit)| Guest {
            name: name.to_owned(),
            source: Source::Rust { kind, wit },
        })
        .collect::<Vec<_>>();
    let entries = fs::read_dir(&folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    guests.extend(entries.iter().map(fs::DirEntry::path).filter_map(|path| {
        let name = path.file_stem()?.to_str()?.to_owned();
        (path.extension()? == "wat").then_some(Guest {
            name,
            source: Source::Text(path),
        })
    }));
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

fn select(mut guests: Vec<Guest>, names: &[impl AsRef<str>]) -> Result<Vec<Guest>> {
    for name in names.iter().map(AsRef::as_ref) {
        if !guests.iter().any(|guest| guest.name == name) {
            let known: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
            bail!("no guest is called {name}: there are {}", known.join(", "));
        }
    }
    if !names.is_empty() {
        guests.retain(|guest| names.iter().any(|name| name.as_ref() == guest.name));
    }
    Ok(guests)
}

/// Builds the Rust guests of one kind, as one cargo call does it fastest, and
/// returns how many.
fn build_rust(
    workspace: &Workspace,
    guests: &[Guest],
    kind: Kind,
    progress: &Progress,
) -> Result<usize> {
    let mine: Vec<(&str, &str)> = guests
        .iter()
        .filter_map(|guest| match guest.source {
            Source::Rust { kind: k, wit } if k == kind => Some((guest.name.as_str(), wit)),
            _ => None,
        })
        .collect();
    if mine.is_empty() {
        return Ok(0);
    }
    let recipe = Recipe::find(kind)?;
    let mut stale = Vec::new();
    for (name, wit) in mine {
        let inputs = rust_inputs(workspace, name, wit, &recipe)?;
        if stamp::is_fresh(&path(workspace, name), inputs) {
            progress.done(&format!("{name} is up to date"));
        } else {
            stale.push((name, wit));
        }
    }
    if stale.is_empty() {
        return Ok(0);
    }

    let folder = workspace.root.join("tests/guests");
    let mut cargo = cmd::cargo();
    cargo
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", workspace.target.join("guests-build"))
        .arg("build");
    for (name, _) in &stale {
        cargo.args(["--package", name]);
    }
    recipe.apply(&mut cargo)?;
    let names: Vec<&str> = stale.iter().map(|(name, _)| *name).collect();
    let what = format!("{} with {}", names.join(", "), recipe.describe());
    let artifacts = progress
        .aside(&what, || artifacts::build(&mut cargo))
        .context("cannot compile the guests")?;

    for (name, wit) in &stale {
        let module = artifacts::find(&artifacts, &folder.join(name).join("Cargo.toml"), ".wasm")?;
        let bytes =
            fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        let component = encode::module(bytes, kind)
            .with_context(|| format!("cannot make a component of {}", module.display()))?;
        // Once more: cargo may just have written the lock file.
        let inputs = rust_inputs(workspace, name, wit, &recipe)?;
        stamp::write(&path(workspace, name), &component, inputs)?;
        progress.done(name);
    }
    Ok(stale.len())
}

fn rust_inputs(workspace: &Workspace, name: &str, wit: &str, recipe: &Recipe) -> Result<Inputs> {
    let guests = workspace.root.join("tests/guests");
    let mut inputs = Inputs::default();
    encode::add_identity(&mut inputs);
    inputs.add("recipe", recipe.identity().as_bytes());
    inputs.add_path(&guests.join("Cargo.toml"))?;
    let lock = guests.join("Cargo.lock");
    if lock.is_file() {
        inputs.add_path(&lock)?;
    }
    inputs
        .add_path(&guests.join(name))?
        .add_path(&workspace.root.join("tests/wit").join(wit))?;
    Ok(inputs)
}

fn build_text(
    workspace: &Workspace,
    name: &str,
    source: &Path,
    progress: &Progress,
) -> Result<usize> {
    let inputs = || -> Result<Inputs> {
        let mut inputs = Inputs::default();
        encode::add_identity(&mut inputs);
        inputs.add_path(source)?;
        Ok(inputs)
    };
    let output = path(workspace, name);
    if stamp::is_fresh(&output, inputs()?) {
        progress.done(&format!("{name} is up to date"));
        return Ok(0);
    }
    let component =
        encode::text(source).with_context(|| format!("{} is wrong", workspace.show(source)))?;
    stamp::write(&output, &component, inputs()?)?;
    progress.done(name);
    Ok(1)
}
