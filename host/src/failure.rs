//! What went wrong, and how it is told: [`Failure`].

use std::{io, path::Path};

use anstyle::{AnsiColor, Style};
use serde_json::json;
use wash_plugin_loader::Untrusted;
use wash_plugin_loader::{ConfigError, LoadError, Rejection, ScanError};

use crate::{code::Code, foreign, log, output::printable};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// An error with the exit code that it leads to and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    error: anyhow::Error,
    help: String,
}

impl Failure {
    pub(crate) fn new(code: Code, error: impl Into<anyhow::Error>) -> Self {
        Self {
            code,
            error: error.into(),
            help: String::new(),
        }
    }

    /// A failure with a message of its own.
    pub(crate) fn message(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, anyhow::Error::msg(message.into()))
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(what: &str, path: &Path, error: io::Error) -> Self {
        let path = Untrusted::path(path);
        if error.kind() == io::ErrorKind::NotFound {
            return Self::message(Code::Missing, format!("the {what} {path} does not exist"))
                .help("check the path");
        }
        let (code, help) = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                (Code::Io, "let the user that runs this program read it")
            }
            io::ErrorKind::IsADirectory => (Code::Io, "name a file, not a directory"),
            // The message says what it is instead of text.
            io::ErrorKind::InvalidData => (Code::Workload, ""),
            _ => (Code::Io, ""),
        };
        let error = anyhow::Error::new(error).context(format!("cannot read the {what} {path}"));
        Self::new(code, error).help(help)
    }

    /// What to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Tells it on standard error: as a line of the log where programs read
    /// that, and otherwise in colour if standard error is a terminal.
    pub(crate) fn print(&self) {
        if log::is_json() {
            return self.print_json();
        }
        let mut told = String::new();
        for (index, cause) in self.causes().into_iter().enumerate() {
            let cause = printable(&cause);
            if index == 0 {
                anstream::eprintln!("{ERROR}error{ERROR:#}: {cause}");
            } else if !told.ends_with(&cause) {
                // Some errors repeat their cause in their own message.
                anstream::eprintln!("  caused by {}", cause.replace('\n', "\n    "));
            }
            told = cause;
        }
        let help = self.help_text();
        if !help.is_empty() {
            anstream::eprintln!("  {HELP}help{HELP:#}: {}", printable(&help));
        }
    }

    /// What to say of the error and each of its causes. The causes of one that
    /// is explained in other words are left out.
    fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        for cause in self.error.chain() {
            causes.push(foreign::told(cause));
            if foreign::explain(cause).is_some() {
                break;
            }
        }
        causes
    }

    fn print_json(&self) {
        let mut fields = vec![("exit_code", json!(self.code.number()))];
        let help = self.help_text();
        if !help.is_empty() {
            fields.push(("help", json!(help)));
        }
        log::json_line("ERROR", &self.chain(), &fields);
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        let code = match &error {
            ScanError::Unreadable { .. } => Code::Io,
            _ => Code::Missing,
        };
        let help = error.hint();
        Self::new(code, error).help(help)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match &error {
            ConfigError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Code::Missing
            }
            ConfigError::Unreadable { source, .. }
                if source.kind() == io::ErrorKind::InvalidData =>
            {
                Code::Config
            }
            ConfigError::Unreadable { .. } => Code::Io,
            _ => Code::Config,
        };
        let help = error.hint();
        Self::new(code, error).help(help)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Scan(error) => error.into(),
            LoadError::Config(error) => error.into(),
            error => Self::new(Code::Rejected, error)
                .help("to start the host without them, add --skip-rejected"),
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let help = rejection.hint();
        Self::new(Code::Rejected, rejection).help(help)
    }
}

impl Failure {
    /// The outermost message.
    pub(crate) fn text(&self) -> String {
        self.error.to_string()
    }

    /// The message, with its causes.
    pub(crate) fn chain(&self) -> String {
        self.causes().join(": ")
    }

    /// What to do about it. What a cause needs goes before the general.
    pub(crate) fn help_text(&self) -> String {
        match foreign::explain_chain(&self.error) {
            Some(explained) => explained.help,
            None => self.help.clone(),
        }
    }
}
