//! Instances kept warm.

use std::sync::{Mutex, PoisonError};

use crate::engine::workload::InstancePolicy;

/// Keeps instances that have served a request and can serve another.
///
/// A component does not take part unless its workload asks for it: a warm
/// instance remembers what earlier requests left in its memory.
pub(super) struct Pool<T> {
    policy: InstancePolicy,
    /// `None` once the workload takes no more requests.
    idle: Mutex<Option<Vec<Warm<T>>>>,
}

/// An instance, and how many requests it has served.
pub(super) struct Warm<T> {
    pub(super) instance: T,
    served: u32,
}

impl<T> Warm<T> {
    pub(super) fn fresh(instance: T) -> Self {
        Self {
            instance,
            served: 0,
        }
    }
}

impl<T> Pool<T> {
    pub(super) fn new(policy: InstancePolicy) -> Self {
        Self {
            policy,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// The instance that was used last: its memory is the warmest.
    pub(super) fn take(&self) -> Option<Warm<T>> {
        if self.policy.pool_size == 0 {
            return None;
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()?
            .pop()
    }

    /// Keeps an instance that has served a request well, or retires it.
    pub(super) fn put(&self, mut warm: Warm<T>) {
        warm.served = warm.served.saturating_add(1);
        let retires = (self.policy.max_invocations).is_some_and(|most| warm.served >= most);
        if self.policy.pool_size == 0 || retires {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = idle
            .as_mut()
            .filter(|idle| idle.len() < self.policy.pool_size)
        {
            idle.push(warm);
        }
    }

    /// Retires all instances, and each that is put back from now on.
    pub(super) fn close(&self) {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // Not under the lock: an instance may be large.
        drop(idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(pool_size: usize, max_invocations: Option<u32>) -> Pool<&'static str> {
        Pool::new(InstancePolicy {
            pool_size,
            max_invocations,
            max_concurrency: 1,
        })
    }

    fn taken(pool: &Pool<&'static str>) -> Option<&'static str> {
        pool.take().map(|warm| warm.instance)
    }

    #[test]
    fn nothing_is_kept_unless_asked_for() {
        let pool = pool(0, None);
        pool.put(Warm::fresh("a"));
        assert_eq!(taken(&pool), None);
    }

    #[test]
    fn no_more_are_kept_than_asked_for_and_the_last_comes_first() {
        let pool = pool(2, None);
        for name in ["a", "b", "c"] {
            pool.put(Warm::fresh(name));
        }
        assert_eq!(taken(&pool), Some("b"));
        assert_eq!(taken(&pool), Some("a"));
        assert_eq!(taken(&pool), None);
    }

    #[test]
    fn an_instance_retires_after_its_last_invocation() {
        let pool = pool(1, Some(2));
        pool.put(Warm::fresh("a"));
        let again = pool.take().unwrap();
        pool.put(again);
        assert_eq!(taken(&pool), None);
    }

    #[test]
    fn a_closed_pool_keeps_nothing() {
        let pool = pool(2, None);
        pool.put(Warm::fresh("a"));
        pool.close();
        pool.put(Warm::fresh("b"));
        assert_eq!(taken(&pool), None);
    }
}
