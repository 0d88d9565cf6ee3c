//! What it costs to find, check and load plugins, beside doing the least with
//! the same files. `cargo xtask bench load` builds and runs it.
//!
//! The files are copies of one library, each with an id and an interface of its
//! own. What is loaded stays loaded, so whatever loads runs in a child process.

mod bare;
mod child;
mod copies;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use child::Task;
use clap::Parser;
use copies::Copies;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wash_plugin_loader::{PluginLoader, Scan};

#[derive(Parser)]
struct Options {
    /// The library of the package bench-plugin, stripped
    plugin: PathBuf,
    /// Where to write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// How many files to scan and inspect
    #[arg(long, default_value_t = 1000)]
    files: usize,
    /// How many plugins to load
    #[arg(long, default_value_t = 100)]
    plugins: usize,
    /// Rounds of each case
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Do this with the files of the folder PLUGIN, and print what it took: how
    /// this program starts itself
    #[arg(long, hide = true)]
    task: Option<Task>,
}

/// A row of the table: what plugins take, beside the least.
#[derive(Serialize)]
struct Figure {
    case: &'static str,
    unit: &'static str,
    plugins: f64,
    least: f64,
    ratio: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(task) = options.task {
        println!(
            "{}",
            serde_json::to_string(&child::run(task, &options.plugin)?)?
        );
        return Ok(());
    }
    let many = Copies::make(&options.plugin, options.files)?;
    let few = Copies::make(&options.plugin, options.plugins)?;
    println!(
        "{} files of {:.1} MiB; {} of them loaded\n",
        options.files,
        many.file_len() as f64 / MIB,
        options.plugins
    );
    println!(
        "{:<44}{:>12}{:>12}{:>9}",
        "case", "plugins", "least", "ratio"
    );
    let rounds = options.rounds;
    let figures = [
        row("scan and inspect | read and hash", "ms", rounds, || {
            Ok((
                ms(inspect(many.folder())?),
                ms(read_and_hash(many.folder())?),
            ))
        })?,
        row("load one, inspected | dlopen", "ms", rounds, || {
            Ok((
                child::spawn(Task::Load, few.folder())?.each_ms,
                child::spawn(Task::Dlopen, few.folder())?.each_ms,
            ))
        })?,
        row("memory of one, loaded | dlopened", "KiB", rounds, || {
            Ok((
                child::spawn(Task::Load, few.folder())?.each_kib,
                child::spawn(Task::Dlopen, few.folder())?.each_kib,
            ))
        })?,
        row("start a host with all | with none", "ms", rounds, || {
            Ok((
                child::spawn(Task::Host, few.folder())?.all_ms,
                child::spawn(Task::EmptyHost, few.folder())?.all_ms,
            ))
        })?,
    ];
    if let Some(path) = options.json {
        std::fs::write(&path, serde_json::to_vec_pretty(&figures)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures in turns, and prints the medians.
fn row(
    case: &'static str,
    unit: &'static str,
    rounds: usize,
    mut measure: impl FnMut() -> Result<(f64, f64)>,
) -> Result<Figure> {
    let (mut plugins, mut least, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first one warms up, and does not count.
    measure()?;
    for _ in 0..rounds {
        let (ours, theirs) = measure()?;
        plugins.push(ours);
        least.push(theirs);
        ratios.push(ours / theirs);
    }
    let figure = Figure {
        case,
        unit,
        plugins: median(plugins),
        least: median(least),
        ratio: median(ratios),
    };
    println!(
        "{:<44}{:>8.2} {:<3}{:>8.2} {:<3}{:>9.2}",
        figure.case, figure.plugins, unit, figure.least, unit, figure.ratio
    );
    Ok(figure)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Scans the folder and inspects each file, as `wash-host plugin list` does.
fn inspect(folder: &Path) -> Result<Duration> {
    let start = Instant::now();
    let loader = PluginLoader::builder()
        .allow(child::trusted())
        .directory(folder)
        .build()?;
    let inspection = loader.inspect()?;
    let took = start.elapsed();
    let rejections = inspection.rejections();
    ensure!(rejections.is_empty(), "{rejections:?}");
    Ok(took)
}

/// The least that a check of the same files takes.
fn read_and_hash(folder: &Path) -> Result<Duration> {
    let start = Instant::now();
    let mut kept = Vec::new();
    for candidate in Scan::directory(folder)?.candidates {
        let bytes = std::fs::read(candidate.path())?;
        kept.push((Sha256::digest(&bytes), bytes));
    }
    Ok(start.elapsed())
}
