//! The memory that an instance may have.

use wasmtime::ResourceLimiter;

/// Counts the linear memory and the tables of a component in a store against
/// one limit.
///
/// Wasmtime's own `StoreLimits` bounds each memory by itself, so that a guest
/// with several memories could have the limit several times.
#[derive(Debug, Default)]
pub(crate) struct MemoryLimit {
    limit: Option<usize>,
    used: usize,
    /// What the last growth added, to take back if it fails after all.
    last: usize,
    refused: bool,
}

impl MemoryLimit {
    /// A limit in MiB; zero or less is none.
    pub(crate) fn from_mib(mib: i32) -> Self {
        let limit = usize::try_from(mib)
            .ok()
            .filter(|mib| *mib > 0)
            .map(|mib| mib.saturating_mul(1 << 20));
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The limit in MiB, if the guest has wanted more than that. A guest is
    /// told so and may cope; most do not, and trap.
    pub(crate) fn refused(&self) -> Option<usize> {
        self.limit.filter(|_| self.refused).map(|limit| limit >> 20)
    }

    /// Counts a growth, if it fits.
    fn grow(&mut self, added: usize) -> bool {
        let total = self.used.saturating_add(added);
        if self.limit.is_some_and(|limit| total > limit) {
            self.last = 0;
            self.refused = true;
            return false;
        }
        self.used = total;
        self.last = added;
        true
    }

    /// Takes back the last growth, which failed after all.
    fn take_back(&mut self) {
        self.used = self.used.saturating_sub(self.last);
        self.last = 0;
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(size_of::<usize>())))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn all_memories_of_a_store_share_the_limit() {
        let mut limit = MemoryLimit::from_mib(2);
        assert!(limit.memory_growing(0, MIB, None).unwrap());
        assert!(limit.memory_growing(0, MIB, None).unwrap());
        assert_eq!(limit.refused(), None);
        assert!(!limit.memory_growing(MIB, MIB + 65536, None).unwrap());
        assert_eq!(limit.refused(), Some(2));
    }

    #[test]
    fn tables_share_it_too() {
        let mut limit = MemoryLimit::from_mib(1);
        let elements = MIB / size_of::<usize>();
        assert!(limit.table_growing(0, elements / 2, None).unwrap());
        assert!(limit.memory_growing(0, MIB / 2, None).unwrap());
        assert!(!limit.table_growing(elements / 2, elements, None).unwrap());
    }

    #[test]
    fn a_growth_that_failed_is_not_counted() {
        let mut limit = MemoryLimit::from_mib(1);
        assert!(limit.memory_growing(0, MIB, None).unwrap());
        limit
            .memory_grow_failed(wasmtime::format_err!("no memory"))
            .unwrap();
        assert!(limit.memory_growing(0, MIB, None).unwrap());
    }

    #[test]
    fn zero_and_less_are_no_limit() {
        for mib in [0, -1, i32::MIN] {
            let mut limit = MemoryLimit::from_mib(mib);
            assert!(limit.memory_growing(0, usize::MAX, None).unwrap());
        }
    }
}
