//! Which workloads use a plugin, and what another generation of it has to be
//! told and given to serve them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::generation::Generation;
use super::instance::Instance;
use super::switch::Switch;
use crate::world::InterfaceName;

/// A function that is linked into a component.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The interface, in the version that the component imports.
    pub(super) import: InterfaceName,
    pub(super) function: String,
    pub(super) switch: Arc<Switch>,
}

/// A component or service that is bound.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: String,
    /// The events that the plugin was told, as JSON.
    pub(super) bound: Arc<[u8]>,
    pub(super) resolved: Option<Arc<[u8]>>,
    pub(super) links: Arc<[Link]>,
}

/// A workload that is bound.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) bound: Arc<[u8]>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    items: Vec<Item>,
    generation: Arc<Generation>,
    /// Why it is not served by a later one.
    stays: Option<String>,
}

impl Workload {
    pub(super) fn new(generation: Arc<Generation>, bound: Arc<[u8]>) -> Self {
        Self {
            bound,
            state: Mutex::new(State {
                items: Vec::new(),
                generation,
                stays: None,
            }),
        }
    }

    /// Who serves it.
    pub(super) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.lock().generation)
    }

    /// Why a later generation does not serve it.
    pub(super) fn stays(&self) -> Option<String> {
        self.lock().stays.clone()
    }

    pub(super) fn items(&self) -> Vec<Item> {
        self.lock().items.clone()
    }

    pub(super) fn add(&self, item: Item) {
        self.lock().items.push(item);
    }

    pub(super) fn resolved(&self, item_id: &str, event: Arc<[u8]>) {
        if let Some(item) = self.lock().items.iter_mut().find(|item| item.id == item_id) {
            item.resolved = Some(event);
        }
    }

    /// Another generation serves it from now on.
    pub(super) fn moved(&self, to: Arc<Generation>) {
        let mut state = self.lock();
        state.generation = to;
        state.stays = None;
    }

    /// It could not be moved.
    pub(super) fn stayed(&self, reason: String) {
        self.lock().stays = Some(reason);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The workloads that are bound, by their ids.
#[derive(Debug, Default)]
pub(super) struct Bound(Mutex<BTreeMap<String, Arc<Workload>>>);

impl Bound {
    pub(super) fn insert(&self, id: &str, workload: Workload) {
        self.lock().insert(id.to_owned(), Arc::new(workload));
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Workload>> {
        self.lock().get(id).map(Arc::clone)
    }

    pub(super) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub(super) fn all(&self) -> Vec<(String, Arc<Workload>)> {
        self.lock()
            .iter()
            .map(|(id, workload)| (id.clone(), Arc::clone(workload)))
            .collect()
    }

    /// The ids of those that this generation serves.
    pub(super) fn served_by(&self, generation: &Arc<Generation>) -> Vec<String> {
        self.all()
            .into_iter()
            .filter(|(_, workload)| Arc::ptr_eq(&workload.generation(), generation))
            .map(|(id, _)| id)
            .collect()
    }

    /// Lets go of what an earlier generation was linked with.
    ///
    /// # Safety
    ///
    /// That of [`Switch::forget`], for each function.
    #[allow(unsafe_code, reason = "passes the obligation on")]
    pub(super) unsafe fn forget(&self, instance: &Arc<Instance>) {
        for (_, workload) in self.all() {
            for item in workload.items() {
                for link in item.links.iter() {
                    // SAFETY: the caller's word.
                    unsafe { link.switch.forget(instance) };
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Workload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
