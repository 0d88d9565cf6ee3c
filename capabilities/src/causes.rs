//! Errors of others, in words.

use std::{error::Error as StdError, fmt::Write as _};

/// An error with all its causes.
#[cfg_attr(
    not(any(feature = "nats", feature = "filesystem")),
    allow(
        dead_code,
        reason = "only stores outside of the process fail like that"
    )
)]
pub(crate) fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors already quote their cause.
        if !text.contains(&next) {
            let _ = write!(text, ": {next}");
        }
        cause = error.source();
    }
    text
}
