//! What the operator hears of requests.

use std::{fmt, time::Duration};

use wasmtime::{Error, WasmBacktrace};

use super::call::ReachedLimit;
use crate::{engine::workload::ResolvedWorkload, observability::RequestMetrics};

/// Logs and counts for one component.
pub(super) struct Reporter {
    workload: String,
    workload_id: String,
    component: String,
    pub(super) metrics: RequestMetrics,
}

impl Reporter {
    pub(super) fn new(workload: &ResolvedWorkload, component: &str) -> Self {
        Self {
            workload: workload.name().to_string(),
            workload_id: workload.id().to_string(),
            component: component.to_string(),
            metrics: RequestMetrics::new(workload.name()),
        }
    }

    /// A call trapped, or could not be made.
    pub(super) fn failed(&self, error: &Error) {
        self.metrics.count_trap();
        tracing::error!(
            workload = self.workload,
            workload_id = self.workload_id,
            component = self.component,
            cause = %OneLine(error.root_cause()),
            limit = error.downcast_ref::<ReachedLimit>().map(tracing::field::display),
            backtrace = error
                .downcast_ref::<WasmBacktrace>()
                .map(|backtrace| tracing::field::display(OneLine(backtrace))),
            "the component failed while it served a request"
        );
    }

    /// A call took too long to answer, and was ended.
    pub(super) fn timed_out(&self, timeout: Duration) {
        tracing::error!(
            workload = self.workload,
            workload_id = self.workload_id,
            component = self.component,
            cause = %format_args!("it did not answer within {timeout:?}, the server's response timeout"),
            "the component was ended while it served a request"
        );
    }

    /// There was no room for an instance.
    pub(super) fn busy(&self, error: &Error) {
        tracing::warn!(
            workload = self.workload,
            workload_id = self.workload_id,
            component = self.component,
            cause = %OneLine(error.root_cause()),
            "a request was refused: the engine has no room for another instance; raise its \
             maximum of instances"
        );
    }

    /// The guest answered with an error code in place of a response.
    pub(super) fn refused(&self, code: &str) {
        tracing::error!(
            workload = self.workload,
            workload_id = self.workload_id,
            component = self.component,
            cause = code,
            "the component answered a request with an error code"
        );
    }

    /// The guest returned without an answer.
    pub(super) fn unanswered(&self) {
        tracing::error!(
            workload = self.workload,
            workload_id = self.workload_id,
            component = self.component,
            cause = "it returned without setting a response",
            "the component did not answer a request"
        );
    }
}

/// Shows something in one line, whatever it has.
struct OneLine<T>(T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        for (index, word) in text.split_whitespace().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::OneLine;

    #[test]
    fn any_text_is_one_line() {
        assert_eq!(OneLine(" a\n  b\tc\n").to_string(), "a b c");
    }
}
