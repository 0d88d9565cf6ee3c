//! Standard output.

use std::io::{self, Write};

use serde::Serialize;

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

/// Text from a plugin or a file name, without what could command a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nä\u{9b}"),
            "a\u{fffd}[2Jb\nä\u{fffd}"
        );
    }
}
