//! Values that stay for the life of the process, each once: [`Interner`].

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Keeps one of each value that it is given. They are few, however often a plugin
/// is loaded: what plugins are called, and their functions.
pub(crate) struct Interner<T: 'static>(Mutex<BTreeSet<&'static T>>);

impl<T: Ord> Interner<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    /// The one that is equal to `value`, which stays from now on.
    pub(crate) fn get(&self, value: T) -> &'static T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&value) {
            return known;
        }
        let value: &'static T = Box::leak(Box::new(value));
        known.insert(value);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        static NAMES: Interner<String> = Interner::new();
        let first = NAMES.get("a".to_owned());
        assert!(std::ptr::eq(first, NAMES.get("a".to_owned())));
        assert_eq!(NAMES.get("b".to_owned()), "b");
    }
}
