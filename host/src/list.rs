//! `wash-host plugin list`.

use std::path::Path;

use wash_plugin_loader::{
    Allow, PluginLoader, Rejection, Report, ReportEntry, State, Untrusted, UntrustedLines,
};

use crate::{
    code::Code,
    failure::{Failure, Result},
    output,
    table::{Cell, Colour, table},
};

pub(crate) fn command(directory: &Path, allow: Allow, json: bool) -> Result<u8> {
    let loader = PluginLoader::builder()
        .directory(directory)
        .allow(allow)
        .build()
        .map_err(|error| Failure::new(Code::Config, error))?;
    let inspection = loader.inspect()?;
    let report = inspection.report();
    if json {
        output::json(&report)?;
    } else if report.entries.is_empty() {
        output::line(&format!("no plugins in {}", Untrusted::path(directory)))?;
    } else {
        let header = ["ID", "VERSION", "STATE", "PATH", "ABI", "EXPORTS"];
        output::line(&table(&header, rows(&report)))?;
        // They are in the order of the paths, and so one after the other.
        let by_path = |a: &Rejection, b: &Rejection| a.path() == b.path();
        for rejections in inspection.rejections().chunk_by(by_path) {
            output::line(&output::printable(&explanation(rejections)))?;
        }
    }
    Ok(if report.is_ready() {
        0
    } else {
        Code::Rejected.number()
    })
}

fn rows(report: &Report) -> Vec<Vec<Cell>> {
    let text = |text: &Option<String>| Cell::text(text.as_deref().unwrap_or("-"));
    let row = |entry: &ReportEntry| {
        vec![
            text(&entry.id),
            text(&entry.version),
            Cell::coloured(
                entry.state.as_str(),
                match entry.state {
                    State::Ready => Colour::Good,
                    _ => Colour::Bad,
                },
            ),
            Cell::text(&entry.path),
            Cell::text(entry.abi.map_or("-".to_owned(), |abi| abi.to_string())),
            match entry.exports.as_deref() {
                None | Some([]) => Cell::text("-"),
                Some(exports) => Cell::lines(exports),
            },
        ]
    };
    report.entries.iter().map(row).collect()
}

/// Why a file is rejected, and what to do about it.
fn explanation(rejections: &[Rejection]) -> String {
    let path = rejections.first().map(Rejection::path);
    let path = Untrusted::path(path.unwrap_or(Path::new("")));
    let mut text = format!("\n{path} is rejected:");
    for rejection in rejections {
        text.push_str(&format!("\n  {}", UntrustedLines(rejection.cause())));
    }
    let mut hints: Vec<String> = Vec::new();
    for rejection in rejections {
        let hint = rejection.hint();
        // Several causes may have one remedy.
        if !hints.contains(&hint) {
            text.push_str(&format!("\n  help: {}", UntrustedLines(&hint)));
            hints.push(hint);
        }
    }
    text
}
