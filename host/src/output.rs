//! Standard output.

use std::io::{self, Write};

use serde::Serialize;
use wash_plugin_loader::Untrusted;

use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// Writes to standard output. A reader that has seen enough, as in
/// `wash-host plugin list | head -1`, is no error.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let error = anyhow::Error::new(error).context("cannot write to standard output");
            Err(Failure::new(Code::Io, error))
        }
        _ => Ok(()),
    }
}

/// Writes a line, or several.
pub(crate) fn line(text: &str) -> Result<()> {
    write(format!("{text}\n").as_bytes())
}

/// Writes a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => Err(Failure::new(Code::Io, error)),
    }
}

/// Returns a text of several lines, put together from the host's words and
/// others', without what could command a terminal. The line breaks stay, so
/// what others wrote must be [`Untrusted`] when it
/// is put into the text.
pub(crate) fn printable(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(line_of).collect();
    lines.join("\n")
}

/// Returns a line without what could command a terminal. Its tabs stay.
fn line_of(line: &str) -> String {
    let parts: Vec<String> = line
        .split('\t')
        .map(|part| Untrusted(part).to_string())
        .collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(
            printable("a\u{1b}[2J\tb\nä\u{9b}\u{202e}\r"),
            "a\\u{1b}[2J\tb\nä\\u{9b}\\u{202e}\\r"
        );
    }
}
