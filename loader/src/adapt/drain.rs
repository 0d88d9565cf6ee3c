//! A generation that another one has followed goes on until nothing needs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::generation::Generation;
use super::hook::{self, Hook, LifecycleError};
use super::{LoadedPlugin, STOP_DEADLINE, State, grace};

/// How often a generation that drains is looked at.
const PAUSE: Duration = Duration::from_millis(20);

impl LoadedPlugin {
    /// Waits until nothing needs a generation any more, and ends it.
    pub(super) async fn drain(self: Arc<Self>, generation: Arc<Generation>, limit: Duration) {
        while !self.bound.served_by(&generation).is_empty() {
            if self.is_ended() {
                // The host's stop has ended it.
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let unused_since = Instant::now();
        // After that, each call that went to it has ended, or is counted; and
        // whatever resource it made is.
        let has_passed = tokio::time::timeout(limit, grace::passed()).await.is_ok();
        while !(has_passed && generation.is_idle()) {
            if self.is_ended() {
                return;
            }
            if unused_since.elapsed() >= limit {
                tracing::warn!(
                    plugin = self.id,
                    generation = generation.number,
                    resources = generation.instance.live_resources(),
                    calls = generation.instance.pending_calls(),
                    "the version before is stopped, although components still use it"
                );
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if has_passed {
            // SAFETY: the grace period began after the last workload was
            // switched away from it, and nothing is ever switched back.
            #[allow(unsafe_code, reason = "who waits for the grace period lets go")]
            unsafe {
                self.bound.forget(&generation.instance);
            }
        }
        let was_draining = match &mut *self.state() {
            State::Started(generations) => {
                let before = generations.draining.len();
                generations
                    .draining
                    .retain(|other| !Arc::ptr_eq(other, &generation));
                generations.draining.len() < before
            }
            State::Fresh | State::Ended => false,
        };
        if was_draining {
            for (id, _) in self.bound.all() {
                self.unbind(&generation, &id).await;
            }
            match end(&generation, STOP_DEADLINE).await {
                Ok(()) => tracing::info!(
                    plugin = self.id,
                    generation = generation.number,
                    version = generation.version(),
                    "the version before is retired"
                ),
                Err(error) => tracing::warn!(
                    plugin = self.id,
                    generation = generation.number,
                    "the version before did not stop cleanly: {error}"
                ),
            }
        }
    }
}

/// Stops a generation that nobody calls any more.
pub(super) async fn end(generation: &Generation, deadline: Duration) -> Result<(), LifecycleError> {
    let instance = Arc::clone(&generation.instance);
    let stopped = hook::run(instance, Hook::Stop, Vec::new(), deadline).await;
    generation.instance.release_all();
    stopped.map(drop)
}
