//! Which workloads use a plugin, and what another generation of it has to be
//! told and given to serve them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

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
    /// Whether it is the workload's service, which runs as long as that.
    pub(super) is_service: bool,
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
    /// Whether the generation is still to be told what was resolved.
    is_held_back: bool,
}

impl Workload {
    pub(super) fn new(generation: Arc<Generation>, bound: Arc<[u8]>) -> Self {
        Self {
            bound,
            state: Mutex::new(State {
                items: Vec::new(),
                generation,
                stays: None,
                is_held_back: false,
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

    /// Whether it has a service.
    pub(super) fn has_service(&self) -> bool {
        self.lock().items.iter().any(|item| item.is_service)
    }

    pub(super) fn add(&self, item: Item) {
        self.lock().items.push(item);
    }

    pub(super) fn resolved(&self, item_id: &str, event: Arc<[u8]>) {
        if let Some(item) = self.lock().items.iter_mut().find(|item| item.id == item_id) {
            item.resolved = Some(event);
        }
    }

    /// What was resolved is to be told later.
    pub(super) fn hold_back(&self) {
        self.lock().is_held_back = true;
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.lock().is_held_back
    }

    /// Whether there is something that was held back: the caller tells it now.
    pub(super) fn release(&self) -> bool {
        std::mem::take(&mut self.lock().is_held_back)
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

/// The workloads that are bound, by their ids and by the numbers of the hosts
/// that bound them: while a host is rebuilt, two have the same ones.
#[derive(Debug, Default)]
pub(super) struct Bound(Mutex<BTreeMap<(String, u64), Arc<Workload>>>);

impl Bound {
    pub(super) fn insert(&self, id: &str, host: u64, workload: Workload) {
        self.lock()
            .insert((id.to_owned(), host), Arc::new(workload));
    }

    pub(super) fn get(&self, id: &str, host: u64) -> Option<Arc<Workload>> {
        self.lock().get(&(id.to_owned(), host)).map(Arc::clone)
    }

    /// What the earliest host of those that have it bound.
    pub(super) fn first(&self, id: &str) -> Option<Arc<Workload>> {
        let all = self.lock();
        let mut of_it = all.range((id.to_owned(), 0)..=(id.to_owned(), u64::MAX));
        of_it.next().map(|(_, workload)| Arc::clone(workload))
    }

    /// Whether that is what this host bound.
    pub(super) fn is_first(&self, id: &str, host: u64) -> bool {
        let bound = self.get(id, host);
        matches!((bound, self.first(id)), (Some(bound), Some(first)) if Arc::ptr_eq(&bound, &first))
    }

    pub(super) fn remove(&self, id: &str, host: u64) -> Option<Arc<Workload>> {
        self.lock().remove(&(id.to_owned(), host))
    }

    /// Those of a host.
    pub(super) fn of_host(&self, host: u64) -> Vec<String> {
        let all = self.lock();
        let of_it = all.keys().filter(|(_, of)| *of == host);
        of_it.map(|(id, _)| id.clone()).collect()
    }

    /// All, in the order of their ids; of those with one id, that of the
    /// earliest host is first.
    pub(super) fn all(&self) -> Vec<(String, Arc<Workload>)> {
        self.lock()
            .iter()
            .map(|((id, _), workload)| (id.clone(), Arc::clone(workload)))
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

    /// The workloads with a service that this generation serves. They are
    /// dropped when they are unbound.
    pub(super) fn services_of(&self, generation: &Arc<Generation>) -> Vec<Weak<Workload>> {
        let all = self.lock();
        let served = all.values().filter(|workload| {
            workload.has_service() && Arc::ptr_eq(&workload.generation(), generation)
        });
        served.map(Arc::downgrade).collect()
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, u64), Arc<Workload>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
