//! [`WorkloadService`], and one run of it.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, bail};
use wasmtime::{
    Store, WasmBacktrace,
    component::{Component, ComponentExportIndex, Func, Instance, InstancePre, Linker, Val},
};
use wasmtime_wasi::I32Exit;

use super::WorkloadMetadata;
use crate::{
    engine::{ctx::SharedCtx, inspect, reason::reason},
    types::{LocalResources, VolumeMount},
};

const RUN_INTERFACE: &str = "wasi:cli/run";
const RUN_FUNCTION: &str = "run";

/// The service of a workload: a component with an entry point, which runs for
/// as long as the workload does.
#[derive(Clone, Debug)]
pub struct WorkloadService {
    metadata: WorkloadMetadata,
    entry: ComponentExportIndex,
    max_restarts: u64,
}

impl WorkloadService {
    /// A service with a fresh id. `mounts` are the directories of the host
    /// that it sees.
    ///
    /// # Errors
    ///
    /// If the component exports neither `wasi:cli/run` nor a single interface
    /// with a function `run` that takes nothing.
    #[expect(clippy::too_many_arguments, reason = "the fields of a plain record")]
    pub fn new(
        workload_id: impl Into<Arc<str>>,
        workload_name: impl Into<Arc<str>>,
        workload_namespace: impl Into<Arc<str>>,
        component: Component,
        linker: Linker<SharedCtx>,
        mounts: Vec<(PathBuf, VolumeMount)>,
        local_resources: LocalResources,
        max_restarts: u64,
    ) -> anyhow::Result<Self> {
        let workload_name = workload_name.into();
        let label = format!("the service of workload '{workload_name}'");
        let entry = find_entry(&component)?;
        let mut metadata = WorkloadMetadata::new(
            workload_id.into(),
            workload_name,
            workload_namespace.into(),
            component,
            linker,
            mounts,
            local_resources,
            label,
        );
        metadata.set_service();
        Ok(Self {
            metadata,
            entry,
            max_restarts,
        })
    }

    /// How often the service is run again after a failure.
    #[must_use]
    pub fn max_restarts(&self) -> u64 {
        self.max_restarts
    }

    /// Resolves the imports with what is in the linker now.
    ///
    /// # Errors
    ///
    /// If an import is missing from the linker, or has another type there.
    pub fn pre_instantiate(&self) -> wasmtime::Result<InstancePre<SharedCtx>> {
        self.metadata.instantiate_pre()
    }

    /// The entry point of an instance of this service.
    pub(super) fn enter(
        &self,
        mut store: Store<SharedCtx>,
        instance: &Instance,
    ) -> anyhow::Result<ServiceInstance> {
        let run = instance
            .get_func(&mut store, self.entry)
            .context("the service's entry point is gone")?;
        Ok(ServiceInstance { store, run })
    }
}

impl Deref for WorkloadService {
    type Target = WorkloadMetadata;

    fn deref(&self) -> &WorkloadMetadata {
        &self.metadata
    }
}

impl DerefMut for WorkloadService {
    fn deref_mut(&mut self) -> &mut WorkloadMetadata {
        &mut self.metadata
    }
}

fn find_entry(component: &Component) -> anyhow::Result<ComponentExportIndex> {
    let exports: Vec<String> = inspect::exported_instances(component).collect();
    let is_run = |name: &&String| {
        name.strip_prefix(RUN_INTERFACE)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    };
    let interface = match (exports.iter().find(is_run), exports.as_slice()) {
        (Some(run), _) | (None, [run]) => run,
        _ => bail!(
            "Service must export a single interface with the 'run' function \
             (wasi:cli/run, as a command component does); it exports {} interfaces",
            exports.len()
        ),
    };
    component
        .get_export_index(None, interface)
        .and_then(|instance| component.get_export_index(Some(&instance), RUN_FUNCTION))
        .with_context(|| {
            format!(
                "Service must export a single interface with the 'run' function; \
                 '{interface}' has no such function"
            )
        })
}

/// A service about to run for the first time or once more. Every run has an
/// instance of its own: after a trap, an instance cannot be entered again.
pub(crate) struct ServiceInstance {
    store: Store<SharedCtx>,
    run: Func,
}

/// How one run of a service ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServiceOutcome {
    /// `run` returned `ok`, or the guest exited with code 0.
    Completed,
    /// It did not. The code is there unless it trapped.
    Failed {
        exit_code: Option<i32>,
        reason: String,
    },
}

impl ServiceInstance {
    /// Runs the service to its end.
    pub(crate) async fn run(mut self) -> ServiceOutcome {
        let results = self.run.ty(&self.store).results().len();
        let mut results = vec![Val::Bool(false); results];
        let called = self
            .run
            .call_async(&mut self.store, &[], &mut results)
            .await;
        match called {
            Ok(()) if matches!(results.as_slice(), [Val::Result(Err(_))]) => {
                ServiceOutcome::Failed {
                    exit_code: Some(1),
                    reason: "its 'run' function returned an error".to_string(),
                }
            }
            Ok(()) => ServiceOutcome::Completed,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(0)) => ServiceOutcome::Completed,
                Some(I32Exit(code)) => ServiceOutcome::Failed {
                    exit_code: Some(*code),
                    reason: format!("it exited with code {code}"),
                },
                None => {
                    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
                        // For the log; the reason is shown in lists.
                        let text = backtrace.to_string();
                        let lines: Vec<&str> = text.lines().map(str::trim).collect();
                        tracing::info!(backtrace = lines.join("; "), "a service has trapped");
                    }
                    let cause = reason(error.chain());
                    ServiceOutcome::Failed {
                        exit_code: None,
                        reason: match self.store.data().reached_limit() {
                            Some(limit) => format!("{limit}; {cause}"),
                            None => cause,
                        },
                    }
                }
            },
        }
    }
}
