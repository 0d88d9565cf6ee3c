//! Arguments that stay where they are, in the component's memory: [`LentArgs`].
//!
//! While a plugin answers a function at once, the component stands still, and so
//! does its memory: what is long in it need not be copied to be looked at.
#![allow(
    unsafe_code,
    reason = "the component's memory is referred to between the reading of the arguments and the call"
)]

use wash_plugin_abi::abi::{self, Buffer, LENT_AT, Slice};
use wash_runtime::wasmtime::Result;

use super::values::append;
use super::{pair, pair_bytes, slice};

/// As long as this, in bytes, a list or string costs more to copy than to lend.
pub(super) const LEND_FROM: usize = 32;

/// The strings and lists of numbers among a call's arguments that are lent.
#[derive(Debug)]
pub(crate) struct LentArgs {
    places: Vec<Place>,
    /// The component's memory.
    memory: Slice,
}

/// Where in the arguments offset and length of one stand.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    /// Bytes of an element, and their alignment.
    size: usize,
}

impl Default for LentArgs {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            memory: Slice::EMPTY,
        }
    }
}

impl LentArgs {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.places.clear();
    }

    /// Has the list, or string, of elements of that size whose offset is written
    /// at `at` read from the component's memory, behind [`LENT_AT`].
    #[inline]
    pub(super) fn add(&mut self, at: usize, size: usize, memory: &[u8]) {
        self.memory = Slice::new(memory);
        self.places.push(Place { at, size });
    }

    /// Lends what was not copied with the arguments, or copies it to them if the
    /// plugin does not take it: whether something is lent.
    ///
    /// # Errors
    ///
    /// When there is no more memory.
    ///
    /// # Safety
    ///
    /// The component must not have run since the arguments were read, and not run
    /// until the plugin has returned.
    #[inline]
    pub(crate) unsafe fn pass(&self, args: &mut Buffer, is_taken: bool) -> Result<bool> {
        if self.places.is_empty() {
            return Ok(false);
        }
        // SAFETY: the caller's promise.
        unsafe { self.pass_some(args, is_taken) }
    }

    /// The same, where there is some.
    ///
    /// # Safety
    ///
    /// As for [`Self::pass`].
    #[inline(never)]
    unsafe fn pass_some(&self, args: &mut Buffer, is_taken: bool) -> Result<bool> {
        // What is behind must be told from the rest by its offset.
        if is_taken && args.as_slice().len() < LENT_AT / 2 {
            abi::lend_args(args, self.memory)?;
            return Ok(true);
        }
        // SAFETY: the caller's promise: the memory is as it was.
        let memory = unsafe { self.memory.as_bytes() };
        for Place { at, size } in &self.places {
            let (from, len) = pair(args.as_slice(), *at)?;
            let bytes = slice(
                memory,
                from.saturating_sub(LENT_AT),
                len.saturating_mul(*size),
            )?;
            let offset = append(args, bytes, *size)?;
            let place = args.as_mut_slice().get_mut(*at..);
            if let Some(place) = place.and_then(|rest| rest.first_chunk_mut()) {
                *place = pair_bytes(offset, len)?;
            }
        }
        Ok(false)
    }
}
