//! Instructions a call, which repeat where times do not: counted by valgrind,
//! as the difference between a run with more calls and one with fewer.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::subject::Subject;
use crate::{CASES, Options};

/// How long the calls that are counted take without valgrind.
const COUNTED_NS: u64 = 4_000_000;
/// As many at least, and in both runs.
const WARM_UP: u32 = 20;

#[derive(Serialize)]
struct Figure {
    case: String,
    compiled_in: f64,
    loaded: f64,
    ratio: f64,
}

pub(crate) fn print(options: &Options) -> Result<()> {
    println!(
        "{:<26}{:>14}{:>12}{:>9}   instructions a call",
        "case", "compiled in", "loaded", "ratio"
    );
    let mut compiled_in = Subject::compiled_in()?;
    let mut figures = Vec::new();
    for (name, case, size) in CASES
        .iter()
        .filter(|(name, ..)| name.contains(&options.only))
    {
        let warm = compiled_in.run(case, WARM_UP, *size)?.max(1);
        let times = (COUNTED_NS * u64::from(WARM_UP) / warm).clamp(WARM_UP.into(), 30_000);
        let times = u32::try_from(times)?;
        let count = |side| count(&options.plugin, side, name, times);
        let (compiled_in, loaded) = (count("compiled-in")?, count("loaded")?);
        let figure = Figure {
            case: (*name).to_owned(),
            compiled_in,
            loaded,
            ratio: loaded / compiled_in,
        };
        println!(
            "{:<26}{:>14.0}{:>12.0}{:>9.2}",
            figure.case, compiled_in, loaded, figure.ratio
        );
        figures.push(figure);
    }
    crate::write(options, &figures)
}

/// Instructions of one call, as the mean of so many.
fn count(plugin: &Path, side: &str, case: &str, times: u32) -> Result<f64> {
    let few = collected(plugin, side, case, WARM_UP)?;
    let many = collected(plugin, side, case, WARM_UP + times)?;
    Ok((many - few) / f64::from(times))
}

/// Instructions of a whole run.
fn collected(plugin: &Path, side: &str, case: &str, times: u32) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .arg("--plugin")
        .arg(plugin)
        .args(["--only", case, "--profile", side, &times.to_string()])
        .output()
        .context("cannot run valgrind, which counts instructions: install it")?;
    let report = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {report}");
    report
        .lines()
        .find_map(|line| line.split("Collected :").nth(1))
        .and_then(|count| count.trim().parse().ok())
        .with_context(|| format!("valgrind counted nothing: {report}"))
}
