//! What the benches have in common: two contenders take turns, and the result
//! is their ratio.
//!
//! Absolute figures are the machine's; a ratio within one run says something
//! anywhere.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Serialize;

use crate::load::Load;

/// One comparison, as it is written to the results.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// What was measured.
    pub(crate) case: String,
    /// Requests in a second, through the host.
    pub(crate) host_per_s: f64,
    /// Requests in a second, through what it is compared with.
    pub(crate) floor_per_s: f64,
    /// `host_per_s` by `floor_per_s`.
    pub(crate) ratio: f64,
    /// What 99 of 100 requests through the host take at most, in microseconds.
    pub(crate) host_p99_us: u64,
    /// The same for what it is compared with.
    pub(crate) floor_p99_us: u64,
}

impl Comparison {
    /// Compares the medians of rounds.
    pub(crate) fn new(case: &str, host: &[Load], floor: &[Load]) -> Self {
        let per_s = |loads: &[Load]| median(loads.iter().map(Load::per_s).collect());
        let p99 = |loads: &[Load]| {
            let p99 = median(loads.iter().map(|load| load.p99.as_secs_f64()).collect());
            (p99 * 1e6) as u64
        };
        let (host_per_s, floor_per_s) = (per_s(host), per_s(floor));
        Self {
            case: case.to_owned(),
            host_per_s,
            floor_per_s,
            ratio: host_per_s / floor_per_s,
            host_p99_us: p99(host),
            floor_p99_us: p99(floor),
        }
    }
}

/// Writes the results, and prints them.
pub(crate) fn write(path: &Path, results: &[Comparison]) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(results)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{text}");
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
