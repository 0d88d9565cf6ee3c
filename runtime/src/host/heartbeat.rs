//! What a host knows of the machine it runs on.

use std::sync::{Mutex, PoisonError};

use sysinfo::System;

/// Measures the machine. The use of the processors is measured between two
/// calls; the first one has nothing to compare with and reports 0.
#[derive(Default)]
pub(super) struct SystemMonitor {
    system: Mutex<System>,
}

/// One measurement.
pub(super) struct SystemFigures {
    pub(super) cpu_usage: f32,
    pub(super) memory_total: u64,
    pub(super) memory_free: u64,
}

impl SystemMonitor {
    pub(super) fn measure(&self) -> SystemFigures {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.refresh_cpu_usage();
        system.refresh_memory();
        SystemFigures {
            cpu_usage: system.global_cpu_usage(),
            memory_total: system.total_memory(),
            memory_free: system.free_memory(),
        }
    }
}

/// The machine's name.
pub(super) fn hostname() -> String {
    System::host_name().unwrap_or_else(|| "unknown".to_string())
}
