//! What the tests of the host share: a plugin that records what happens to
//! it, guests, and a host made in one line.

#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    reason = "every test binary uses a part of this, and a test may fail by panicking"
)]

pub(crate) mod guests;
pub(crate) mod recorder;
pub(crate) mod wasi;

use std::{collections::HashMap, path::Path, sync::Arc};

use bytes::Bytes;
use wash_runtime::{
    engine::Engine,
    host::{Host, HostApi, HostBuilder},
    plugin::HostPlugin,
    types::{
        Component, LocalResources, Service, Workload, WorkloadStartRequest, WorkloadStatus,
        WorkloadStatusRequest, WorkloadStopRequest,
    },
    wit::WitInterface,
};

/// An engine that reserves no pool: tests make many.
pub(crate) fn engine() -> Engine {
    Engine::builder()
        .with_pooling_allocator(false)
        .build()
        .unwrap()
}

pub(crate) fn builder(plugins: impl IntoIterator<Item = Arc<dyn HostPlugin>>) -> HostBuilder {
    plugins.into_iter().fold(
        HostBuilder::new().with_engine(engine()),
        |builder, plugin| builder.with_plugin(plugin).unwrap(),
    )
}

/// A started host.
pub(crate) async fn host(plugins: impl IntoIterator<Item = Arc<dyn HostPlugin>>) -> Arc<Host> {
    builder(plugins).build().unwrap().start().await.unwrap()
}

/// A workload of these components, named `c0`, `c1`, …
pub(crate) fn workload(components: &[&str], interfaces: &[&str]) -> Workload {
    Workload {
        namespace: "test".to_string(),
        name: "demo".to_string(),
        annotations: HashMap::new(),
        service: None,
        components: components
            .iter()
            .enumerate()
            .map(|(index, text)| Component {
                name: format!("c{index}"),
                bytes: bytes(text),
                ..Default::default()
            })
            .collect(),
        host_interfaces: interfaces
            .iter()
            .map(|text| WitInterface::from(*text))
            .collect(),
        volumes: Vec::new(),
    }
}

/// A workload with this service and no components.
pub(crate) fn service(text: &str, max_restarts: u64, interfaces: &[&str]) -> Workload {
    Workload {
        service: Some(Service {
            bytes: bytes(text),
            digest: None,
            local_resources: LocalResources::default(),
            max_restarts,
        }),
        ..workload(&[], interfaces)
    }
}

pub(crate) fn bytes(text: &str) -> Bytes {
    wat::parse_str(text).unwrap().into()
}

/// What `cargo xtask guests` built.
pub(crate) fn guest(name: &str) -> Bytes {
    let test = std::env::current_exe().unwrap();
    let target = test
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .unwrap_or_else(|| panic!("{} is in no target directory", test.display()));
    read(&target.join("guests").join(format!("{name}.wasm")))
}

fn read(path: &Path) -> Bytes {
    match std::fs::read(path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("{}: {error}: run `cargo xtask guests`", path.display()),
    }
}

pub(crate) async fn start(host: &impl HostApi, id: &str, workload: Workload) -> WorkloadStatus {
    let request = WorkloadStartRequest {
        workload_id: id.to_string(),
        workload,
    };
    host.workload_start(request).await.unwrap().workload_status
}

pub(crate) async fn stop(host: &impl HostApi, id: &str) -> WorkloadStatus {
    let request = WorkloadStopRequest {
        workload_id: id.to_string(),
    };
    host.workload_stop(request).await.unwrap().workload_status
}

pub(crate) async fn status(host: &impl HostApi, id: &str) -> WorkloadStatus {
    let request = WorkloadStatusRequest {
        workload_id: id.to_string(),
    };
    host.workload_status(request).await.unwrap().workload_status
}

/// The whole chain of an error.
pub(crate) fn error_text<T>(result: anyhow::Result<T>) -> String {
    format!("{:#}", result.err().unwrap())
}
