//! A host with plugins and a guest.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use wash_plugin_loader::{Allow, LoadedPlugin, PluginLoader, PluginsConfig};
use wash_runtime::engine::Engine;
use wash_runtime::host::{Host, HostApi, HostBuilder};
use wash_runtime::plugin::HostPlugin;
use wash_runtime::types::{
    Component, LocalResources, Service, Workload, WorkloadStartRequest, WorkloadState,
    WorkloadStatus, WorkloadStatusRequest, WorkloadStopRequest,
};
use wash_runtime::wasmtime::Config;
use wash_runtime::wasmtime::component::{self, Val};
use wash_runtime::wit::WitInterface;

use crate::artifacts;
use crate::capture::{Capture, Captured, Instance};

/// Collects what a [`TestHost`] is made of.
#[derive(Default)]
pub struct Builder {
    plugins: Vec<Arc<dyn HostPlugin>>,
    libraries: Vec<PathBuf>,
    config: PluginsConfig,
    metrics: bool,
    engine: Option<Config>,
    shared_engine: Option<Engine>,
    guest: Option<(Vec<u8>, Vec<WitInterface>)>,
}

/// A host that runs.
pub struct TestHost {
    host: Arc<Host>,
    captured: Captured,
    loaded: Vec<Arc<LoadedPlugin>>,
}

/// An interface that a workload declares, with its configuration.
pub fn interface<const N: usize>(name: &str, config: [(&str, &str); N]) -> WitInterface {
    let mut interface = WitInterface::from(name);
    interface.config = config
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    interface
}

impl Builder {
    /// Adds a plugin that is compiled in.
    #[must_use]
    pub fn plugin(mut self, plugin: Arc<dyn HostPlugin>) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds a plugin from a library.
    #[must_use]
    pub fn library(mut self, path: PathBuf) -> Self {
        self.libraries.push(path);
        self
    }

    /// Configures a plugin from a library.
    #[must_use]
    pub fn config(mut self, id: &str, config: serde_json::Value) -> Self {
        self.config = self.config.with(id, config);
        self
    }

    /// Counts and times the calls of plugins from libraries.
    #[must_use]
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// Configures the engine, which otherwise is the default one.
    #[must_use]
    pub fn engine(mut self, config: Config) -> Self {
        self.engine = Some(config);
        self
    }

    /// Runs guests in this engine, and not in one of its own.
    #[must_use]
    pub fn shared_engine(mut self, engine: Engine) -> Self {
        self.shared_engine = Some(engine);
        self
    }

    /// The guest that is the first workload, and what it needs from plugins.
    #[must_use]
    pub fn guest<const N: usize>(mut self, name: &str, needs: [&str; N]) -> Self {
        let needs = needs.into_iter().map(WitInterface::from).collect();
        self.guest = Some((artifacts::guest(name), needs));
        self
    }

    /// Starts the host, and the guest as [`TestHost::WORKLOAD`] if there is one.
    ///
    /// # Errors
    ///
    /// If either does not start.
    pub async fn start(self) -> anyhow::Result<TestHost> {
        let mut loader = PluginLoader::builder()
            // Whoever owns the tree that is tested.
            .allow(Allow::NOTHING.with_insecure_permissions(true))
            .config(self.config)
            .metrics(self.metrics);
        for path in &self.libraries {
            loader = loader.file(path);
        }
        let loaded = loader.build()?.load()?.plugins().to_vec();

        let captured = Captured::default();
        let mut builder = HostBuilder::new();
        if let Some(config) = self.engine {
            builder = builder.with_engine(Engine::builder().with_config(config).build()?);
        }
        if let Some(engine) = self.shared_engine {
            builder = builder.with_engine(engine);
        }
        let libraries = loaded
            .iter()
            .map(|plugin| Arc::clone(plugin) as Arc<dyn HostPlugin>);
        for inner in self.plugins.into_iter().chain(libraries) {
            let captured = captured.clone();
            builder = builder.with_plugin(Arc::new(Capture { inner, captured }))?;
        }
        let host = builder.build()?.start().await?;
        let host = TestHost {
            host,
            captured,
            loaded,
        };
        if let Some((guest, needs)) = self.guest {
            let status = host.workload(TestHost::WORKLOAD, guest, needs).await;
            if status.workload_state != WorkloadState::Running {
                host.stop().await.context("the host does not stop")?;
                anyhow::bail!("the workload does not start: {}", status.message);
            }
        }
        Ok(host)
    }
}

impl TestHost {
    /// The id of the builder's workload.
    pub const WORKLOAD: &'static str = "workload-1";

    /// A host without anything in it.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a workload of one component.
    pub async fn workload(
        &self,
        id: &str,
        guest: Vec<u8>,
        needs: Vec<WitInterface>,
    ) -> WorkloadStatus {
        let component = Component {
            name: "guest".to_owned(),
            bytes: guest.into(),
            ..Component::default()
        };
        self.start_workload(id, vec![component], None, needs).await
    }

    /// Starts a workload of a service alone.
    pub async fn service(
        &self,
        id: &str,
        guest: Vec<u8>,
        needs: Vec<WitInterface>,
    ) -> WorkloadStatus {
        let service = Service {
            bytes: guest.into(),
            digest: None,
            local_resources: LocalResources::default(),
            max_restarts: 0,
        };
        self.start_workload(id, Vec::new(), Some(service), needs)
            .await
    }

    /// Starts a workload of these parts.
    pub async fn start_workload(
        &self,
        id: &str,
        components: Vec<Component>,
        service: Option<Service>,
        host_interfaces: Vec<WitInterface>,
    ) -> WorkloadStatus {
        let workload = Workload {
            namespace: "tests".to_owned(),
            name: format!("name-of-{id}"),
            annotations: HashMap::new(),
            service,
            components,
            host_interfaces,
            volumes: Vec::new(),
        };
        let request = WorkloadStartRequest {
            workload_id: id.to_owned(),
            workload,
        };
        let response = self.host.workload_start(request).await;
        response
            .expect("a start that fails is a status")
            .workload_status
    }

    /// What has become of a workload.
    pub async fn status(&self, id: &str) -> WorkloadStatus {
        let request = WorkloadStatusRequest {
            workload_id: id.to_owned(),
        };
        let response = self.host.workload_status(request).await;
        response.expect("a status can be asked for").workload_status
    }

    /// Stops a workload.
    pub async fn stop_workload(&self, id: &str) -> WorkloadStatus {
        let request = WorkloadStopRequest {
            workload_id: id.to_owned(),
        };
        let response = self.host.workload_stop(request).await;
        response
            .expect("a stop that fails is a status")
            .workload_status
    }

    /// The id that the host gave to a workload's component.
    pub fn component_id(&self, workload_id: &str) -> anyhow::Result<String> {
        self.captured.component_id(workload_id)
    }

    /// A fresh instance of the builder's guest.
    pub async fn instance(&self) -> anyhow::Result<Instance> {
        self.captured.instantiate(Self::WORKLOAD).await
    }

    /// The builder's guest, compiled.
    pub async fn component(&self) -> anyhow::Result<component::Component> {
        self.captured.component(Self::WORKLOAD).await
    }

    /// Calls an export of the builder's guest, in a fresh instance.
    pub async fn call(
        &self,
        interface: &str,
        function: &str,
        args: &[Val],
    ) -> anyhow::Result<Vec<Val>> {
        self.call_of(Self::WORKLOAD, interface, function, args)
            .await
    }

    /// Calls an export of a workload's guest, in a fresh instance.
    pub async fn call_of(
        &self,
        workload_id: &str,
        interface: &str,
        function: &str,
        args: &[Val],
    ) -> anyhow::Result<Vec<Val>> {
        let mut instance = self.captured.instantiate(workload_id).await?;
        let func = instance.func(interface, function)?;
        instance.call(func, args).await
    }

    /// The plugins from libraries.
    #[must_use]
    pub fn loaded(&self) -> &[Arc<LoadedPlugin>] {
        &self.loaded
    }

    /// A plugin from a library.
    ///
    /// # Panics
    ///
    /// If there is none of this id.
    #[must_use]
    pub fn plugin(&self, id: &str) -> &Arc<LoadedPlugin> {
        let found = self.loaded.iter().find(|plugin| plugin.id() == id);
        found.unwrap_or_else(|| panic!("no plugin is called {id}"))
    }

    /// Stops the builder's workload and the host.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop_workload(Self::WORKLOAD).await;
        self.host.stop().await
    }
}

impl std::fmt::Debug for TestHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestHost").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
