//! What a host says about itself.

use crate::common;

use std::sync::Arc;

use common::{
    builder, bytes, engine,
    guests::EMPTY,
    recorder::{Log, Recorder},
    start, stop, workload,
};
use wash_runtime::{
    host::{HostApi, HostBuilder},
    plugin::HostPlugin,
    wit::WitInterface,
};

const A: &str = "demo:a/one@0.1.0";

#[tokio::test]
async fn a_heartbeat_describes_the_host() {
    let log = Log::default();
    let host = builder([
        Recorder::new("a", &[A], &log).listed_as_imports().arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[A], &log).arc(),
    ])
    .with_hostname("machine")
    .with_friendly_name("friend")
    .with_environment("test")
    .with_label("zone", "z1")
    .build()
    .unwrap()
    .start()
    .await
    .unwrap();
    start(&host, "w", workload(&[EMPTY, EMPTY], &[])).await;
    start(
        &host,
        "failed",
        workload(&["(component (import \"x:y/z\" (instance)))"], &["x:y/z"]),
    )
    .await;

    let beat = host.heartbeat().await.unwrap();
    assert_eq!(beat.id, host.id());
    assert_eq!(
        (
            beat.hostname.as_str(),
            beat.friendly_name.as_str(),
            beat.environment.as_str()
        ),
        ("machine", "friend", "test")
    );
    assert_eq!(beat.labels["zone"], "z1");
    assert_eq!(host.label("zone").unwrap(), "z1");
    assert_eq!(beat.http_port, 0, "there is no server");
    assert_eq!((beat.workload_count, beat.component_count), (2, 2));
    assert_eq!(beat.imports, [WitInterface::from(A)]);
    assert_eq!(beat.exports, [WitInterface::from(A)]);
    assert!(beat.system_memory_total > 0);
    stop(&host, "w").await;
    assert_eq!(host.heartbeat().await.unwrap().workload_count, 1);
}

#[test]
fn a_host_has_a_name_by_default() {
    let host = HostBuilder::new().with_engine(engine()).build().unwrap();
    assert_eq!(
        host.friendly_name().split('-').count(),
        3,
        "{}",
        host.friendly_name()
    );
    assert!(!host.hostname().is_empty());
}

#[test]
fn what_a_component_needs_of_this_host_can_be_asked() {
    let log = Log::default();
    let host = builder([
        Recorder::new("a", &["demo:a/one,two"], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("c", &["demo:c/x@1.0.0"], &log)
            .listed_as_imports()
            .arc(),
    ])
    .build()
    .unwrap();
    let guest = bytes(
        r#"(component
            (import "demo:a/one@0.1.0" (instance))
            (import "demo:b/one@0.1.0" (instance))
            (import "wasi:http/outgoing-handler@0.2.0" (instance))
            (import "plain" (func))
            (import "mine" (implements "demo:a/two@0.1.0") (instance))
            (instance $i)
            (export "demo:c/x@1.0.0" (instance $i))
            (component (import "demo:a/two" (instance)))
            (core module)
        )"#,
    );
    let mut interfaces: Vec<String> = host
        .intersect_interfaces(&guest)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    interfaces.sort();
    assert_eq!(
        interfaces,
        [
            "demo:a [mine]/two@0.1.0",
            "demo:a/one@0.1.0",
            "demo:c/x@1.0.0",
            "wasi:http/incoming-handler,outgoing-handler"
        ]
    );

    for bad in [
        &b"not wasm"[..],
        &bytes("(module)"),
        &guest[..guest.len() - 3],
    ] {
        assert!(host.intersect_interfaces(bad).is_err());
    }
}

#[test]
fn the_world_of_a_host_is_that_of_its_plugins_and_wasi() {
    let log = Log::default();
    let host = builder([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("c", &["demo:c/x"], &log)
            .listed_as_imports()
            .arc(),
    ])
    .build()
    .unwrap();
    let world = host.wit_world();
    assert_eq!(world.imports, [WitInterface::from("demo:c/x")].into());
    assert!(world.exports.contains(&WitInterface::from(A)));
    assert!(world.includes(&WitInterface::from("wasi:cli/environment@0.2.3")));
}
