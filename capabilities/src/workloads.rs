//! [`PerWorkload`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A store for each workload, which no other sees.
///
/// ```
/// use wash_capabilities::{PerWorkload, keyvalue::Memory};
///
/// let stores = PerWorkload::<Memory>::default();
/// let one = stores.of("one", Memory::new);
/// assert!(std::sync::Arc::ptr_eq(&one, &stores.of("one", Memory::new)));
/// stores.forget("one");
/// assert!(!std::sync::Arc::ptr_eq(&one, &stores.of("one", Memory::new)));
/// ```
#[derive(Debug)]
pub struct PerWorkload<S>(Mutex<HashMap<String, Arc<S>>>);

impl<S> Default for PerWorkload<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S> PerWorkload<S> {
    /// The store of the workload of that id, which is made if there is none.
    pub fn of(&self, workload_id: &str, make: impl FnOnce() -> S) -> Arc<S> {
        let mut stores = self.stores();
        let store = match stores.get(workload_id) {
            Some(store) => store,
            None => stores
                .entry(workload_id.to_owned())
                .or_insert_with(|| Arc::new(make())),
        };
        Arc::clone(store)
    }

    /// Lets go of a workload's store.
    pub fn forget(&self, workload_id: &str) {
        self.stores().remove(workload_id);
    }

    /// If `make` panics, nothing has changed, so a poisoned lock is sound.
    fn stores(&self) -> MutexGuard<'_, HashMap<String, Arc<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
