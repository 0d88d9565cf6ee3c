//! [`WorkloadTracker`]: what a plugin keeps per workload and per component.

use std::collections::HashMap;

use crate::engine::workload::{UnresolvedWorkload, WorkloadMetadata};

/// What a plugin keeps for each workload (`T`) and each component (`Y`).
#[derive(Debug)]
pub struct WorkloadTracker<T, Y> {
    /// The workloads by id.
    pub workloads: HashMap<String, WorkloadTrackerItem<T, Y>>,
    /// The workload's id of each component's id.
    pub components: HashMap<String, String>,
}

/// What a plugin keeps for one workload.
#[derive(Debug)]
pub struct WorkloadTrackerItem<T, Y> {
    /// The workload's own data; `None` if only components were added.
    pub workload_data: Option<T>,
    /// The data of its components by id.
    pub components: HashMap<String, Y>,
}

// Written by hand: the derived ones would demand `T: Default` and `Y: Default`.
impl<T, Y> Default for WorkloadTracker<T, Y> {
    fn default() -> Self {
        Self {
            workloads: HashMap::new(),
            components: HashMap::new(),
        }
    }
}

impl<T, Y> Default for WorkloadTrackerItem<T, Y> {
    fn default() -> Self {
        Self {
            workload_data: None,
            components: HashMap::new(),
        }
    }
}

impl<T, Y> WorkloadTracker<T, Y> {
    /// An empty tracker.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `data` for a workload, in place of what was kept for it.
    pub fn add_unresolved_workload(&mut self, workload: &UnresolvedWorkload, data: T) {
        self.workloads
            .entry(workload.id().to_string())
            .or_default()
            .workload_data = Some(data);
    }

    /// Keeps `data` for a component or service.
    pub fn add_component(&mut self, component: &WorkloadMetadata, data: Y) {
        self.insert_component(component.workload_id(), component.id(), data);
    }

    fn insert_component(&mut self, workload_id: &str, component_id: &str, data: Y) {
        self.components
            .insert(component_id.to_string(), workload_id.to_string());
        self.workloads
            .entry(workload_id.to_string())
            .or_default()
            .components
            .insert(component_id.to_string(), data);
    }

    /// Forgets a workload and its components.
    pub async fn remove_workload(&mut self, workload_id: &str) {
        self.take(workload_id);
    }

    /// Forgets a workload, handing what was kept for its components and then
    /// for itself to the clean-up functions.
    pub async fn remove_workload_with_cleanup<W, WFut, C, CFut>(
        &mut self,
        workload_id: &str,
        clean_workload: W,
        clean_component: C,
    ) where
        W: FnOnce(Option<T>) -> WFut,
        WFut: Future<Output = ()>,
        C: Fn(Y) -> CFut,
        CFut: Future<Output = ()>,
    {
        if let Some(item) = self.take(workload_id) {
            for component in item.components.into_values() {
                clean_component(component).await;
            }
            clean_workload(item.workload_data).await;
        }
    }

    /// What is kept for a workload.
    #[must_use]
    pub fn get_workload_data(&self, workload_id: &str) -> Option<&T> {
        self.workloads.get(workload_id)?.workload_data.as_ref()
    }

    /// What is kept for a component.
    #[must_use]
    pub fn get_component_data(&self, component_id: &str) -> Option<&Y> {
        let workload_id = self.components.get(component_id)?;
        self.workloads
            .get(workload_id)?
            .components
            .get(component_id)
    }

    /// What is kept for a component, to be changed.
    pub fn get_component_data_mut(&mut self, component_id: &str) -> Option<&mut Y> {
        let workload_id = self.components.get(component_id)?;
        self.workloads
            .get_mut(workload_id)?
            .components
            .get_mut(component_id)
    }

    fn take(&mut self, workload_id: &str) -> Option<WorkloadTrackerItem<T, Y>> {
        let item = self.workloads.remove(workload_id)?;
        for component_id in item.components.keys() {
            self.components.remove(component_id);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::WorkloadTracker;

    #[tokio::test]
    async fn removal_cleans_components_before_the_workload() {
        let mut tracker = WorkloadTracker::<&str, &str>::new();
        tracker.insert_component("w", "c", "component");
        tracker.insert_component("other", "d", "kept");
        *tracker.get_component_data_mut("c").unwrap() = "changed";

        let seen = RefCell::new(Vec::new());
        tracker
            .remove_workload_with_cleanup(
                "w",
                async |data| seen.borrow_mut().push(format!("workload {data:?}")),
                async |data| seen.borrow_mut().push(format!("component {data}")),
            )
            .await;

        assert_eq!(*seen.borrow(), ["component changed", "workload None"]);
        assert_eq!(tracker.get_component_data("c"), None);
        assert_eq!(tracker.get_component_data("d"), Some(&"kept"));
    }
}
