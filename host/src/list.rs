//! `wash-host plugin list`.

use std::{io, path::Path};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use wash_plugin_loader::{PluginLoader, Rejection, Report, State};

use crate::{
    code::Code,
    failure::{Failure, Result},
    log, output,
};

pub(crate) fn command(directory: &Path, json: bool) -> Result<u8> {
    let loader = PluginLoader::builder()
        .directory(directory)
        .build()
        .map_err(|error| Failure::new(Code::Config, error))?;
    let inspection = loader.inspect()?;
    let report = inspection.report();
    if json {
        output::json(&report)?;
    } else if report.entries.is_empty() {
        output::line(&format!("no plugins in {}", directory.display()))?;
    } else {
        output::line(&table(&report))?;
        for entry in &report.entries {
            let rejections: Vec<&Rejection> = inspection
                .rejections()
                .iter()
                .filter(|rejection| rejection.path().display().to_string() == entry.path)
                .collect();
            if !rejections.is_empty() {
                output::line(&output::printable(&explanation(&entry.path, &rejections)))?;
            }
        }
    }
    Ok(if report.is_ready() {
        0
    } else {
        Code::Rejected.number()
    })
}

fn table(report: &Report) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["ID", "VERSION", "STATE", "PATH", "ABI", "EXPORTS"]);
    let coloured = log::colours(&io::stdout());
    for entry in &report.entries {
        let text = |text: &Option<String>| output::printable(text.as_deref().unwrap_or("-"));
        table.add_row([
            Cell::new(text(&entry.id)),
            Cell::new(text(&entry.version)),
            state(entry.state, coloured),
            Cell::new(output::printable(&entry.path)),
            Cell::new(
                entry
                    .abi
                    .map_or_else(|| "-".to_owned(), |abi| abi.to_string()),
            ),
            Cell::new(match entry.exports.as_deref() {
                None | Some([]) => "-".to_owned(),
                Some(exports) => output::printable(&exports.join("\n")),
            }),
        ]);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

fn state(state: State, coloured: bool) -> Cell {
    let cell = Cell::new(state.as_str());
    match state {
        _ if !coloured => cell,
        State::Ready => cell.fg(Color::Green),
        _ => cell.fg(Color::Red),
    }
}

/// Why a file is rejected, and what to do about it.
fn explanation(path: &str, rejections: &[&Rejection]) -> String {
    let mut text = format!("\n{path} is rejected:");
    for rejection in rejections {
        text.push_str(&format!("\n  {}", rejection.cause()));
    }
    for rejection in rejections {
        text.push_str(&format!("\n  help: {}", rejection.hint()));
    }
    text
}
