//! Plain tables on standard output.

use std::{fmt::Display, io};

use comfy_table::{Color, ContentArrangement, Table, presets};
use wash_plugin_loader::Untrusted;

use crate::log;

/// A cell of a table.
pub(crate) struct Cell {
    text: String,
    colour: Colour,
}

/// What a cell says, where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    None,
    Good,
    Bad,
}

impl Cell {
    /// A text on one line.
    pub(crate) fn text(text: impl Display) -> Self {
        Self::coloured(text, Colour::None)
    }

    /// Texts below one another.
    pub(crate) fn lines<T: Display>(lines: impl IntoIterator<Item = T>) -> Self {
        let lines: Vec<String> = lines
            .into_iter()
            .map(|line| Untrusted(line).to_string())
            .collect();
        Self {
            text: lines.join("\n"),
            colour: Colour::None,
        }
    }

    pub(crate) fn coloured(text: impl Display, colour: Colour) -> Self {
        Self {
            text: Untrusted(text).to_string(),
            colour,
        }
    }
}

/// A table without lines, in colour if standard output is a terminal.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    let has_colours = log::colours(&io::stdout());
    for row in rows {
        table.add_row(row.into_iter().map(|Cell { text, colour }| {
            let cell = comfy_table::Cell::new(text);
            match colour {
                Colour::Good if has_colours => cell.fg(Color::Green),
                Colour::Bad if has_colours => cell.fg(Color::Red),
                _ => cell,
            }
        }));
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
