//! What the host measures.
//!
//! Counters are kept through the [`metrics`] facade, so it is the embedder who
//! chooses where they go: install a recorder before the host is built. Without
//! one, nothing is kept.
//!
//! | name | labels | counts |
//! |---|---|---|
//! | [`REQUESTS`] | `workload`, `status` | HTTP requests answered; `workload` is empty if none took it |
//! | [`TRAPS`] | `workload` | HTTP requests in which the component trapped |

use std::sync::OnceLock;

use http::StatusCode;
use metrics::Counter;

/// HTTP requests answered, by `workload` and `status`.
pub const REQUESTS: &str = "wash_http_requests_total";

/// HTTP requests in which the component trapped, by `workload`.
pub const TRAPS: &str = "wash_http_traps_total";

/// Tells the installed recorder what the counters of this crate mean.
pub fn describe_metrics() {
    metrics::describe_counter!(REQUESTS, "HTTP requests answered");
    metrics::describe_counter!(TRAPS, "HTTP requests in which the component trapped");
}

/// The counters of one workload's requests, each registered when it first
/// counts something, and not looked up after that.
pub(crate) struct RequestMetrics {
    workload: String,
    /// One for each status from 100 to 599.
    requests: [OnceLock<Counter>; 500],
    traps: OnceLock<Counter>,
}

impl RequestMetrics {
    pub(crate) fn new(workload: &str) -> Self {
        Self {
            workload: workload.to_string(),
            requests: [const { OnceLock::new() }; 500],
            traps: OnceLock::new(),
        }
    }

    pub(crate) fn count_request(&self, status: StatusCode) {
        let register = || {
            metrics::counter!(
                REQUESTS,
                "workload" => self.workload.clone(),
                "status" => status.as_str().to_string()
            )
        };
        let index = usize::from(status.as_u16()).wrapping_sub(100);
        match self.requests.get(index) {
            Some(counter) => counter.get_or_init(register).increment(1),
            None => register().increment(1),
        }
    }

    pub(crate) fn count_trap(&self) {
        self.traps
            .get_or_init(|| metrics::counter!(TRAPS, "workload" => self.workload.clone()))
            .increment(1);
    }
}

/// The instruments that a host hands out at its start.
///
/// This version of the runtime records nothing yet; the type is here so that
/// plugins can take part in [`inject_meters`](crate::plugin::HostPlugin::inject_meters)
/// and keep compiling when instruments are added.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Meters {}

impl Meters {
    /// Meters that record nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
