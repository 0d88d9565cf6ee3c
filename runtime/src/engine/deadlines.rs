//! How long a guest may take.

use std::time::Duration;

/// The variable that wasmCloud's own host reads, too.
const CALL_VARIABLE: &str = "WASH_SHARED_STORE_CALL_TIMEOUT_SECS";

const DEFAULT: Duration = Duration::from_secs(30);

/// How long the runtime waits for guests where it calls them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// For the creation of an instance, which runs the guest's initialisers.
    pub(crate) instantiation: Duration,
    /// For one call.
    pub(crate) call: Duration,
}

impl Deadlines {
    /// The defaults, which the environment may override.
    pub(crate) fn from_environment() -> Self {
        Self {
            instantiation: DEFAULT,
            call: std::env::var(CALL_VARIABLE)
                .ok()
                .and_then(|text| seconds(&text))
                .unwrap_or(DEFAULT),
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok().filter(|seconds| *seconds > 0);
    if seconds.is_none() {
        tracing::warn!(
            "{CALL_VARIABLE} is '{text}', not a number of seconds above zero; using {}",
            DEFAULT.as_secs()
        );
    }
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_whole_seconds_above_zero() {
        assert_eq!(seconds(" 5 "), Some(Duration::from_secs(5)));
        for text in ["", "0", "-1", "1.5", "soon"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
