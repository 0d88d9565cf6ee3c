//! What a plugin has of components, by the numbers that it knows: [`Numbered`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Things of components, each with the workload that it belongs to.
pub(super) struct Numbered<T>(Mutex<All<T>>);

struct All<T> {
    entries: HashMap<u32, (u64, Arc<T>)>,
    last: u32,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(Mutex::new(All {
            entries: HashMap::new(),
            last: 0,
        }))
    }
}

impl<T> Numbered<T> {
    fn all(&self) -> MutexGuard<'_, All<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one: its number. Numbers are not soon used again, so that one that
    /// was given up stands for nothing.
    pub(super) fn insert(&self, entry: Arc<T>, workload: u64) -> u32 {
        let mut all = self.all();
        loop {
            all.last = all.last.wrapping_add(1);
            let number = all.last;
            if let Entry::Vacant(place) = all.entries.entry(number) {
                place.insert((workload, entry));
                return number;
            }
        }
    }

    /// The one of that number, which stays.
    pub(super) fn get(&self, number: u32) -> Option<Arc<T>> {
        let all = self.all();
        all.entries.get(&number).map(|(_, entry)| Arc::clone(entry))
    }

    /// The one of that number, which goes.
    pub(super) fn take(&self, number: u32) -> Option<Arc<T>> {
        self.all().entries.remove(&number).map(|(_, entry)| entry)
    }

    /// The numbers of a workload's, or of all.
    pub(super) fn of(&self, workload: Option<u64>) -> Vec<u32> {
        let all = self.all();
        let of = |other: u64| workload.is_none_or(|workload| other == workload);
        let entries = all.entries.iter();
        entries
            .filter(|(_, (workload, _))| of(*workload))
            .map(|(number, _)| *number)
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.all().entries.len()
    }

    /// How many there are of such a kind.
    pub(super) fn count(&self, such: impl Fn(&T) -> bool) -> usize {
        let all = self.all();
        let entries = all.entries.values();
        entries.filter(|(_, entry)| such(entry)).count()
    }
}
