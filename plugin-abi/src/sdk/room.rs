//! Memory for a future: [`Room`].
//!
//! Most futures are done when they are first polled, and the next one takes the
//! same memory: each thread keeps some.
#![allow(
    unsafe_code,
    reason = "memory is kept between values of different types"
)]

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// What is kept is for values of at most this size and alignment.
const KEPT: Layout = match Layout::from_size_align(1024, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("16 is a power of two"),
};

thread_local! {
    static SPARE: Spare = const { Spare(Cell::new(None)) };
}

/// Memory of the layout `KEPT`.
struct Spare(Cell<Option<NonNull<u8>>>);

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(memory) = self.0.take() {
            // SAFETY: it was allocated with this layout, and nobody else has it.
            unsafe { alloc::dealloc(memory.as_ptr(), KEPT) };
        }
    }
}

/// Memory for a `T`, given back when it is dropped.
struct Memory<T>(NonNull<u8>, PhantomData<T>);

impl<T> Memory<T> {
    /// With the size that is kept where that is enough, and never without one.
    const LAYOUT: Layout = match Self::IS_KEPT {
        true => KEPT,
        false => Layout::new::<T>(),
    };

    const IS_KEPT: bool = size_of::<T>() <= KEPT.size() && align_of::<T>() <= KEPT.align();

    #[inline]
    fn new() -> Self {
        let spare = match Self::IS_KEPT {
            // None while the thread ends.
            true => SPARE.try_with(|spare| spare.0.take()).ok().flatten(),
            false => None,
        };
        let memory = spare.unwrap_or_else(|| {
            // SAFETY: the layout has a size.
            let memory = unsafe { alloc::alloc(Self::LAYOUT) };
            NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(Self::LAYOUT))
        });
        Self(memory, PhantomData)
    }
}

impl<T> Drop for Memory<T> {
    #[inline]
    fn drop(&mut self) {
        let mut left = Some(self.0);
        if Self::IS_KEPT {
            let _ = SPARE.try_with(|spare| left = spare.0.replace(left.take()));
        }
        if let Some(memory) = left {
            // SAFETY: it, or what was kept before, was allocated with this layout,
            // and nobody else has it.
            unsafe { alloc::dealloc(memory.as_ptr(), Self::LAYOUT) };
        }
    }
}

/// A value that does not move until it is dropped, as in a `Box`.
pub(super) struct Room<T>(NonNull<T>);

// SAFETY: it owns its value, as a `Box` does.
unsafe impl<T: Send> Send for Room<T> {}

impl<T> Room<T> {
    #[inline]
    pub(super) fn new(value: T) -> Self {
        let memory = std::mem::ManuallyDrop::new(Memory::<T>::new());
        let place = memory.0.cast::<T>();
        // SAFETY: the memory is large enough for a `T`, and aligned.
        unsafe { place.write(value) };
        Self(place)
    }

    /// Leaves it to whoever calls [`Room::from_raw`].
    pub(super) fn into_raw(self) -> *mut T {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    /// # Safety
    ///
    /// `place` must come from [`Room::into_raw`], for the first time.
    pub(super) unsafe fn from_raw(place: *mut T) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { NonNull::new_unchecked(place) })
    }
}

impl<T> Deref for Room<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: there is a value until this is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and nobody else has it.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Room<T> {
    #[inline]
    fn drop(&mut self) {
        // Given back even if the value panics as it is dropped.
        let _memory = Memory::<T>(self.0.cast(), PhantomData);
        // SAFETY: the value is dropped once, here.
        unsafe { self.0.drop_in_place() };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn values_of_all_sizes_are_kept_and_dropped() {
        let counted = Arc::new(());
        let small = Room::new((Arc::clone(&counted), 7_u32));
        let memory = small.0.cast::<u8>();
        let other = Room::new(Arc::clone(&counted));
        assert_ne!(other.0.cast(), memory);
        assert_eq!(small.1, 7);
        drop(small);
        // The next one takes its memory, also if it is of another type.
        let mut next = Room::new([1_u64; 128]);
        assert_eq!(next.0.cast(), memory);
        next[127] = 2;
        assert_eq!(next.iter().sum::<u64>(), 129);
        let large = Room::new((Arc::clone(&counted), [0_u8; 5000]));
        // SAFETY: it comes from there.
        let large = unsafe { Room::from_raw(large.into_raw()) };
        assert_eq!(Arc::strong_count(&counted), 3);
        std::thread::spawn(move || drop(large)).join().unwrap();
        drop((other, next));
        assert_eq!(Arc::strong_count(&counted), 1);
        drop(Room::new(()));
    }

    #[test]
    fn a_value_that_panics_as_it_is_dropped_gives_its_memory_back() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("as it is dropped");
            }
        }
        let room = Room::new(Panics);
        let memory = room.0.cast::<u8>();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(room))).unwrap_err();
        assert_eq!(Room::new(1_u8).0, memory);
    }
}
