//! Errors of others in this program's words: [`explain`].
//!
//! Libraries and the operating system tell their errors to programmers. Those
//! that an operator can run into, and that say nothing to one, are known here,
//! for every message that this program prints or sends. Some are known to the
//! parts that make them: what is wrong with an import to
//! `wash_runtime::engine`, and a shortage of files to `wash_plugin_loader`.

use std::{error::Error, io};

use wash_plugin_loader::foreign::{Explained, explain_io, explain_text};

/// What others say, as far as it is always the same, and what it means.
const KNOWN: [(&str, &str, &str); 2] = [
    (
        "path must be shorter than SUN_LEN",
        "its path is too long for a socket",
        "set XDG_RUNTIME_DIR to a directory with a shorter path",
    ),
    (
        "Address already in use",
        "another program listens there",
        "choose another address, or port 0 for any free one",
    ),
];

/// Explains one error, without its causes. Returns `None` where its own message
/// can stay.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> Option<Explained> {
    if let Some(explained) = error.downcast_ref::<io::Error>().and_then(explain_io) {
        return Some(explained);
    }
    let said = error.to_string();
    if let Some(explained) = explain_text(&said) {
        return Some(explained);
    }
    KNOWN.iter().find_map(|(known, problem, help)| {
        // What stands before may name a plugin.
        Explained::new(*problem, *help).in_place_of(known, &said)
    })
}

/// Explains the first error of a chain that needs it.
pub(crate) fn explain_chain(error: &anyhow::Error) -> Option<Explained> {
    error.chain().find_map(explain)
}

/// Returns what to say of one error of a chain.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    explain(error).map_or_else(|| error.to_string(), |explained| explained.problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_to_an_operator_is_replaced() {
        let failed =
            anyhow::anyhow!("plugin `x` failed in start: Too many open files (os error 24)")
                .context("failed to start plugin 'x'");
        let explained = explain_chain(&failed).unwrap();
        let expected = "plugin `x` failed in start: this process has as many files";
        assert!(
            explained.problem.starts_with(expected),
            "{}",
            explained.problem
        );
        assert!(explained.help.contains("ulimit -n"));
        // What the standard library says of a path that is too long.
        let long = format!("/{}", "x".repeat(200));
        let error = std::os::unix::net::UnixListener::bind(long).unwrap_err();
        assert_eq!(told(&error), "its path is too long for a socket");
        let error = io::Error::from_raw_os_error(24);
        assert!(
            told(&error).starts_with("this process has as many files"),
            "{error}"
        );
        assert_eq!(told(&io::Error::other("words")), "words");
    }
}
