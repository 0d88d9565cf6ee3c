//! What a call to a loaded plugin costs, beside the same plugin compiled in.
//!
//! Both run in one process, on the same guest, and take turns round by round,
//! so that whatever else the machine does meets both: the ratio of a round is
//! what counts, and the median of all rounds is what is written down.
//! `cargo xtask bench calls` builds and runs it; with `--instructions` it counts
//! instructions instead, which repeat on a machine that is busy, too.

mod compiled_in;
mod instructions;
mod subject;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::Serialize;
use subject::Subject;

#[derive(Parser)]
struct Options {
    /// The library of the package bench-plugin
    #[arg(long)]
    plugin: PathBuf,
    /// Where to write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Rounds of each case
    #[arg(long, default_value_t = 31)]
    rounds: u32,
    /// Count instructions instead of time, with valgrind
    #[arg(long)]
    instructions: bool,
    /// Run one side of a case so many times, and nothing else: for a profiler
    #[arg(long, value_names = ["compiled-in|loaded", "TIMES"], num_args = 2)]
    profile: Vec<String>,
}

/// A case: its name in the table, the guest's name for it, and a size.
const CASES: &[(&str, &str, u32)] = &[
    ("add(u32, u32)", "add", 0),
    ("log, 70 bytes", "log", 0),
    ("get, 64 B", "get", 64),
    ("get, 4 KiB", "get", 4 << 10),
    ("get, 64 KiB", "get", 64 << 10),
    ("get, 1 MiB", "get", 1 << 20),
    ("set, 64 B", "set", 64),
    ("set, 4 KiB", "set", 4 << 10),
    ("set, 64 KiB", "set", 64 << 10),
    ("set, 1 MiB", "set", 1 << 20),
    ("record of 12 fields", "mixed", 0),
    ("list of 1,000 records", "records", 1000),
    ("list of 1,000 strings", "strings", 1000),
    ("resource method", "method", 0),
    ("async, ready at once", "ready", 0),
    ("async, yields once", "yields", 0),
];

/// How long a side's turn in a round should take.
const TURN_NS: u64 = 4_000_000;

#[derive(Serialize)]
struct Figure {
    case: String,
    compiled_in_ns: f64,
    loaded_ns: f64,
    ratio: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let [side, times] = options.profile.as_slice() {
        return profile(&options, side, times.parse().context("TIMES is a number")?);
    }
    if options.instructions {
        return instructions::print(&options);
    }
    let mut compiled_in = Subject::compiled_in()?;
    let mut loaded = Subject::loaded(&options.plugin)?;

    println!(
        "{:<26}{:>14}{:>12}{:>9}",
        "case", "compiled in", "loaded", "ratio"
    );
    let mut figures = Vec::new();
    let chosen = |name: &str| name.contains(&options.only);
    for (name, case, size) in CASES.iter().filter(|(name, ..)| chosen(name)) {
        figures.push(measure(name, options.rounds, |side, times| match side {
            Side::CompiledIn => compiled_in.run(case, times, *size),
            Side::Loaded => loaded.run(case, times, *size),
        })?);
    }
    if chosen("two threads") {
        let mut compiled_in = Subject::compiled_in_twice()?;
        let mut loaded = Subject::loaded_twice(&options.plugin)?;
        figures.push(measure(
            "log, two threads",
            options.rounds,
            |side, times| match side {
                Side::CompiledIn => subject::at_once(&mut compiled_in, "log", times),
                Side::Loaded => subject::at_once(&mut loaded, "log", times),
            },
        )?);
    }

    let mut ratios: Vec<_> = figures.iter().map(|figure| figure.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    if let (Some(median), Some(worst)) = (ratios.get(ratios.len() / 2), ratios.last()) {
        println!("\nratio: median {median:.2}, worst {worst:.2}");
    }
    write(&options, &figures)
}

/// Writes the figures where they are wanted.
fn write(options: &Options, figures: &[impl Serialize]) -> Result<()> {
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(figures)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Side {
    CompiledIn,
    Loaded,
}

/// Runs a case in turns; `run` returns the nanoseconds that so many calls took.
fn measure(
    name: &str,
    rounds: u32,
    mut run: impl FnMut(Side, u32) -> Result<u64>,
) -> Result<Figure> {
    // So many calls as one turn has time for; this warms both up, too.
    let mut times = 1_u32;
    loop {
        let longest = run(Side::CompiledIn, times)?.max(run(Side::Loaded, times)?);
        if longest >= TURN_NS || times >= 1 << 24 {
            break;
        }
        times = times.saturating_mul(2);
    }
    let mut sides = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // Whoever goes first may find other caches: they take turns in that, too.
        let order = if round % 2 == 0 {
            [Side::CompiledIn, Side::Loaded]
        } else {
            [Side::Loaded, Side::CompiledIn]
        };
        let mut took = [0.0, 0.0];
        for side in order {
            let ns = run(side, times)? as f64 / f64::from(times);
            let [compiled_in, loaded] = &mut took;
            *(match side {
                Side::CompiledIn => compiled_in,
                Side::Loaded => loaded,
            }) = ns;
        }
        let [compiled_in, loaded] = took;
        let [all_compiled_in, all_loaded] = &mut sides;
        all_compiled_in.push(compiled_in);
        all_loaded.push(loaded);
        ratios.push(loaded / compiled_in);
    }
    let [compiled_in, loaded] = sides;
    let figure = Figure {
        case: name.to_owned(),
        compiled_in_ns: median(compiled_in),
        loaded_ns: median(loaded),
        ratio: median(ratios),
    };
    println!(
        "{:<26}{:>11.0} ns{:>9.0} ns{:>9.2}",
        figure.case, figure.compiled_in_ns, figure.loaded_ns, figure.ratio
    );
    Ok(figure)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn profile(options: &Options, side: &str, times: u32) -> Result<()> {
    let mut subject = match side {
        "compiled-in" => Subject::compiled_in()?,
        "loaded" => Subject::loaded(&options.plugin)?,
        other => anyhow::bail!("{other} is neither compiled-in nor loaded"),
    };
    let (_, case, size) = CASES
        .iter()
        .find(|(name, ..)| name.contains(&options.only))
        .context("no case has such a name")?;
    subject.run(case, times, *size)?;
    Ok(())
}
