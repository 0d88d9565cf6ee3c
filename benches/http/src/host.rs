//! A host that serves HTTP, with one component.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use anyhow::ensure;
use bytes::Bytes;
use wash_runtime::{
    host::{
        Host, HostApi, HostBuilder,
        http::{DevRouter, Ingress},
    },
    types::{Component, Workload, WorkloadStartRequest, WorkloadState},
    wit::WitInterface,
};

/// Starts it; the component's workload asks for these interfaces.
pub(crate) async fn start(
    builder: HostBuilder,
    guest: Bytes,
    pool_size: i32,
    interfaces: &[&str],
) -> anyhow::Result<(Arc<Host>, SocketAddr)> {
    let ingress = Ingress::new(DevRouter::new(), ([127, 0, 0, 1], 0).into()).await?;
    let addr = ingress.addr();
    let host = builder
        .with_http_handler(Arc::new(ingress))
        .build()?
        .start()
        .await?;
    let component = Component {
        name: "guest".to_owned(),
        bytes: guest,
        pool_size,
        ..Default::default()
    };
    let request = WorkloadStartRequest {
        workload_id: "bench".to_owned(),
        workload: Workload {
            namespace: "bench".to_owned(),
            name: "bench".to_owned(),
            annotations: HashMap::new(),
            service: None,
            components: vec![component],
            host_interfaces: interfaces.iter().copied().map(WitInterface::from).collect(),
            volumes: Vec::new(),
        },
    };
    let status = host.workload_start(request).await?.workload_status;
    ensure!(
        status.workload_state == WorkloadState::Running,
        "{}",
        status.message
    );
    Ok((host, addr))
}
