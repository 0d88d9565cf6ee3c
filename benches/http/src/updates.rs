//! What an update of a plugin costs the requests that go through it, and the
//! memory that each version leaves behind.
//!
//! One server, one component and one plugin, pressed with and without updates
//! in turns. Called as `bench-updates PLUGIN GUEST.wasm RESULTS.json ROUNDS`;
//! `cargo xtask bench updates` does that.

mod host;
#[allow(dead_code, reason = "a part of it is the other bench's")]
mod load;

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use load::{Load, Plan};
use serde::Serialize;
use tokio::runtime::Runtime;
use wash_plugin_loader::{LoadedPlugin, Scan, UpdateOptions, admit, library};
use wash_runtime::host::Host;

/// So many in each round, one after the other.
const UPDATES: usize = 10;
const PLAN: Plan = Plan {
    connections: 4,
    time: Duration::from_secs(2),
    most: usize::MAX,
};
/// What the versions of the library differ in: see `tests/plugins/versions`.
const MARK: &[u8] = b"versions-mark-";

#[derive(Debug, Serialize)]
struct Figures {
    case: String,
    /// What 99 of 100 requests took at most, in microseconds.
    p99_us_without: u64,
    p99_us_with: u64,
    ratio: f64,
    requests: usize,
    updates: usize,
    library_bytes: usize,
    /// Resident memory of the process that each version added.
    bytes_per_generation: i64,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [plugin, guest, results, rounds] = args.as_slice() else {
        anyhow::bail!("expected PLUGIN GUEST.wasm RESULTS.json ROUNDS");
    };
    let (plugin, guest, results) = (Path::new(plugin), Path::new(guest), Path::new(results));
    let rounds: usize = rounds.parse().context("ROUNDS is a number")?;
    let bytes = fs::read(plugin).with_context(|| format!("cannot read {}", plugin.display()))?;
    let guest = fs::read(guest).with_context(|| format!("cannot read {}", guest.display()))?;

    let server = Runtime::new()?;
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let plugin = LoadedPlugin::new(load_version(&bytes, 0)?, serde_json::json!({}));
    let builder = Host::builder().with_plugin(Arc::clone(&plugin) as _)?;
    let interfaces = ["wasi:http/incoming-handler", "test:versions/stamps@0.1.0"];
    let (host, addr) = server.block_on(host::start(builder, guest.into(), 0, &interfaces))?;
    client.block_on(load::press(addr, PLAN))?;

    let mut version = 0;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut updates = 0;
    let before = resident()?;
    for _ in 0..rounds {
        without.push(client.block_on(load::press(addr, PLAN))?);
        let updating = server.spawn(update_often(Arc::clone(&plugin), bytes.clone(), version));
        with.push(client.block_on(load::press(addr, PLAN))?);
        server.block_on(updating)??;
        version += UPDATES;
        updates += UPDATES;
    }
    let drained = async {
        let alone = async {
            while plugin.generations().len() > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), alone).await
    };
    server
        .block_on(drained)
        .context("versions that were updated do not end")?;
    let grown = resident()? - before;
    let p99 = |loads: &[Load]| {
        let mut all: Vec<u64> = loads.iter().map(|l| l.p99.as_micros() as u64).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    };
    let (p99_us_without, p99_us_with) = (p99(&without), p99(&with));
    let figures = Figures {
        case: format!("{UPDATES} updates in 2 seconds, beside none"),
        p99_us_without,
        p99_us_with,
        ratio: p99_us_with as f64 / p99_us_without as f64,
        requests: with.iter().map(Load::requests).sum(),
        updates,
        library_bytes: bytes.len(),
        bytes_per_generation: grown / i64::try_from(updates)?,
    };
    let text = serde_json::to_string_pretty(&[figures])?;
    fs::write(results, &text).with_context(|| format!("cannot write {}", results.display()))?;
    println!("{text}");
    server.block_on(host.stop())
}

/// Updates the plugin over the time of a round.
async fn update_often(
    plugin: Arc<LoadedPlugin>,
    bytes: Vec<u8>,
    last: usize,
) -> anyhow::Result<()> {
    let pause = PLAN.time / u32::try_from(UPDATES + 1)?;
    for version in last + 1..=last + UPDATES {
        tokio::time::sleep(pause).await;
        let bytes = bytes.clone();
        let loaded = tokio::task::spawn_blocking(move || load_version(&bytes, version)).await??;
        plugin
            .update(loaded, serde_json::json!({}), UpdateOptions::default())
            .await?;
    }
    Ok(())
}

/// The library as this version: read, checked and loaded as a host does.
fn load_version(bytes: &[u8], version: usize) -> anyhow::Result<library::Loaded> {
    let mut bytes = bytes.to_vec();
    let version = format!("{version:06}");
    let at = bytes
        .windows(MARK.len())
        .position(|part| part == MARK)
        .context("the library has no mark")?;
    let room = bytes.get_mut(at + MARK.len()..).unwrap_or_default();
    for (byte, digit) in room.iter_mut().zip(version.bytes()) {
        *byte = digit;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plugin.so");
    fs::write(&path, bytes)?;
    let mut scan = Scan::file(&path)?;
    let candidate = scan.candidates.pop().context("it is a file")?;
    let mut admission = admit(vec![candidate.inspect()?], &[]);
    let admitted = admission.admitted.pop().context("it is admitted")?;
    Ok(library::load(admitted)?)
}

/// Bytes of this process that are in memory.
fn resident() -> anyhow::Result<i64> {
    let status = fs::read_to_string(Path::new("/proc/self/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("the kernel does not say how much memory is used")?;
    let kib: i64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
