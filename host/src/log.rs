//! The log, on standard error.

use std::{
    io::{self, IsTerminal, Write as _},
    sync::OnceLock,
};

use serde_json::{Value, json};
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{
        format::Writer,
        time::{FormatTime, SystemTime},
    },
};

use crate::{
    cli::LogFormat,
    code::Code,
    events::{self, Events, Form},
    failure::{Failure, Result},
    output::printable,
};

/// What is logged where nothing is asked for. Wasmtime and its compiler report
/// on themselves.
pub(crate) const DEFAULT: &str = "info,wasmtime=warn,cranelift=warn,regalloc2=warn";

/// What is logged where one function is called: what components and plugins
/// say, and not that a host comes and goes.
pub(crate) const ONE_CALL: &str =
    "info,wash_runtime::host=warn,wasmtime=warn,cranelift=warn,regalloc2=warn";

/// Whether the log is for machines.
static JSON: OnceLock<()> = OnceLock::new();

/// Starts logging what `--log`, or else `RUST_LOG`, asks for, or else the
/// default.
pub(crate) fn init(level: Option<&str>, format: LogFormat, default: &str) -> Result<()> {
    if format == LogFormat::Json {
        // Also for what is wrong with the level.
        JSON.get_or_init(|| ());
    }
    let invalid = |what: &str, error: tracing_subscriber::filter::ParseError| {
        Failure::message(
            Code::Usage,
            format!("{what} is not a log level or filter: {error}"),
        )
        .help("use off, error, warn, info, debug, trace, or a filter like `info,my_plugin=debug`")
    };
    let filter = match (level, std::env::var("RUST_LOG")) {
        (Some(level), _) => {
            EnvFilter::try_new(level).map_err(|error| invalid(&format!("`{level}`"), error))?
        }
        (None, Ok(level)) if !level.is_empty() => EnvFilter::try_new(&level)
            .map_err(|error| invalid(&format!("`{level}` in RUST_LOG"), error))?,
        (None, _) => EnvFilter::new(default),
    };
    let form = match format {
        LogFormat::Json => Form::Json,
        LogFormat::Text if colours(&io::stderr()) => Form::Coloured,
        LogFormat::Text => Form::Plain,
    };
    let log = fmt()
        .with_env_filter(filter)
        .with_ansi(form == Form::Coloured)
        .with_writer(move || Events::new(io::stderr(), form));
    match form {
        Form::Plain | Form::Coloured => log.fmt_fields(events::fields()).init(),
        Form::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Whether the log is JSON.
pub(crate) fn is_json() -> bool {
    JSON.get().is_some()
}

/// Tells something on standard error whatever is logged; as a line of the log
/// where programs read that.
pub(crate) fn tell(message: &str) {
    if is_json() {
        json_line("INFO", message, &[]);
    } else {
        eprintln!("{}", printable(message));
    }
}

/// Writes a line of a JSON log, whatever is logged.
pub(crate) fn json_line(level: &str, message: &str, fields: &[(&str, Value)]) {
    let mut timestamp = String::new();
    // The log writes its lines without one if the clock cannot be read, too.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut line = json!({
        "timestamp": timestamp,
        "level": level,
        "message": message,
        "target": "wash_host",
    });
    for (name, value) in fields {
        if let Some(line) = line.as_object_mut() {
            line.insert((*name).to_owned(), value.clone());
        }
    }
    // Nobody is left to tell if standard error is gone.
    let _ = Events::new(io::stderr(), Form::Json).write_all(format!("{line}\n").as_bytes());
}

/// Whether to colour what goes to `stream`: a terminal, and no
/// [`NO_COLOR`](https://no-color.org).
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
