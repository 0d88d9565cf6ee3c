//! What the host offers beside calls, found once the plugin is made.
#![allow(unsafe_code, reason = "the host is a pointer and functions")]

use std::ffi::c_void;
use std::sync::{PoisonError, RwLock};

use crate::abi::{HostV1, Slice};

/// An extension of the host, with the vtable `T`. There is none before the
/// plugin is made, and after it is destroyed: threads that it left behind may
/// go on for longer than the host listens.
pub(super) struct Extension<T: 'static> {
    id: &'static str,
    found: RwLock<Option<Extending<T>>>,
}

/// An extension that was found.
pub(super) struct Extending<T: 'static> {
    /// The first argument of its functions.
    pub(super) data: *const c_void,
    pub(super) vtable: &'static T,
}

// SAFETY: the ABI says that a host's extensions may be used from any thread.
unsafe impl<T> Send for Extending<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Extending<T> {}

impl<T: 'static> Extension<T> {
    pub(super) const fn new(id: &'static str) -> Self {
        Self {
            id,
            found: RwLock::new(None),
        }
    }

    /// Looks for it: whether the host has it.
    ///
    /// # Safety
    ///
    /// `host` must point to the host, and the host outlive the plugin. `T`
    /// must be what the ABI says that the id stands for.
    pub(super) unsafe fn install(&self, host: *const HostV1) -> bool {
        // SAFETY: the caller's promise; an extension's vtable lives as long.
        let found = unsafe {
            let extension = ((*host).extension)((*host).data, Slice::new(self.id.as_bytes()));
            extension.cast::<T>().as_ref().map(|vtable| Extending {
                data: (*host).data,
                vtable,
            })
        };
        let is_there = found.is_some();
        if is_there {
            *self.found.write().unwrap_or_else(PoisonError::into_inner) = found;
        }
        is_there
    }

    /// Lets go of the host.
    pub(super) fn uninstall(&self) {
        *self.found.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Runs `f` with the extension, which stays until it returns.
    pub(super) fn with<R>(&self, f: impl FnOnce(&Extending<T>) -> R) -> Option<R> {
        self.found
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(f)
    }
}
