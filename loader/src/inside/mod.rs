//! Knows which plugin a thread is in, so that a crash there names it.
//!
//! A plugin runs in the host's process. If it overflows its stack, or accesses memory that
//! is not there, the kernel raises a signal, and the process ends: nothing can stop that
//! safely. What can be done is to say who it was. [`run`] notes a [`Place`] for as long as a
//! plugin's function runs on a thread, which costs a call two plain writes, and a handler
//! of the signal reads it (`crash.rs`).

#[cfg(unix)]
mod crash;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;

/// A function of a plugin, or several, as they are named in a message.
#[derive(Debug)]
pub(crate) struct Place(Box<str>);

impl Place {
    /// `what` completes "in", such as "its hook `start`".
    pub(crate) fn new(plugin: &str, what: impl std::fmt::Display) -> Self {
        Self(format!("plugin `{plugin}`, in {what}").into())
    }

    fn text(&self) -> &str {
        &self.0
    }
}

thread_local! {
    /// Where this thread is; null where it is in no plugin.
    static CURRENT: Cell<*const Place> = const { Cell::new(ptr::null()) };
}

/// Runs `f`, which calls a function of a plugin. Calls may be nested: a plugin calls the
/// host, which calls another plugin.
#[inline]
pub(crate) fn run<R>(place: &Place, f: impl FnOnce() -> R) -> R {
    let _back = Back(CURRENT.replace(place));
    f()
}

/// Sets the place of before again, also if what ran panicked.
struct Back(*const Place);

impl Drop for Back {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// What a thread of a plugin's own has until it ends.
struct Own {
    /// `CURRENT` points to it.
    _place: Arc<Place>,
    #[cfg(unix)]
    _stack: Option<crash::SignalStack>,
}

impl Drop for Own {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// Notes that this thread is a plugin's own, until it ends. It gets a stack for the handler
/// of signals, which the standard library gives to the threads of the host alone.
pub(crate) fn stay(place: &Arc<Place>) {
    let own = Own {
        _place: Arc::clone(place),
        #[cfg(unix)]
        _stack: crash::SignalStack::install(),
    };
    // If the thread ends just now, it is not worth it. What was kept before lets go of
    // `CURRENT` as it is dropped, so it goes first.
    let is_kept = OWN.try_with(|slot| drop(slot.replace(Some(own)))).is_ok();
    if is_kept {
        CURRENT.set(Arc::as_ptr(place));
    }
}

/// Prepares the process to name a plugin that crashes. Only the first call does something.
pub(crate) fn watch() {
    #[cfg(unix)]
    crash::install();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_where_it_was_after_a_call() {
        let (outer, inner) = (Place::new("a", "b"), Place::new("c", "d"));
        assert_eq!(outer.text(), "plugin `a`, in b");
        let here = || CURRENT.get();
        run(&outer, || {
            assert_eq!(here(), &raw const outer);
            run(&inner, || assert_eq!(here(), &raw const inner));
            assert_eq!(here(), &raw const outer);
            let panicked = std::panic::catch_unwind(|| run(&inner, || panic!("on purpose")));
            panicked.unwrap_err();
            assert_eq!(here(), &raw const outer);
        });
        assert!(here().is_null());
    }
}
