//! Asks a host that runs, and shows what it answers.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};
use wash_plugin_loader::{
    Untrusted, UntrustedLines,
    adapt::GenerationState,
    live::{Change, LiveState, PluginStatus, Reconciled},
};

use super::{
    client::Running,
    protocol::{HostStatus, Request, Started, WorkloadEntry},
};
use crate::{
    code::Code,
    failure::{Failure, Result},
    output::{self, printable},
    table::{Cell, Colour, table},
};

/// How often a list that goes on is brought up to date.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long files that change are waited for.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Moves to the upper left corner and clears what is below.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

pub(crate) fn plugins(host: &Running, json: bool, watch: bool) -> Result<u8> {
    if !watch {
        let now: Vec<PluginStatus> = host.ask(&Request::Plugins)?;
        show_plugins(&now, json, false)?;
        let is_well = now.iter().all(|plugin| plugin.state != LiveState::Rejected);
        return Ok(if is_well { 0 } else { Code::Rejected.number() });
    }
    // A terminal shows one table, whose numbers move. What is written elsewhere
    // stays, so a number is no reason to write all of it again.
    let is_redrawn = !json && io::stdout().is_terminal();
    let mut shown = None;
    loop {
        let now: Vec<PluginStatus> = host.ask(&Request::Plugins)?;
        let compared = match is_redrawn {
            true => now.clone(),
            false => now.iter().map(without_counters).collect(),
        };
        if shown.as_ref() != Some(&compared) {
            if is_redrawn {
                output::write(CLEAR.as_bytes())?;
            }
            show_plugins(&now, json, true)?;
            shown = Some(compared);
        }
        thread::sleep(INTERVAL);
    }
}

/// What is known of a plugin, but for what each call changes.
pub(super) fn without_counters(plugin: &PluginStatus) -> PluginStatus {
    let mut plugin = plugin.clone();
    plugin.calls = None;
    plugin.seconds = None;
    plugin.live_resources = None;
    if let Some(faults) = &mut plugin.faults {
        (faults.panics, faults.failures) = (0, 0);
    }
    for generation in &mut plugin.generations {
        (generation.faults.panics, generation.faults.failures) = (0, 0);
        generation.live_resources = 0;
        generation.held_streams = 0;
        generation.pending_calls = 0;
    }
    plugin
}

fn show_plugins(all: &[PluginStatus], json: bool, lines: bool) -> Result<()> {
    if json && lines {
        // For programs: one line for each state.
        let line = serde_json::to_string(&PluginList { plugins: all })
            .map_err(|error| Failure::new(Code::Io, error))?;
        return output::line(&line);
    }
    if json {
        return output::json(&PluginList { plugins: all });
    }
    if all.is_empty() {
        return output::line("the host has no plugins");
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    output::line(&table(
        &[
            "ID",
            "VERSION",
            "STATE",
            "GENERATION",
            "CALLS",
            "SECONDS",
            "FAULTS",
            "RESOURCES",
            "WORKLOADS",
            "PATH",
        ],
        rows,
    ))?;
    for plugin in all {
        let notes = notes(plugin);
        if !notes.is_empty() {
            output::line(&printable(&format!("\n{}{notes}", Untrusted(&plugin.path))))?;
        }
    }
    Ok(())
}

/// The shape that `plugin list DIR` has, too.
#[derive(Serialize)]
struct PluginList<'a> {
    plugins: &'a [PluginStatus],
}

fn row(plugin: &PluginStatus) -> Vec<Cell> {
    let number = |number: Option<u64>| Cell::text(number.map_or("-".into(), |n| n.to_string()));
    let colour = match plugin.state {
        LiveState::Running => Colour::Good,
        LiveState::Rejected => Colour::Bad,
        _ => Colour::None,
    };
    let faults = plugin
        .faults
        .as_ref()
        .map(|faults| faults.panics + faults.failures);
    let seconds = plugin.seconds.map_or("-".into(), |s| format!("{s:.3}"));
    vec![
        Cell::text(plugin.id.clone().unwrap_or("-".into())),
        Cell::text(plugin.version.clone().unwrap_or("-".into())),
        Cell::coloured(plugin.state.as_str(), colour),
        number(plugin.generation.map(u64::from)),
        number(plugin.calls),
        Cell::text(seconds),
        number(faults),
        number(plugin.live_resources),
        Cell::text(plugin.workloads.len().to_string()),
        Cell::text(plugin.path.clone()),
    ]
}

/// What does not fit into a row.
fn notes(plugin: &PluginStatus) -> String {
    let mut text = String::new();
    match (&plugin.reason, plugin.state) {
        (Some(reason), LiveState::Rejected) => {
            text.push_str(&format!(" is rejected:\n  {}", UntrustedLines(reason)))
        }
        (Some(reason), LiveState::Disabled) => {
            text.push_str(&format!(" is disabled:\n  {}", UntrustedLines(reason)));
        }
        (Some(reason), LiveState::Retiring) => {
            text.push_str(&format!(" is being retired:\n  {}", UntrustedLines(reason)));
        }
        (Some(reason), _) => text.push_str(&format!(
            " cannot replace the running version:\n  {}",
            UntrustedLines(reason)
        )),
        (None, _) => {}
    }
    if let Some(hint) = &plugin.hint {
        text.push_str(&format!("\n  help: {}", UntrustedLines(hint)));
    }
    if let Some(error) = plugin.faults.as_ref().and_then(|f| f.last_error.as_ref()) {
        text.push_str(&format!("\n  last error: {error}"));
    }
    for generation in &plugin.generations {
        if generation.state != GenerationState::Draining {
            continue;
        }
        text.push_str(&format!(
            "\n  generation {} (version {}) goes on, with {} resources and {} calls",
            generation.generation,
            generation.version,
            generation.live_resources,
            generation.pending_calls
        ));
        for workload in &generation.workloads {
            let reason = workload.stays.as_deref().unwrap_or("it moves next");
            text.push_str(&format!(
                "\n    workload {}: {}",
                Untrusted(&workload.id),
                UntrustedLines(reason)
            ));
        }
    }
    text
}

pub(crate) fn reload(host: &Running, json: bool) -> Result<u8> {
    let begun = Instant::now();
    let mut done: Reconciled = host.ask(&Request::Reload)?;
    // Who asks has just copied a file, and means it.
    while done.is_waiting && begun.elapsed() < RELOAD_TIMEOUT {
        thread::sleep(Duration::from_millis(100));
        let more: Reconciled = host.ask(&Request::Look)?;
        done.changes.extend(more.changes);
        done.is_waiting = more.is_waiting;
    }
    let code = changes(&done, json)?;
    // The host may have looked by itself just before, and told its log.
    let now: Vec<PluginStatus> = host.ask(&Request::Plugins)?;
    let wrong = now.iter().filter(|plugin| match plugin.state {
        LiveState::Rejected => true,
        LiveState::Disabled => false,
        _ => plugin.reason.is_some(),
    });
    let wrong: Vec<&PluginStatus> = wrong.collect();
    if !json {
        let is_told = |path: &str| {
            done.changes.iter().any(|change| match change {
                Change::Rejected { path: told, .. } | Change::Failed { path: told, .. } => {
                    told.to_string_lossy().into_owned() == path
                }
                _ => false,
            })
        };
        for plugin in wrong.iter().filter(|plugin| !is_told(&plugin.path)) {
            output::line(&printable(&format!(
                "{}{}",
                Untrusted(&plugin.path),
                notes(plugin)
            )))?;
        }
        if done.is_waiting {
            output::line("some files are still changing; the host goes on looking")?;
        }
    }
    let is_well = wrong.is_empty() && !done.is_waiting;
    Ok(if is_well {
        code
    } else {
        Code::Rejected.number()
    })
}

pub(crate) fn enable(host: &Running, id: String, json: bool) -> Result<u8> {
    changes(&host.ask(&Request::EnablePlugin { id })?, json)
}

fn changes(done: &Reconciled, json: bool) -> Result<u8> {
    if json {
        output::json(done)?;
    } else if done.changes.is_empty() {
        output::line("nothing has changed since the host last looked")?;
    } else {
        for change in &done.changes {
            output::line(&printable(&tell(change)))?;
        }
    }
    let is_well = !done.changes.iter().any(|change| {
        matches!(
            change,
            Change::Rejected { .. } | Change::Failed { .. } | Change::Unreadable { .. }
        )
    });
    Ok(if is_well { 0 } else { Code::Rejected.number() })
}

fn tell(change: &Change) -> String {
    match change {
        Change::Configured { path, plugins } => match plugins.as_slice() {
            [] => format!(
                "{} was read again; no plugin's configuration differs",
                Untrusted::path(path)
            ),
            ids => format!(
                "{} was read again; the configuration differs of {}",
                Untrusted::path(path),
                ids.join(", ")
            ),
        },
        Change::Added { id, version, .. } => format!("{id} {version} was added"),
        Change::Updated {
            id,
            version,
            generation,
            moved,
            stayed,
            ..
        } => {
            let mut text = format!(
                "{id} was updated to version {version} (generation {generation}); {} workloads use \
                 it",
                moved.len()
            );
            for (workload, reason) in stayed {
                text.push_str(&format!(
                    "\n  workload {} stays with the previous version: {}",
                    Untrusted(workload),
                    UntrustedLines(reason)
                ));
            }
            text
        }
        Change::Failed { path, reason, .. } => {
            format!("{}: {}", Untrusted::path(path), UntrustedLines(reason))
        }
        Change::Rejected {
            path, reason, hint, ..
        } => format!(
            "{} is rejected:\n  {}\n  help: {}",
            Untrusted::path(path),
            UntrustedLines(reason),
            UntrustedLines(hint)
        ),
        Change::Removed { id, workloads } => match workloads {
            0 => format!("{id} was removed"),
            n => format!("{id} was removed; {n} workloads still use it"),
        },
        Change::Restored { id } => format!("{id} is back"),
        Change::Unreadable { path, reason } => {
            format!("{}: {}", Untrusted::path(path), UntrustedLines(reason))
        }
        other => format!("{other:?}"),
    }
}

pub(crate) fn disable(host: &Running, id: String, force: bool, json: bool) -> Result<u8> {
    let text = format!("{id} is disabled");
    let (): () = host.ask(&Request::DisablePlugin { id, force })?;
    if json {
        output::json(&serde_json::json!({}))?;
    } else {
        output::line(&printable(&text))?;
    }
    Ok(0)
}

pub(crate) fn workloads(host: &Running, json: bool) -> Result<u8> {
    let all: Vec<WorkloadEntry> = host.ask(&Request::Workloads)?;
    if json {
        output::json(&serde_json::json!({ "workloads": all }))?;
    } else if all.is_empty() {
        output::line("the host has no workloads")?;
    } else {
        let rows = all.iter().map(|workload| {
            vec![
                Cell::text(workload.id.clone()),
                Cell::coloured(
                    &workload.state,
                    match workload.state.as_str() {
                        "running" | "completed" => Colour::Good,
                        "error" => Colour::Bad,
                        _ => Colour::None,
                    },
                ),
                Cell::text(workload.message.clone()),
            ]
        });
        output::line(&table(&["ID", "STATE", "MESSAGE"], rows.collect()))?;
    }
    Ok(0)
}

pub(crate) fn start(
    host: &Running,
    file: &Path,
    env: Vec<(String, String)>,
    json: bool,
) -> Result<u8> {
    // The host has a working directory of its own.
    let path: PathBuf =
        std::path::absolute(file).map_err(|error| Failure::unreadable("workload", file, error))?;
    let started: Started = host.ask(&Request::StartWorkload { path, env })?;
    show(&started, json, || match &started {
        Started::One(entry) => line(entry),
        Started::Several(entries) => {
            let lines: Vec<String> = entries.iter().map(line).collect();
            lines.join("\n")
        }
    })
}

fn line(entry: &WorkloadEntry) -> String {
    format!(
        "{}: {}",
        Untrusted(&entry.id),
        UntrustedLines(&entry.message)
    )
}

pub(crate) fn stop(host: &Running, id: String, json: bool) -> Result<u8> {
    workload(host, &Request::StopWorkload { id }, json)
}

fn workload(host: &Running, request: &Request, json: bool) -> Result<u8> {
    let entry: WorkloadEntry = host.ask(request)?;
    show(&entry, json, || line(&entry))
}

pub(crate) fn status(host: &Running, json: bool) -> Result<u8> {
    let status: HostStatus = host.ask(&Request::Status)?;
    show(&status, json, || {
        format!(
            "{} ({}), version {}, process {}, since {}\nHTTP: {}\nplugins: {} ({} loaded, {} \
             compiled in)\nworkloads: {}\ncomponents: {}",
            status.name,
            status.id,
            status.version,
            status.pid,
            status.started_at,
            status.http.as_deref().unwrap_or("none"),
            status.plugins,
            status.loaded,
            status.compiled_in,
            status.workloads,
            status.components
        )
    })
}

fn show<T: Serialize + DeserializeOwned>(
    value: &T,
    json: bool,
    text: impl FnOnce() -> String,
) -> Result<u8> {
    if json {
        output::json(value)?;
    } else {
        output::line(&printable(&text()))?;
    }
    Ok(0)
}
