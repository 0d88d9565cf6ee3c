//! Errors of the operating system in the words of whoever operates a host:
//! [`explain_io`] and [`explain_text`].

use std::{io, os::raw::c_int};

/// What an error means, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// What is wrong, in place of the error's own message.
    pub problem: String,
    /// What to do next, as an imperative.
    pub help: String,
}

impl Explained {
    /// An explanation.
    #[must_use]
    pub fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            help: help.into(),
        }
    }

    /// Explains a text that has the words of others in it: the problem stands in
    /// their place, to the end of their line. Returns `None` if the text does
    /// not have the words.
    #[must_use]
    pub fn in_place_of(self, words: &str, text: &str) -> Option<Self> {
        let (before, after) = text.split_once(words)?;
        let after = after
            .find('\n')
            .map_or("", |end| after.get(end..).unwrap_or_default());
        Some(Self {
            problem: format!("{before}{}{after}", self.problem),
            help: self.help,
        })
    }
}

/// The errors of POSIX systems that have a cause that their message does not
/// tell. Their numbers are the same on Linux, macOS and the BSDs.
const NO_FILES: c_int = 24;
const NO_FILES_SYSTEM: c_int = 23;

/// Explains an error whose own message does not say what to do: that the
/// process or the machine may not open more files. Returns `None` for every
/// other error.
#[must_use]
pub fn explain_io(error: &io::Error) -> Option<Explained> {
    match error.raw_os_error()? {
        NO_FILES if cfg!(unix) => Some(no_files()),
        NO_FILES_SYSTEM if cfg!(unix) => Some(Explained::new(
            "this machine has as many files and sockets open as it may have",
            "end what keeps so many open, or raise the system's limit (on Linux, `sysctl \
             fs.file-max`)",
        )),
        _ => None,
    }
}

/// What the C library says of the first of them.
const NO_FILES_TEXT: &str = "Too many open files";

/// Explains an error that is only known as text, such as that of a plugin or of
/// the dynamic linker: see [`explain_io`]. What stands in the text before the
/// system's words stays, and so do the lines after them.
#[must_use]
pub fn explain_text(text: &str) -> Option<Explained> {
    no_files().in_place_of(NO_FILES_TEXT, text)
}

fn no_files() -> Explained {
    let limit = open_files_limit().map_or_else(String::new, |limit| format!(" ({limit})"));
    Explained::new(
        format!("this process has as many files and sockets open as it may have{limit}"),
        "raise the limit of open files: `ulimit -n 65536` in the shell that starts the host, or \
         LimitNOFILE=65536 in its systemd unit",
    )
}

#[cfg(unix)]
fn open_files_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn open_files_limit() -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_files_has_a_cause_and_a_remedy() {
        let explained = explain_io(&io::Error::from_raw_os_error(NO_FILES)).unwrap();
        assert!(
            explained
                .problem
                .contains("as many files and sockets open as it may have (")
        );
        assert!(explained.help.contains("ulimit -n"));
        assert_eq!(explain_io(&io::Error::from_raw_os_error(2)), None);
        assert_eq!(explain_io(&io::Error::other("words")), None);
    }

    #[test]
    fn it_is_known_from_its_text_as_well() {
        let text = "dlopen failed: x.so: cannot open shared object file: Too many open files";
        let explained = explain_text(text).unwrap();
        let start = "dlopen failed: x.so: cannot open shared object file: this process has as many";
        assert!(
            explained.problem.starts_with(start),
            "{}",
            explained.problem
        );
        assert!(!explained.problem.contains(NO_FILES_TEXT));
        assert_eq!(explain_text("another error"), None);
        let explained = explain_text("a: Too many open files (os error 24)\n  b").unwrap();
        assert!(explained.problem.ends_with(")\n  b") && !explained.problem.contains("24)\n"));
    }

    #[test]
    fn the_numbers_are_the_systems() {
        use rustix::io::Errno;
        assert_eq!(Errno::MFILE.raw_os_error(), NO_FILES);
        assert_eq!(Errno::NFILE.raw_os_error(), NO_FILES_SYSTEM);
    }
}
