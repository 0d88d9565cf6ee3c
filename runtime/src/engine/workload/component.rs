//! [`WorkloadComponent`].

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::Arc,
};

use wasmtime::component::{Component, InstancePre, Linker};

use super::WorkloadMetadata;
use crate::{
    engine::ctx::SharedCtx,
    types::{LocalResources, VolumeMount},
};

/// How many warm instances of a component are kept, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InstancePolicy {
    /// No more than this many; 0 for none.
    pub(crate) pool_size: usize,
    /// After this many calls an instance is retired.
    pub(crate) max_invocations: Option<u32>,
    /// So many calls at once, if they can overlap; 1 or less for one.
    pub(crate) max_concurrency: usize,
}

impl InstancePolicy {
    /// From the numbers of a [`types::Component`](crate::types::Component).
    pub(crate) fn new(pool_size: i32, max_invocations: i32, max_concurrency: i32) -> Self {
        Self {
            pool_size: usize::try_from(pool_size).unwrap_or(0),
            max_invocations: u32::try_from(max_invocations).ok().filter(|most| *most > 0),
            max_concurrency: usize::try_from(max_concurrency).unwrap_or(0),
        }
    }
}

/// A component of a workload.
#[derive(Clone, Debug)]
pub struct WorkloadComponent {
    name: Arc<str>,
    policy: InstancePolicy,
    metadata: WorkloadMetadata,
}

impl WorkloadComponent {
    /// A component with a fresh id. `mounts` are the directories of the host
    /// that it sees.
    #[expect(clippy::too_many_arguments, reason = "the fields of a plain record")]
    #[must_use]
    pub fn new(
        workload_id: impl Into<Arc<str>>,
        workload_name: impl Into<Arc<str>>,
        workload_namespace: impl Into<Arc<str>>,
        component_name: impl Into<Arc<str>>,
        component: Component,
        linker: Linker<SharedCtx>,
        mounts: Vec<(PathBuf, VolumeMount)>,
        local_resources: LocalResources,
    ) -> Self {
        let (name, workload_name) = (component_name.into(), workload_name.into());
        let label = format!("component '{name}' of workload '{workload_name}'");
        Self {
            name,
            policy: InstancePolicy::default(),
            metadata: WorkloadMetadata::new(
                workload_id.into(),
                workload_name,
                workload_namespace.into(),
                component,
                linker,
                mounts,
                local_resources,
                label,
            ),
        }
    }

    /// The name that the workload gives it. Not unique; see
    /// [`WorkloadMetadata::id`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn instance_policy(&self) -> InstancePolicy {
        self.policy
    }

    pub(crate) fn set_instance_policy(&mut self, policy: InstancePolicy) {
        self.policy = policy;
    }

    /// Identity, code and linker.
    #[must_use]
    pub fn metadata(&self) -> &WorkloadMetadata {
        &self.metadata
    }

    /// As [`pre_instantiate_ref`](Self::pre_instantiate_ref).
    ///
    /// # Errors
    ///
    /// If an import is missing from the linker, or has another type there.
    pub fn pre_instantiate(&mut self) -> wasmtime::Result<InstancePre<SharedCtx>> {
        self.metadata.instantiate_pre()
    }

    /// Resolves the imports with what is in the linker now.
    ///
    /// # Errors
    ///
    /// If an import is missing from the linker, or has another type there.
    pub fn pre_instantiate_ref(&self) -> wasmtime::Result<InstancePre<SharedCtx>> {
        self.metadata.instantiate_pre()
    }
}

impl Deref for WorkloadComponent {
    type Target = WorkloadMetadata;

    fn deref(&self) -> &WorkloadMetadata {
        &self.metadata
    }
}

impl DerefMut for WorkloadComponent {
    fn deref_mut(&mut self) -> &mut WorkloadMetadata {
        &mut self.metadata
    }
}
