//! The resources that a plugin has given to components, by number.
//!
//! A number is a place and its generation, so one that is stale or made up is
//! an error, and not another resource. Finding a resource takes no lock that
//! others wait for: each place has its own.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::codec::CodecError;

/// What a resource is, to the slab.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// Bits of a number that are its place; the others are its generation.
const PLACE_BITS: u32 = 22;
/// Places of the first page; each further page has twice as many.
const FIRST_PAGE: usize = 64;
const PAGES: usize = 17;

pub(crate) struct Slab {
    pages: [OnceLock<Box<[Mutex<Slot>]>>; PAGES],
    free: Mutex<Free>,
    live: AtomicU64,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

struct Entry {
    value: Value,
    /// The workload that it was made for.
    workload: u64,
}

struct Free {
    places: Vec<u32>,
    /// The first place that was never used.
    next: u32,
}

impl Slab {
    pub(crate) const fn new() -> Self {
        Self {
            pages: [const { OnceLock::new() }; PAGES],
            free: Mutex::new(Free {
                places: Vec::new(),
                next: 0,
            }),
            live: AtomicU64::new(0),
        }
    }

    /// How many resources there are.
    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Keeps a resource: its number.
    pub(crate) fn insert(&self, value: Value, workload: u64) -> Result<u32, CodecError> {
        let place = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            match free.places.pop() {
                Some(place) => place,
                None if free.next < 1 << PLACE_BITS => {
                    free.next += 1;
                    free.next - 1
                }
                None => return Err(CodecError::TooManyResources),
            }
        };
        let (page, index) = locate(place);
        let slots = self
            .pages
            .get(page)
            .map(|page_slots| {
                page_slots
                    .get_or_init(|| (0..FIRST_PAGE << page).map(|_| Mutex::default()).collect())
            })
            .and_then(|slots| slots.get(index))
            .ok_or(CodecError::TooManyResources)?;
        let mut slot = slots.lock().unwrap_or_else(PoisonError::into_inner);
        slot.entry = Some(Entry { value, workload });
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(slot.generation << PLACE_BITS | place)
    }

    /// The resource of that number, which stays.
    pub(crate) fn get(&self, number: u32) -> Option<Value> {
        let slot = self
            .slot(number)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = slot.entry.as_ref()?;
        (slot.generation == number >> PLACE_BITS).then(|| Arc::clone(&entry.value))
    }

    /// The resource of that number, which goes: this is the only time.
    pub(crate) fn take(&self, number: u32) -> Option<Value> {
        let entry = {
            let mut slot = self
                .slot(number)?
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if slot.generation != number >> PLACE_BITS {
                return None;
            }
            let entry = slot.entry.take()?;
            slot.generation = (slot.generation + 1) & (u32::MAX >> PLACE_BITS);
            entry
        };
        self.live.fetch_sub(1, Ordering::Relaxed);
        let place = number & ((1 << PLACE_BITS) - 1);
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .places
            .push(place);
        Some(entry.value)
    }

    /// Drops all resources that were made for a workload, or all there are.
    pub(crate) fn release(&self, workload: Option<u64>) {
        let used = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next;
        for place in 0..used {
            let number = self.slot(place).and_then(|slot| {
                let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                let entry = slot.entry.as_ref()?;
                let matches = workload.is_none_or(|workload| entry.workload == workload);
                matches.then_some(slot.generation << PLACE_BITS | place)
            });
            // Dropped outside of the lock: it is the author's code.
            drop(number.and_then(|number| self.take(number)));
        }
    }

    fn slot(&self, number: u32) -> Option<&Mutex<Slot>> {
        let (page, index) = locate(number & ((1 << PLACE_BITS) - 1));
        self.pages.get(page)?.get()?.get(index)
    }
}

/// Page, and index in it, of a place.
fn locate(place: u32) -> (usize, usize) {
    let shifted = place as usize + FIRST_PAGE;
    let page = shifted.ilog2() as usize - FIRST_PAGE.ilog2() as usize;
    (page, shifted - (FIRST_PAGE << page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(n: u32) -> Value {
        Arc::new(n)
    }

    #[test]
    fn places_are_on_pages_that_double() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(63), (0, 63));
        assert_eq!(locate(64), (1, 0));
        assert_eq!(locate(191), (1, 127));
        assert_eq!(locate(192), (2, 0));
        let (page, _) = locate((1 << PLACE_BITS) - 1);
        assert!(page < PAGES);
    }

    #[test]
    fn a_number_works_until_it_is_taken_and_never_again() {
        let slab = Slab::new();
        let first = slab.insert(value(1), 7).unwrap();
        assert!(slab.get(first).is_some());
        assert!(slab.take(first).is_some());
        assert!(slab.get(first).is_none());
        assert!(slab.take(first).is_none());
        // The place is used again, under another number.
        let second = slab.insert(value(2), 7).unwrap();
        assert_ne!(first, second);
        assert!(slab.get(first).is_none());
        assert_eq!(slab.get(second).unwrap().downcast_ref(), Some(&2_u32));
        assert_eq!(slab.live(), 1);
    }

    #[test]
    fn numbers_that_were_never_given_out_stand_for_nothing() {
        let slab = Slab::new();
        let number = slab.insert(value(1), 1).unwrap();
        for forged in [number + 1, number ^ 1 << PLACE_BITS, u32::MAX, 1 << 31] {
            assert!(slab.get(forged).is_none(), "{forged:#x}");
            assert!(slab.take(forged).is_none(), "{forged:#x}");
        }
    }

    #[test]
    fn a_workloads_resources_go_together() {
        struct Counted(Arc<AtomicU64>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let slab = Slab::new();
        let dropped = Arc::new(AtomicU64::new(0));
        let numbers: Vec<_> = (0..1000)
            .map(|i| {
                slab.insert(Arc::new(Counted(Arc::clone(&dropped))), i % 2 + 1)
                    .unwrap()
            })
            .collect();
        slab.release(Some(1));
        assert_eq!((slab.live(), dropped.load(Ordering::Relaxed)), (500, 500));
        for number in numbers {
            drop(slab.take(number));
        }
        assert_eq!((slab.live(), dropped.load(Ordering::Relaxed)), (0, 1000));
        slab.insert(Arc::new(Counted(Arc::clone(&dropped))), 3)
            .unwrap();
        slab.release(None);
        assert_eq!((slab.live(), dropped.load(Ordering::Relaxed)), (0, 1001));
    }

    #[test]
    fn threads_get_numbers_of_their_own() {
        let slab = Slab::new();
        let per_thread = 2_000;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..per_thread {
                        let number = slab.insert(value(n), 1).unwrap();
                        assert_eq!(slab.get(number).unwrap().downcast_ref(), Some(&n));
                        if n % 3 == 0 {
                            assert_eq!(slab.take(number).unwrap().downcast_ref(), Some(&n));
                        }
                    }
                });
            }
        });
        let kept = per_thread - per_thread.div_ceil(3);
        assert_eq!(slab.live(), u64::from(4 * kept));
    }
}
