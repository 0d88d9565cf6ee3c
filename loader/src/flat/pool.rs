//! Buffers that are used again, by thread.

use std::cell::RefCell;

use wash_plugin_abi::abi::Buffer;

/// A buffer that grew past this is given back to the allocator: one large
/// call should not hold its memory for ever.
const KEEP_BYTES: usize = 256 * 1024;
/// A call uses two; nested calls and futures that wait use more.
const KEEP_COUNT: usize = 8;

thread_local! {
    static POOL: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer at first, and back in its thread's pool when dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer(Buffer);

impl PooledBuffer {
    pub(crate) fn take() -> Self {
        // No pool while the thread ends: then a fresh one.
        let pooled = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop());
        Self(pooled.ok().flatten().unwrap_or_default())
    }
}

impl std::ops::Deref for PooledBuffer {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        &self.0
    }
}

impl std::ops::DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut Buffer {
        &mut self.0
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        if buffer.capacity() == 0 || buffer.capacity() > KEEP_BYTES {
            return;
        }
        buffer.clear();
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.len() < KEEP_COUNT
            {
                pool.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_buffers_come_back_empty_and_large_ones_do_not() {
        let mut buffer = PooledBuffer::take();
        buffer.extend(&[1; 1000]).unwrap();
        let memory = buffer.as_slice().as_ptr();
        drop(buffer);
        let mut buffer = PooledBuffer::take();
        assert!(buffer.as_slice().is_empty());
        buffer.extend(&[2]).unwrap();
        assert_eq!(buffer.as_slice().as_ptr(), memory);
        buffer.extend_zeros(KEEP_BYTES).unwrap();
        drop(buffer);
        assert_eq!(PooledBuffer::take().capacity(), 0);
    }
}
