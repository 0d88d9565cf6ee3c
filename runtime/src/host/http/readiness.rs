//! [`Readiness`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Tells an [`Ingress`](super::Ingress) when all workloads have started that it
/// is meant for, so that it can tell a request that comes too early from one
/// that is for no workload.
///
/// Its clones are one and the same. wasmCloud's own crate has no such type.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// A readiness that has not been reached.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the workloads have started. It stays so.
    pub fn ready(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the workloads have started.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
