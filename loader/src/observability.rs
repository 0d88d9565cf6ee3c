//! What the loader measures of its plugins.
//!
//! Numbers are kept through the [`metrics`] facade, so the embedder chooses
//! where they go: install a recorder, then ask for them with
//! [`PluginLoaderBuilder::metrics`]. Whoever does not ask pays nothing: no
//! clock is read, nothing is counted.
//!
//! | name | labels | what |
//! |---|---|---|
//! | [`CALLS`] | `plugin`, `interface`, `function`, `outcome` | calls that ended |
//! | [`CALL_DURATION`] | `plugin`, `interface`, `function` | how long they took, in seconds |
//!
//! The `outcome` of a call is `ok`, or one after which the component traps:
//! `failed`, `panicked`, `bad_arguments` (the plugin could not read them),
//! `broken_abi` (its answer is none that the ABI knows), or `cancelled` (the
//! host gave up waiting: a deadline passed, or the workload stopped).
//!
//! [`PluginLoaderBuilder::metrics`]: crate::PluginLoaderBuilder::metrics

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram, Unit};
use wash_plugin_abi::abi::Status;

/// Calls of plugins' functions that ended, by `plugin`, `interface`,
/// `function` and `outcome`.
pub const CALLS: &str = "wash_plugin_calls_total";

/// How long calls of plugins' functions took, in seconds, by `plugin`,
/// `interface` and `function`.
pub const CALL_DURATION: &str = "wash_plugin_call_duration_seconds";

/// Tells the installed recorder what the metrics of this crate mean.
pub fn describe_metrics() {
    metrics::describe_counter!(CALLS, Unit::Count, "Calls of plugins' functions that ended");
    metrics::describe_histogram!(
        CALL_DURATION,
        Unit::Seconds,
        "How long calls of plugins' functions took"
    );
}

/// How a call ended, as the label `outcome` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Panicked,
    BadArguments,
    BrokenAbi,
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Ok,
        Self::Failed,
        Self::Panicked,
        Self::BadArguments,
        Self::BrokenAbi,
        Self::Cancelled,
    ];

    /// The outcome of a call that ended with this status.
    pub(crate) fn of(status: Status) -> Self {
        match status {
            Status::OK | Status::OK_LENT => Self::Ok,
            Status::FAILED => Self::Failed,
            Status::PANICKED => Self::Panicked,
            Status::BAD_ARGUMENTS => Self::BadArguments,
            _ => Self::BrokenAbi,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::BadArguments => "bad_arguments",
            Self::BrokenAbi => "broken_abi",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The calls of one plugin, all functions together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Tally {
    fn add(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// How many ended.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How long they took together.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// The metrics of one function. They are registered when it is linked, all
/// outcomes at zero, and not looked up after that.
pub(crate) struct CallMetrics {
    ended: [Counter; Outcome::ALL.len()],
    duration: Histogram,
    tally: Arc<Tally>,
}

impl CallMetrics {
    pub(crate) fn new(
        tally: &Arc<Tally>,
        plugin: &'static str,
        interface: &str,
        function: &str,
    ) -> Self {
        let (interface, function) = (interface.to_owned(), function.to_owned());
        Self {
            ended: Outcome::ALL.map(|outcome| {
                metrics::counter!(
                    CALLS,
                    "plugin" => plugin,
                    "interface" => interface.clone(),
                    "function" => function.clone(),
                    "outcome" => outcome.label()
                )
            }),
            duration: metrics::histogram!(
                CALL_DURATION,
                "plugin" => plugin,
                "interface" => interface,
                "function" => function
            ),
            tally: Arc::clone(tally),
        }
    }

    /// A call has ended that began then.
    pub(crate) fn ended(&self, outcome: Outcome, started: Instant) {
        if let Some(counter) = self.ended.get(outcome as usize) {
            counter.increment(1);
        }
        let took = started.elapsed();
        self.duration.record(took);
        self.tally.add(took);
    }
}
