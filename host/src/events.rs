//! Writes the log's events: one event is one line, or a line and indented ones.
//!
//! What a guest, a plugin or a request wrote can be anywhere in an event, so
//! the last step before standard error makes the whole of it harmless.

use std::{
    fmt::{Debug, Display},
    io::{self, Write},
};

use tracing::field::Field;
use tracing_subscriber::{
    field::MakeExt,
    fmt::{
        FormatFields,
        format::{self, Writer},
    },
};
use wash_plugin_loader::{UntrustedLines, is_hazardous};

const ESCAPE: char = '\u{1b}';

/// How events are formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// With the formatter's own escape sequences, so that those of others have to
    /// be escaped by [`field`].
    Coloured,
    Json,
}

/// Returns what formats the fields of events as text. The formatter's own way
/// leaves control characters in some fields.
pub(crate) fn fields() -> impl for<'writer> FormatFields<'writer> + 'static {
    format::debug_fn(field).delimited(" ")
}

/// Writes a field, with what others wrote in it escaped.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    // The text itself is written without its name.
    if field.name() == "message" {
        return write!(writer, "{}", UntrustedLines(Shown(value)));
    }
    // Where a record of the `log` crate is from, which the formatter shows itself.
    if field.name().starts_with("log.") {
        return Ok(());
    }
    write!(writer, "{}={}", field.name(), UntrustedLines(Shown(value)))
}

/// Displays a value by its `Debug`, which for fields is what the event asks for.
struct Shown<'a>(&'a dyn Debug);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes events that a formatter has formatted, each with one call.
#[derive(Debug)]
pub(crate) struct Events<W> {
    to: W,
    form: Form,
}

impl<W: Write> Events<W> {
    pub(crate) fn new(to: W, form: Form) -> Self {
        Self { to, form }
    }
}

impl<W: Write> Write for Events<W> {
    /// Takes one event, which ends with a line break.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = match self.form {
            Form::Plain => UntrustedLines(text).to_string(),
            Form::Coloured => {
                let parts = text
                    .split(ESCAPE)
                    .map(|part| UntrustedLines(part).to_string());
                parts.collect::<Vec<_>>().join("\u{1b}")
            }
            Form::Json => json(text),
        };
        line.push('\n');
        self.to.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Escapes as JSON has it what its strings may hold as it is, such as U+202E.
fn json(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hazardous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\r\n2030-01-01 INFO forged \u{202e}\u{e0001}";

    /// What is written of an event with the hostile text as message and field.
    fn written(form: Form) -> String {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&bytes);
        let log = fmt()
            .without_time()
            .with_ansi(form == Form::Coloured)
            .with_writer(move || Events::new(Shared(Arc::clone(&to)), form));
        let tell = || tracing::info!(path = %HOSTILE, "{HOSTILE}");
        match form {
            Form::Json => tracing::subscriber::with_default(log.json().finish(), tell),
            _ => tracing::subscriber::with_default(log.fmt_fields(fields()).finish(), tell),
        }
        let bytes = bytes.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_text_forges_a_line_of_the_log() {
        for form in [Form::Plain, Form::Coloured] {
            let text = written(form);
            let mut lines = text.lines();
            assert!(lines.next().unwrap().contains("INFO"), "{text}");
            let further: Vec<&str> = lines.collect();
            assert_eq!(further.len(), 2, "{text}");
            assert!(
                further.iter().all(|line| line.starts_with("    ")),
                "{text}"
            );
            assert!(!text.contains("\u{1b}[2J"), "{text:?}");
            let left = text.replace(['\n', ESCAPE], "");
            assert!(!left.contains(is_hazardous), "{text:?}");
        }
    }

    #[test]
    fn fields_are_written_as_usual() {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&bytes);
        let log = fmt()
            .without_time()
            .with_ansi(false)
            .with_target(false)
            .with_writer(move || Events::new(Shared(Arc::clone(&to)), Form::Plain))
            .fmt_fields(fields())
            .finish();
        tracing::subscriber::with_default(log, || {
            tracing::warn!(id = "a b", count = 2, path = %"/x", "it is {}", "done");
        });
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        assert_eq!(text, " WARN it is done id=\"a b\" count=2 path=/x\n");
    }

    #[test]
    fn json_holds_the_whole_text_on_one_line() {
        let text = written(Form::Json);
        assert!(text.ends_with('\n'), "{text:?}");
        assert!(
            !text.trim_end_matches('\n').contains(is_hazardous),
            "{text:?}"
        );
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        let message = event
            .pointer("/fields/message")
            .and_then(|m| m.as_str())
            .unwrap();
        // The formatter escapes some itself; what it leaves must arrive unchanged.
        assert!(message.ends_with("forged \u{202e}\u{e0001}"), "{message:?}");
    }
}
