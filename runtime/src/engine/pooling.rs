//! The size of the instance pool.

use wasmtime::PoolingAllocationConfig;

/// A component is several core instances: its modules, and small ones that
/// the tools generate to join them.
const CORE_INSTANCES_PER_COMPONENT: u32 = 10;
const TABLES_PER_COMPONENT: u32 = 5;
const TABLES_PER_MODULE: u32 = 4;

/// A pool for `max_instances` component instances.
pub(super) fn config(max_instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_tables(max_instances.saturating_mul(TABLES_PER_COMPONENT))
        .max_tables_per_module(TABLES_PER_MODULE)
        .total_memories(max_instances)
        .total_gc_heaps(max_instances)
        .total_stacks(max_instances);
    pool
}
