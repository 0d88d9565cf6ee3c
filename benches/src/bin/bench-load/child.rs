//! What runs in a process of its own, as nothing that is loaded goes again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use wash_plugin_loader::{Allow, PluginLoader, Scan, library};
use wash_runtime::host::HostBuilder;

use crate::{bare, ms};

/// The copies lie in the tree that this was built in, whoever owns that.
pub(crate) fn trusted() -> Allow {
    Allow::NOTHING.with_insecure_permissions(true)
}

/// What to do with the libraries of a folder.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Task {
    /// Load each that was inspected and admitted before
    Load,
    /// Open each with the dynamic linker
    Dlopen,
    /// Start a host with all of them
    Host,
    /// Start a host with none of them
    EmptyHost,
}

/// What it took.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Took {
    /// Of the median library.
    pub(crate) each_ms: f64,
    /// Resident memory, divided by the libraries.
    pub(crate) each_kib: f64,
    pub(crate) all_ms: f64,
}

/// Runs a task in a child.
pub(crate) fn spawn(task: Task, folder: &Path) -> Result<Took> {
    let name = task.to_possible_value().context("a task has a name")?;
    let output = Command::new(std::env::current_exe()?)
        .args(["--task", name.get_name()])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the child failed: {}",
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a task here.
pub(crate) fn run(task: Task, folder: &Path) -> Result<Took> {
    match task {
        Task::Load => {
            let before = resident_kib()?;
            let loader = PluginLoader::builder()
                .allow(trusted())
                .directory(folder)
                .build()?;
            let inspection = loader.inspect()?;
            let rejections = inspection.rejections();
            ensure!(rejections.is_empty(), "{rejections:?}");
            let mut kept = Vec::new();
            each(before, inspection.into_admitted(), |plugin| {
                kept.push(library::load(plugin)?);
                Ok(())
            })
        }
        Task::Dlopen => {
            let before = resident_kib()?;
            let candidates = Scan::directory(folder)?.candidates;
            each(before, candidates, |candidate| {
                bare::dlopen(candidate.path())
            })
        }
        Task::Host => start(Some(folder)),
        Task::EmptyHost => start(None),
    }
}

fn each<T>(before: f64, all: Vec<T>, mut task: impl FnMut(T) -> Result<()>) -> Result<Took> {
    let count = all.len() as f64;
    let mut times = Vec::new();
    for one in all {
        let start = Instant::now();
        task(one)?;
        times.push(ms(start.elapsed()));
    }
    Ok(Took {
        all_ms: times.iter().sum(),
        each_ms: crate::median(times),
        each_kib: (resident_kib()? - before) / count,
    })
}

fn start(folder: Option<&Path>) -> Result<Took> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut builder = HostBuilder::new();
        if let Some(folder) = folder {
            let plugins = PluginLoader::builder()
                .allow(trusted())
                .directory(folder)
                .build()?
                .load()?;
            builder = plugins.register(builder)?;
        }
        let host = builder.build()?.start().await?;
        let all_ms = ms(start.elapsed());
        host.stop().await?;
        Ok(Took {
            all_ms,
            ..Took::default()
        })
    })
}

/// Memory of this process: what is resident, and the memory files that it
/// keeps open, of which only what is used is resident.
fn resident_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = |name: &str| -> Result<f64> {
        let rest = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .with_context(|| format!("/proc/self/status has no {name}"))?;
        let kib = rest.split_whitespace().next().unwrap_or_default();
        kib.parse()
            .context("a figure of /proc/self/status is no number")
    };
    // What of a memory file is mapped counts as shared; the whole file counts here.
    let mut files = 0.0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let file = std::fs::read_link(&path).unwrap_or_default();
        if file.to_string_lossy().starts_with("/memfd:wash-plugin") {
            files += std::fs::metadata(&path)?.len() as f64 / 1024.0;
        }
    }
    Ok(line("RssAnon:")? + line("RssFile:")? + files)
}
