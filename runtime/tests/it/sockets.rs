//! Sockets: who may listen, and who may connect to whom.

use crate::common;

use std::{net::TcpListener, sync::Arc};

use common::{bytes, engine, service, wasi::tcp, workload};
use wash_runtime::{
    engine::{ctx::SharedCtx, workload::ResolvedWorkload},
    host::http::NullServer,
    types::{AllowedLoopbackPort, Workload},
    wasmtime::Store,
};

// One more than the case's number.
const ACCESS_DENIED: u32 = 2;
const CONNECTION_REFUSED: u32 = 15;

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A service and a component that do this.
fn both(of_service: &str, of_component: &str) -> Workload {
    Workload {
        service: service(of_service, 0, &[]).service,
        ..workload(&[of_component], &[])
    }
}

struct Resolved {
    workload: ResolvedWorkload,
    service: Option<Arc<str>>,
    component: Arc<str>,
}

async fn resolve(workload: Workload) -> Resolved {
    let unresolved = engine().initialize_workload("w", workload).unwrap();
    let (service, component) = (
        unresolved.service_id(),
        unresolved.component_ids()[0].clone(),
    );
    let handler = Arc::new(NullServer::default());
    Resolved {
        workload: unresolved.resolve(None, handler).await.unwrap(),
        service,
        component,
    }
}

/// Calls `run`. The store keeps open what it opened.
async fn run(workload: &ResolvedWorkload, id: &str) -> (u32, Store<SharedCtx>) {
    let (mut store, instance) = workload.instantiate(id).await.unwrap();
    let runner = instance
        .get_export_index(&mut store, None, "demo:a/runner@0.1.0")
        .unwrap();
    let run = instance
        .get_export_index(&mut store, Some(&runner), "run")
        .unwrap();
    let run = instance
        .get_typed_func::<(), (u32,)>(&mut store, run)
        .unwrap();
    let (code,) = run.call_async(&mut store, ()).await.unwrap();
    (code, store)
}

#[tokio::test]
async fn components_connect_to_their_service_and_to_nobody_else() {
    let port = free_port();
    let one = resolve(both(&tcp(true, false, port), &tcp(false, false, port))).await;
    let (refused, _) = run(&one.workload, &one.component).await;
    assert_eq!(refused, CONNECTION_REFUSED, "nobody listens yet");

    let (listening, _service) = run(&one.workload, one.service.as_ref().unwrap()).await;
    assert_eq!(listening, 0);
    let (connected, _) = run(&one.workload, &one.component).await;
    assert_eq!(connected, 0);

    let other = resolve(workload(&[&tcp(false, false, port)], &[])).await;
    let (refused, _) = run(&other.workload, &other.component).await;
    assert_eq!(refused, CONNECTION_REFUSED, "it is not their service");
}

#[tokio::test]
async fn only_services_listen_and_only_on_the_loopback() {
    let component = resolve(workload(&[&tcp(true, false, 0)], &[])).await;
    let (refused, _) = run(&component.workload, &component.component).await;
    assert_eq!(refused, ACCESS_DENIED);

    for (port, name) in [(0, "any"), (free_port(), "one")] {
        let everywhere = tcp(true, true, port);
        let service = resolve(both(&everywhere, &everywhere)).await;
        let (refused, _) = run(&service.workload, service.service.as_ref().unwrap()).await;
        assert_eq!(refused, ACCESS_DENIED, "{name} port of all addresses");
    }
}

#[tokio::test]
async fn a_port_of_the_host_is_reached_if_it_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for (allowed, code) in [
        (vec![], CONNECTION_REFUSED),
        (vec![AllowedLoopbackPort(port)], 0),
    ] {
        let mut demo = workload(&[], &[]);
        demo.components = vec![wash_runtime::types::Component {
            name: "c0".to_string(),
            bytes: bytes(&tcp(false, false, port)),
            ..Default::default()
        }];
        demo.components[0]
            .local_resources
            .allowed_host_loopback_ports = allowed.into();
        let resolved = resolve(demo).await;
        let (connected, _) = run(&resolved.workload, &resolved.component).await;
        assert_eq!(connected, code);
    }
}
