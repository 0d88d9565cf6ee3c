//! What went wrong, and how it is told: [`Failure`].

use std::{io, path::Path};

use anstyle::{AnsiColor, Style};
use wash_plugin_loader::{ConfigError, LoadError, Rejection, ScanError};

use crate::{code::Code, output::printable};

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
        let path = path.display();
        if error.kind() == io::ErrorKind::NotFound {
            return Self::message(Code::Missing, format!("the {what} {path} does not exist"))
                .help("check the path");
        }
        Self::new(
            Code::Io,
            anyhow::Error::new(error).context(format!("cannot read the {what} {path}")),
        )
    }

    /// What to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Tells it on standard error, in colour if that is a terminal.
    pub(crate) fn print(&self) {
        let mut told = printable(&self.error.to_string());
        anstream::eprintln!("{ERROR}error{ERROR:#}: {told}");
        for cause in self.error.chain().skip(1) {
            let cause = printable(&cause.to_string());
            // Some errors repeat their cause in their own message.
            if !told.ends_with(&cause) {
                anstream::eprintln!("  caused by {}", cause.replace('\n', "\n    "));
            }
            told = cause;
        }
        if !self.help.is_empty() {
            anstream::eprintln!("  {HELP}help{HELP:#}: {}", printable(&self.help));
        }
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
        format!("{:#}", self.error)
    }

    pub(crate) fn help_text(&self) -> &str {
        &self.help
    }
}
