//! Waits for files that are being written: [`Patience`].

use std::time::{Duration, Instant};

use crate::allow::Allow;
use crate::inspect::Inspected;
use crate::rejection::Rejection;
use crate::scan::Candidate;

/// How long files that are being written are waited for, all together.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at such a file.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits for files that are being written.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// Since when; not before the first of them.
    since: Option<Instant>,
}

impl Patience {
    /// Inspects a file, again and again while it is being written and some
    /// patience is left.
    pub(crate) fn inspect(
        &mut self,
        candidate: &Candidate,
        allow: Allow,
    ) -> Result<Inspected, Rejection> {
        loop {
            match candidate.clone().inspect_with(allow) {
                Err(rejection) if rejection.may_pass() && self.is_left() => {
                    std::thread::sleep(PAUSE);
                }
                inspected => return inspected,
            }
        }
    }

    fn is_left(&mut self) -> bool {
        self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}
