//! Which generation of a plugin answers a function: [`Switch`].
#![allow(
    unsafe_code,
    reason = "the current target is read without a lock, and freed after a grace period"
)]

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::call::Target;
use super::grace::Entered;
use super::instance::Instance;

/// A function as it is linked into a component: the target that answers it
/// now, and those of earlier generations, for what they still have.
#[derive(Debug)]
pub(super) struct Switch {
    /// Of an `Arc` that this owns.
    current: AtomicPtr<Target>,
    older: Mutex<Vec<Arc<Target>>>,
    /// Whether there has ever been another: most calls need not look.
    has_changed: AtomicBool,
}

impl Switch {
    pub(super) fn new(target: Target) -> Self {
        Self {
            current: AtomicPtr::new(Arc::into_raw(target.shared()).cast_mut()),
            older: Mutex::default(),
            has_changed: AtomicBool::new(false),
        }
    }

    /// The target for a call that has begun.
    #[inline]
    pub(super) fn current<'a>(&'a self, _call: &'a Entered) -> &'a Target {
        // SAFETY: it is freed by `forget` only, whose caller has waited for all
        // calls that had begun by the time it was replaced.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// Whether it had another target before.
    #[inline]
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Acquire)
    }

    /// The target of an earlier generation, where one has this instance.
    pub(super) fn older(&self, instance: &Arc<Instance>) -> Option<Arc<Target>> {
        let older = self.lock();
        let found = older.iter().find(|target| target.is_of(instance));
        found.map(Arc::clone)
    }

    /// Makes another target the current one.
    pub(super) fn to(&self, target: Target) {
        // Before the new one can be seen.
        self.has_changed.store(true, Ordering::SeqCst);
        let new = Arc::into_raw(target.shared()).cast_mut();
        // Whoever sees the new one finds the old one.
        let mut older = self.lock();
        let old = self.current.swap(new, Ordering::SeqCst);
        // SAFETY: it came from `Arc::into_raw`, and nobody else takes it.
        older.push(unsafe { Arc::from_raw(old) });
    }

    /// Lets go of an earlier generation's target.
    ///
    /// # Safety
    ///
    /// Since it was replaced, a grace period must have passed: see
    /// [`grace::passed`](super::grace::passed).
    pub(super) unsafe fn forget(&self, instance: &Arc<Instance>) {
        self.lock().retain(|target| !target.is_of(instance));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Target>>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // SAFETY: it came from `Arc::into_raw`, and nobody can call any more:
        // they would have a reference to this.
        drop(unsafe { Arc::from_raw(*self.current.get_mut()) });
    }
}
