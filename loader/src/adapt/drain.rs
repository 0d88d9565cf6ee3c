//! A generation that another one has followed goes on until nothing needs it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::bound::Workload;
use super::generation::Generation;
use super::hook::{self, Hook, LifecycleError};
use super::update::{Keep, UpdateOptions};
use super::{LoadedPlugin, STOP_DEADLINE, State, grace};

/// How often a generation that drains is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// How often one is looked at that is kept for longer than the drain time.
const LONG_PAUSE: Duration = Duration::from_millis(500);

/// For how long a generation that nobody is bound to may be used.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    keep: Keep,
    /// The workloads with a service that it has served.
    services: Vec<Weak<Workload>>,
}

impl Patience {
    pub(super) fn new(options: UpdateOptions, services: Vec<Weak<Workload>>) -> Self {
        Self {
            limit: options.drain,
            keep: options.keep,
            services,
        }
    }

    /// Whether the generation may be used for longer than the limit.
    fn has_no_end(&self) -> bool {
        match self.keep {
            Keep::Never => false,
            // One that was unbound is dropped.
            Keep::ForServices => self.services.iter().any(|of| of.strong_count() > 0),
            Keep::WhileUsed => true,
        }
    }
}

impl LoadedPlugin {
    /// Waits until nothing needs a generation any more, and ends it.
    pub(super) async fn drain(self: Arc<Self>, generation: Arc<Generation>, patience: Patience) {
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
        let mut passing = std::pin::pin!(grace::passed());
        let mut has_passed = false;
        let mut is_kept = false;
        loop {
            let pause = if is_kept { LONG_PAUSE } else { PAUSE };
            if has_passed {
                if generation.is_idle() {
                    break;
                }
                tokio::time::sleep(pause).await;
            } else {
                has_passed = tokio::time::timeout(pause, passing.as_mut()).await.is_ok();
            }
            if self.is_ended() {
                return;
            }
            if unused_since.elapsed() < patience.limit || has_passed && generation.is_idle() {
                continue;
            }
            if !patience.has_no_end() {
                tracing::warn!(
                    plugin = self.id,
                    generation = generation.number,
                    resources = generation.instance.live_resources(),
                    calls = generation.instance.pending_calls(),
                    "the previous version is stopped, although components still use it"
                );
                break;
            }
            if !std::mem::replace(&mut is_kept, true) {
                tracing::info!(
                    plugin = self.id,
                    generation = generation.number,
                    version = generation.version(),
                    resources = generation.instance.live_resources(),
                    calls = generation.instance.pending_calls(),
                    "the previous version is kept as long as components use it"
                );
            }
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
                    "the previous version is retired"
                ),
                Err(error) => tracing::warn!(
                    plugin = self.id,
                    generation = generation.number,
                    "the previous version did not stop cleanly: {error}"
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
