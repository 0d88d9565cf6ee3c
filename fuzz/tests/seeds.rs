//! Runs what is kept in `seeds/`: edges of the types, worlds that wit-smith
//! made, and all that was ever found.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use fuzz::codec::Codec;
use fuzz::seeds::Seed;
use fuzz::tally::Tally;
use fuzz::{calls, inspect, streams};

/// The numbers of a file, one a line.
fn numbers(target: &str) -> Vec<u64> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let text = fs::read_to_string(seeds.join(format!("{target}.txt"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.parse().unwrap()).collect()
}

/// Each file of a folder, with its name.
fn files(target: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn calls() {
    let engine = calls::engine().unwrap();
    let mut total = Tally::default();
    for (file, text) in files("calls") {
        let Seed { seed, wit } = Seed::from_text(&text).unwrap();
        let tally = calls::run(&engine, &wit, seed).await;
        let tally = tally.unwrap_or_else(|error| panic!("{file}: {error:#}"));
        assert!(tally.calls > 0, "{file}: nothing was called");
        total.add(tally);
    }
    println!("{total}");
    // The seeds have all that values are made of.
    for kind in [
        "bool",
        "8-bit",
        "16-bit",
        "32-bit",
        "64-bit",
        "float",
        "char",
        "string",
        "list",
        "record",
        "tuple",
        "variant",
        "enum",
        "option",
        "result",
        "flags",
        "map",
        "fixed-length list",
        "own",
        "borrow",
    ] {
        assert!(
            total.kinds.contains_key(kind),
            "no {kind} in {:?}",
            total.kinds
        );
    }
    assert!(
        total.refused > 0 && total.refused < total.damaged,
        "{total:?}"
    );
    assert!(total.resources > total.calls / 10, "{total:?}");
    assert!(total.skipped < total.damaged / 10, "{total:?}");
}

/// The same worlds.
#[tokio::test(flavor = "multi_thread")]
async fn streams() {
    let engine = calls::engine().unwrap();
    let mut total = Tally::default();
    for (file, text) in files("calls") {
        let Seed { seed, wit } = Seed::from_text(&text).unwrap();
        let tally = streams::run(&engine, &wit, seed).await;
        let tally = tally.unwrap_or_else(|error| panic!("{file}: {error:#}"));
        assert!(tally.calls > 0, "{file}: nothing was called");
        total.add(tally);
    }
    println!("{total}");
    println!("{:?}", total.kinds);
    for kind in ["8-bit", "string", "list", "record", "variant", "map", "own"] {
        assert!(
            total.kinds.contains_key(kind),
            "no {kind} in {:?}",
            total.kinds
        );
    }
    assert!(
        total.refused > 0 && total.refused < total.damaged,
        "{total:?}"
    );
    assert!(total.resources > 0, "{total:?}");
    assert!(total.skipped < total.damaged / 10, "{total:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codec() {
    let codec = Codec::start(&calls::engine().unwrap()).await.unwrap();
    let mut total = Tally::default();
    for seed in numbers("codec") {
        let tally = codec.run(seed).await;
        total.add(tally.unwrap_or_else(|error| panic!("seed {seed}: {error:#}")));
    }
    println!("{total}");
    assert!(total.calls > 0 && total.refused > 0 && total.refused < total.damaged);
    // More than a few is compared.
    assert!(total.skipped < total.damaged / 2);
    codec.stop().await.unwrap();
}

#[test]
fn inspect() {
    let mut total = Tally::default();
    for seed in numbers("inspect") {
        let tally = inspect::run(seed);
        total.add(tally.unwrap_or_else(|error| panic!("seed {seed}: {error:#}")));
    }
    println!("{total}");
    assert!(total.worlds > 0 && total.refused > 0 && total.functions > 0);
}
