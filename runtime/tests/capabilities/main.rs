//! The compiled-in capabilities, as a component sees them. The component is
//! `tests/guests/capabilities-guest`, which `cargo xtask guests` builds.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod config;
mod keyvalue;
mod logging;
#[path = "../../../capabilities/tests/keyvalue/servers.rs"]
mod servers;
mod wrapped;

use std::{fs, path::Path, sync::Arc};

use wash_runtime::{
    host::Host,
    plugin::{
        HostPlugin, wasi_config::DynamicConfig, wasi_keyvalue::InMemoryKeyValue,
        wasi_logging::TracingLogger,
    },
    types::{Component, Workload, WorkloadState},
    wasmtime::component::{ComponentNamedList, Lift, Lower},
    wit::WitInterface,
};
use wrapped::{Bound, Wrapped};

/// A host with all capabilities, and the guest on it.
struct Guests {
    host: Arc<Host>,
    bound: Bound,
}

const DECLARED: [&str; 3] = [
    "wasi:config/store@0.2.0-rc.1",
    "wasi:keyvalue/store,atomics,batch@0.2.0-draft",
    "wasi:logging/logging",
];

impl Guests {
    async fn on(keyvalue: impl HostPlugin, config: DynamicConfig) -> Self {
        let bound = Bound::default();
        let plugins = [
            // It serves as well if another plugin is put before it.
            Arc::new(Wrapped::new(keyvalue, &bound)) as Arc<dyn HostPlugin>,
            Arc::new(config),
            Arc::new(TracingLogger::new()),
        ];
        let host = common::host(plugins).await;
        Self { host, bound }
    }

    /// A host whose buckets and configuration do not matter.
    async fn any() -> Self {
        Self::on(InMemoryKeyValue::new(), DynamicConfig::default()).await
    }

    async fn start(&self, id: &str, edit: impl FnOnce(&mut Workload)) {
        let mut workload = common::workload(&[], &DECLARED);
        workload.components = vec![Component {
            name: "guest".to_owned(),
            bytes: guest().into(),
            ..Component::default()
        }];
        edit(&mut workload);
        let status = common::start(&self.host, id, workload).await;
        assert_eq!(
            status.workload_state,
            WorkloadState::Running,
            "{}",
            status.message
        );
    }

    async fn stop(&self, id: &str) {
        let status = common::stop(&self.host, id).await;
        assert_eq!(
            status.workload_state,
            WorkloadState::Stopping,
            "{}",
            status.message
        );
    }

    /// Calls a function of a workload's guest that returns one value, in a fresh
    /// instance.
    async fn call<P, R>(&self, id: &str, function: &str, params: P) -> R
    where
        P: ComponentNamedList + Lower + Send + Sync,
        (R,): ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.results::<P, (R,)>(id, function, params).await.0
    }

    async fn results<P, R>(&self, id: &str, function: &str, params: P) -> R
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (workload, component_id) = self.bound.of(id);
        let mut store = workload.new_store(&component_id).await.unwrap();
        let pre = workload.instantiate_pre(&component_id).await.unwrap();
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        let interface = instance
            .get_export_index(&mut store, None, "test:capabilities/tour@0.1.0")
            .unwrap();
        let function = instance
            .get_export_index(&mut store, Some(&interface), function)
            .unwrap();
        let function = instance
            .get_typed_func::<P, R>(&mut store, function)
            .unwrap();
        function.call_async(&mut store, params).await.unwrap()
    }
}

fn guest() -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("guests/capabilities-guest.wasm");
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask guests`", path.display()))
}

/// Adds configuration to one of the declared interfaces.
fn configure(workload: &mut Workload, package: &str, config: &[(&str, &str)]) {
    let interface: &mut WitInterface = workload
        .host_interfaces
        .iter_mut()
        .find(|interface| interface.package == package)
        .unwrap();
    let config = config
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    interface.config.extend(config);
}
