//! Starts workloads on a host that runs: [`Launcher`].

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use wash_plugin_loader::live::LivePlugins;
use wash_runtime::{
    host::{Host, HostApi, http::Readiness},
    plugin::HostPlugin,
    types::{WorkloadStartRequest, WorkloadState, WorkloadStatus},
};

use crate::{
    code::Code,
    failure::{Failure, Result},
    log,
    registry::HostRegistry,
    size::DEFAULT_MEMORY_MIB,
    workload::{Item, Served, Source, check_imports},
};

/// Fills in what a workload asks of plugins, and checks that they serve it.
///
/// # Errors
///
/// If nobody serves one of its imports.
pub(crate) fn check(
    source: &mut Source,
    host: &Host,
    plugins: &[Arc<dyn HostPlugin>],
) -> Result<()> {
    let served = Served::new(plugins);
    source.derive_interfaces(host, plugins, &served)?;
    check_imports(&source.items, &source.workload.host_interfaces, &served)
}

/// A host that runs, its plugins, and the workloads that wait for one.
pub(crate) struct Launcher {
    host: Arc<Host>,
    live: Arc<LivePlugins>,
    registry: Arc<HostRegistry>,
    /// Tells of the plugins that have come since the launcher was made.
    available: watch::Receiver<u64>,
    /// Whether to say what a component exports that nobody calls.
    tells_exports: bool,
    /// For workloads that have no limit of their own, in MiB; zero is none.
    memory_limit: i32,
    waiting: Mutex<Vec<Source>>,
    /// Told when the workloads that were named have started.
    readiness: Readiness,
}

/// A workload that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: String,
}

impl Launcher {
    pub(crate) fn new(
        host: Arc<Host>,
        live: Arc<LivePlugins>,
        registry: Arc<HostRegistry>,
        tells_exports: bool,
    ) -> Self {
        Self {
            available: live.available(),
            host,
            live,
            registry,
            tells_exports,
            memory_limit: DEFAULT_MEMORY_MIB,
            waiting: Mutex::default(),
            readiness: Readiness::default(),
        }
    }

    /// Tells the HTTP server when the workloads that were named have started.
    pub(crate) fn tells(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// How many compiled-in capabilities workloads can be bound to.
    pub(crate) fn compiled_in(&self) -> usize {
        self.registry.capabilities().len()
    }

    /// The workloads that were named have started, but for those that wait for
    /// a plugin.
    pub(crate) async fn has_begun(&self) {
        if self.waiting.lock().await.is_empty() {
            self.readiness.ready();
        }
    }

    /// Sets how much memory each instance of a workload may have that has no
    /// limit of its own, in MiB; zero is no limit. By default it is 256.
    pub(crate) fn with_memory_limit(mut self, mib: i32) -> Self {
        self.memory_limit = mib;
        self
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    pub(crate) fn live(&self) -> &Arc<LivePlugins> {
        &self.live
    }

    /// Stops the host, and the plugins that it does not have any more.
    pub(crate) async fn stop(&self) {
        if let Err(error) = Arc::clone(&self.host).stop().await {
            tracing::error!(
                error = format!("{error:#}"),
                "the host did not stop cleanly"
            );
        }
        self.live.stop().await;
        self.registry.stop().await;
    }

    /// Checks and starts a workload.
    pub(crate) async fn launch(&self, mut source: Source) -> Result<Running> {
        self.check(&mut source)?;
        self.start(source).await
    }

    /// Starts a workload that was checked.
    pub(crate) async fn start(&self, mut source: Source) -> Result<Running> {
        source.limit_memory(self.memory_limit);
        let Source {
            workload, items, ..
        } = source;
        let id = workload.name.clone();
        let is_service = workload.service.is_some();
        let request = WorkloadStartRequest {
            workload_id: id.clone(),
            workload,
        };
        let WorkloadStatus {
            workload_state,
            message,
            ..
        } = self
            .host
            .workload_start(request)
            .await
            .map_err(|error| Failure::new(Code::WorkloadStart, error))?
            .workload_status;
        if workload_state != WorkloadState::Running {
            let error =
                anyhow::Error::msg(message).context(format!("the workload `{id}` did not start"));
            return Err(Failure::new(Code::WorkloadStart, error));
        }
        if !is_service && self.tells_exports {
            tell_exports(&items);
        }
        Ok(Running { id })
    }

    /// Keeps a workload until a plugin comes that may serve it.
    pub(crate) async fn wait(&self, source: Source, failure: &Failure) {
        tracing::warn!(
            workload_id = source.workload.name,
            "waiting for a plugin: {}",
            failure.text()
        );
        self.waiting.lock().await.push(source);
    }

    /// Starts the workloads that wait, whenever plugins come, until the
    /// returned future is dropped.
    pub(crate) async fn retry(&self) {
        // Not only those that come from now on: some may have come by now.
        let mut available = self.available.clone();
        while available.changed().await.is_ok() {
            let waiting = std::mem::take(&mut *self.waiting.lock().await);
            for mut source in waiting {
                if let Err(failure) = self.check(&mut source) {
                    tracing::debug!(workload_id = source.workload.name, "{}", failure.text());
                    self.waiting.lock().await.push(source);
                    continue;
                }
                let name = source.workload.name.clone();
                if let Err(failure) = self.start(source).await {
                    tracing::error!(workload_id = name, "{}", failure.chain());
                }
            }
            self.has_begun().await;
        }
    }

    fn check(&self, source: &mut Source) -> Result<()> {
        let loaded = self.live.running();
        let plugins: Vec<Arc<dyn HostPlugin>> = loaded
            .into_iter()
            .map(|plugin| plugin as Arc<dyn HostPlugin>)
            .chain(self.registry.capabilities())
            .collect();
        check(source, &self.host, &plugins)
    }
}

/// Says why nothing seems to happen.
fn tell_exports(items: &[Item]) {
    let exports: Vec<&str> = items
        .iter()
        .flat_map(|item| item.names.exports.iter().map(String::as_str))
        .collect();
    let exports = match exports.as_slice() {
        [] => "nothing, so nothing can call it".to_owned(),
        _ => exports
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    log::tell(&format!(
        "running until Ctrl-C; the workload exports {exports}"
    ));
}
