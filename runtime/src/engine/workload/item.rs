//! [`WorkloadItem`]: what a plugin binds to.

use std::ops::{Deref, DerefMut};

use super::{WorkloadComponent, WorkloadMetadata, WorkloadService};

/// A component or a service, while a plugin links itself into it.
#[derive(Debug)]
pub enum WorkloadItem<'a> {
    /// A component, instantiated when something calls it.
    Component(&'a mut WorkloadComponent),
    /// The workload's service.
    Service(&'a mut WorkloadService),
}

impl WorkloadItem<'_> {
    /// Whether this is a component.
    #[must_use]
    pub fn is_component(&self) -> bool {
        matches!(self, Self::Component(_))
    }

    /// Whether this is the service.
    #[must_use]
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }
}

impl Deref for WorkloadItem<'_> {
    type Target = WorkloadMetadata;

    fn deref(&self) -> &WorkloadMetadata {
        match self {
            Self::Component(component) => component,
            Self::Service(service) => service,
        }
    }
}

impl DerefMut for WorkloadItem<'_> {
    fn deref_mut(&mut self) -> &mut WorkloadMetadata {
        match self {
            Self::Component(component) => component,
            Self::Service(service) => service,
        }
    }
}
