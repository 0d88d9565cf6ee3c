//! Runs a target for a while: `cargo xtask fuzz` builds what it needs.

mod worlds;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use fuzz::codec::Codec;
use fuzz::seeds::Seed;
use fuzz::tally::Tally;
use fuzz::{calls, inspect, streams};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use worlds::Worlds;

/// A run that takes longer does not end, also on a machine with much to do.
const HANGS: Duration = Duration::from_secs(600);
/// How often it says how far it is.
const TELLS: Duration = Duration::from_secs(30);

#[derive(Parser)]
#[command(about = "Random worlds, values and damage")]
struct Cli {
    /// The program that makes worlds
    #[arg(long)]
    worlds: PathBuf,
    /// The folder for what is found
    #[arg(long)]
    findings: PathBuf,
    #[command(subcommand)]
    target: Target,
}

#[derive(Subcommand)]
enum Target {
    /// Components call plugins, in worlds by wit-smith
    Calls(Length),
    /// The same types in streams and futures
    Streams(Length),
    /// A plugin in Rust reads damaged arguments
    Codec(Length),
    /// Libraries that nobody would build are looked at
    Inspect(Length),
    /// Runs a world again: a file of fuzz/seeds/calls/, or a finding of calls or streams
    Replay {
        /// The file
        file: PathBuf,
    },
}

#[derive(Args)]
struct Length {
    /// For how long; 0 for one run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first seed, which the others follow (default: another one each time)
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let engine = calls::engine()?;
    match &cli.target {
        Target::Calls(length) => by_worlds("calls", &cli, length, &runtime, |wit, seed| {
            let engine = engine.clone();
            runtime.spawn(async move { calls::run(&engine, &wit, seed).await })
        }),
        Target::Streams(length) => by_worlds("streams", &cli, length, &runtime, |wit, seed| {
            let engine = engine.clone();
            runtime.spawn(async move { streams::run(&engine, &wit, seed).await })
        }),
        Target::Codec(length) => {
            let codec = Arc::new(runtime.block_on(Codec::start(&engine))?);
            drive("codec", &cli.findings, length, &runtime, |seed| {
                let codec = Arc::clone(&codec);
                let run = async move { codec.run(seed).await };
                Ok((runtime.spawn(run), by_seed("codec", seed)))
            })
        }
        Target::Inspect(length) => drive("inspect", &cli.findings, length, &runtime, |seed| {
            let run = async move { inspect::run(seed) };
            Ok((runtime.spawn(run), by_seed("inspect", seed)))
        }),
        Target::Replay { file } => {
            let text = fs::read_to_string(file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            let Seed { seed, wit } = Seed::from_text(&text)?;
            let tally = runtime.block_on(calls::run(&engine, &wit, seed))?;
            if tally.worlds == 0 {
                bail!("nothing in it can be called");
            }
            println!("calls: {tally}");
            let tally = runtime.block_on(streams::run(&engine, &wit, seed))?;
            println!("streams: {tally}");
            Ok(())
        }
    }
}

/// Runs a target on one world after the other.
fn by_worlds(
    target: &'static str,
    cli: &Cli,
    length: &Length,
    runtime: &Runtime,
    mut start: impl FnMut(String, u64) -> JoinHandle<Result<Tally>>,
) -> Result<()> {
    let mut worlds = Worlds::start(&cli.worlds)?;
    drive(target, &cli.findings, length, runtime, |seed| {
        let wit = worlds.get(seed)?;
        let kept = Seed {
            seed,
            wit: wit.clone(),
        };
        let findings = cli.findings.clone();
        let keep = move || keep(&findings, &kept);
        Ok((start(wit, seed), Box::new(keep)))
    })
}

/// Where the seed that runs is written, among the findings.
const RUNNING_FILE: &str = "running";

/// How a run can be done again, once it has found something.
type Again = Box<dyn FnOnce() -> Result<String>>;

fn keep(findings: &Path, seed: &Seed) -> Result<String> {
    fs::create_dir_all(findings)?;
    let file = findings.join(format!("{}.wit", seed.seed));
    fs::write(&file, seed.to_text())?;
    Ok(format!("replay {}", file.display()))
}

fn by_seed(target: &'static str, seed: u64) -> Again {
    Box::new(move || Ok(format!("{target} --seconds 0 --seed {seed}")))
}

/// Runs one seed after the other, and tells of each that finds something.
fn drive(
    target: &'static str,
    findings: &Path,
    length: &Length,
    runtime: &Runtime,
    mut start: impl FnMut(u64) -> Result<(JoinHandle<Result<Tally>>, Again)>,
) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let first = length.seed.unwrap_or(u64::try_from(now)?);
    let time = Duration::from_secs(length.seconds);
    println!(
        "{target}: from seed {first}, for {} seconds",
        time.as_secs()
    );
    let (started, mut told) = (Instant::now(), Instant::now());
    let (mut total, mut runs, mut found) = (Tally::default(), 0, 0_u64);
    // If a seed ends the process, this says which it was.
    fs::create_dir_all(findings)?;
    let running = findings.join(RUNNING_FILE);
    watch(target);
    loop {
        let seed = first.wrapping_add(runs);
        RUNNING.store(seed, Ordering::Relaxed);
        runs += 1;
        RUNS.store(runs, Ordering::Relaxed);
        fs::write(&running, format!("{target} --seconds 0 --seed {seed}"))?;
        let (run, again) = start(seed).with_context(|| format!("seed {seed}"))?;
        let problem = match runtime.block_on(run) {
            Ok(Ok(tally)) => {
                total.add(tally);
                None
            }
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(panicked) => Some(format!("panicked: {panicked}")),
        };
        if let Some(problem) = problem {
            found += 1;
            println!("finding: seed {seed}: {problem}");
            println!("  again: cargo xtask fuzz {}", again()?);
        }
        if started.elapsed() >= time {
            break;
        }
        if told.elapsed() > TELLS {
            told = Instant::now();
            println!("{:5} s: {runs} seeds: {total}", started.elapsed().as_secs());
        }
    }
    let seconds = started.elapsed().as_secs();
    println!("{target}: {runs} seeds in {seconds} s: {total}");
    println!("types: {:?}", total.kinds);
    fs::remove_file(&running)?;
    ensure!(found == 0, "{found} of {runs} seeds found something");
    Ok(())
}

/// The seed that runs, and how many have, for the one who looks whether they
/// end.
static RUNNING: AtomicU64 = AtomicU64::new(0);
static RUNS: AtomicU64 = AtomicU64::new(0);

fn watch(target: &'static str) {
    thread::spawn(move || {
        let mut last = RUNS.load(Ordering::Relaxed);
        loop {
            thread::sleep(HANGS);
            let now = RUNS.load(Ordering::Relaxed);
            if now == last {
                let seed = RUNNING.load(Ordering::Relaxed);
                eprintln!("finding: seed {seed} does not end");
                eprintln!("  again: cargo xtask fuzz {target} --seconds 0 --seed {seed}");
                std::process::abort();
            }
            last = now;
        }
    });
}
