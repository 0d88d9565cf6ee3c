//! How long a guest may take.

use std::time::Duration;

// Variables that wasmCloud's own host reads, too.
const CALL_VARIABLE: &str = "WASH_SHARED_STORE_CALL_TIMEOUT_SECS";
const DETACHED_CALL_VARIABLE: &str = "WASH_EPHEMERAL_CALL_TIMEOUT_SECS";

const DEFAULT: Duration = Duration::from_secs(30);
const DEFAULT_DETACHED: Duration = Duration::from_secs(600);

/// How long the runtime waits for guests where it calls them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// For the creation of an instance, which runs the guest's initialisers.
    pub(crate) instantiation: Duration,
    /// For one call.
    pub(crate) call: Duration,
    /// For one call of an asynchronous function, which runs by itself.
    pub(crate) detached_call: Duration,
}

impl Deadlines {
    /// The defaults, which the environment may override.
    pub(crate) fn from_environment() -> Self {
        Self {
            instantiation: DEFAULT,
            call: variable(CALL_VARIABLE, DEFAULT),
            detached_call: variable(DETACHED_CALL_VARIABLE, DEFAULT_DETACHED),
        }
    }
}

fn variable(name: &str, default: Duration) -> Duration {
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    seconds(&text).unwrap_or_else(|| {
        tracing::warn!(
            "{name} is '{text}', not a number of seconds above zero; using {}",
            default.as_secs()
        );
        default
    })
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok().filter(|seconds| *seconds > 0);
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
