//! Which plugins are bound to a workload, in what order, with what, and how
//! it is undone.

use crate::common;

use std::sync::Arc;

use common::{
    guests::{EMPTY, IMPORTS_A, IMPORTS_A_AND_B, IMPORTS_B, run},
    host,
    recorder::{Act, Log, Recorder},
    service, start, status, stop, workload,
};
use wash_runtime::{
    plugin::HostPlugin,
    types::{WorkloadState, WorkloadStatus},
    wit::WitInterface,
};

const A: &str = "demo:a/one@0.1.0";
const B: &str = "demo:b/one@0.1.0";

fn is_error(status: &WorkloadStatus, text: &str) {
    assert_eq!(
        status.workload_state,
        WorkloadState::Error,
        "{}",
        status.message
    );
    assert!(status.message.contains(text), "{}", status.message);
}

fn declared(text: &str, name: Option<&str>, config: &[(&str, &str)]) -> WitInterface {
    WitInterface {
        name: name.map(str::to_string),
        config: config
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        ..WitInterface::from(text)
    }
}

#[tokio::test]
async fn plugins_bind_in_the_order_of_their_ids_and_unbind_in_reverse() {
    let log = Log::default();
    // Registered in the other order.
    let host = host([
        Recorder::new("b", &[B], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("a", &["demo:a/one"], &log)
            .listed_as_imports()
            .arc(),
        Recorder::new("c", &["demo:c/one"], &log).arc(),
    ])
    .await;
    assert_eq!(log.take(), ["a start", "b start", "c start"]);

    let mut demo = workload(&[IMPORTS_A_AND_B, IMPORTS_B, EMPTY], &[]);
    demo.service = service(&run("i32.const 0"), 0, &[]).service;
    demo.host_interfaces = vec![
        declared(A, None, &[("k", "v")]),
        declared("demo:b/one", None, &[]),
        // Not used by any component, so not bound, though it is served.
        declared("demo:c/one", None, &[]),
    ];
    let started = start(&host, "w", demo).await;
    assert_eq!(started.workload_state, WorkloadState::Running);
    assert_eq!(started.message, "Workload started successfully");
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0?k=v]",
            "a item c0 [demo:a/one@0.1.0?k=v]",
            "b bind w [demo:b/one]",
            "b item c0 [demo:b/one]",
            "b item c1 [demo:b/one]",
            "a resolved c0",
            "b resolved c0",
            "b resolved c1",
        ]
    );

    assert_eq!(
        stop(&host, "w").await.message,
        "Workload stopped successfully"
    );
    assert_eq!(
        log.take(),
        [
            "b unbind w [demo:b/one]",
            "a unbind w [demo:a/one@0.1.0?k=v]"
        ],
        "once each, with what was bound"
    );
    host.stop().await.unwrap();
    assert_eq!(log.take(), ["c stop", "b stop", "a stop"]);
}

#[tokio::test]
async fn each_plugin_is_given_only_what_it_serves() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &["demo:a/one,two"], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log).arc(),
    ])
    .await;
    log.take();
    start(&host, "w", workload(&[IMPORTS_A, IMPORTS_B], &[A, B])).await;
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item c0 [demo:a/one@0.1.0]",
            "b bind w [demo:b/one@0.1.0]",
            "b item c1 [demo:b/one@0.1.0]",
            "a resolved c0",
            "b resolved c1",
        ]
    );
}

#[tokio::test]
async fn a_service_is_bound_before_components() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    let mut demo = workload(&[IMPORTS_A], &[A]);
    let text = run("i32.const 0").replacen(
        "(component",
        r#"(component (import "demo:a/one@0.1.0" (instance (export "ping" (func))))"#,
        1,
    );
    demo.service = service(&text, 0, &[]).service;
    log.take();
    // The recorder links nothing, so that the service cannot be instantiated:
    // the start fails after everything was bound.
    let status = start(&host, "w", demo).await;
    is_error(&status, "failed to instantiate the service of 'demo'");
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item service [demo:a/one@0.1.0]",
            "a item c0 [demo:a/one@0.1.0]",
            "a resolved service",
            "a resolved c0",
            "a unbind w [demo:a/one@0.1.0]",
        ]
    );
}

#[tokio::test]
async fn an_undeclared_import_and_a_partly_used_declaration_bind_nothing() {
    let log = Log::default();
    let host =
        host([Recorder::new("a", &["demo:a/one,two"], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    for interfaces in [&[][..], &["demo:a/one,two"], &["demo:a/one@0.2.0"]] {
        let started = start(&host, "w", workload(&[IMPORTS_A], interfaces)).await;
        assert_eq!(
            started.workload_state,
            WorkloadState::Running,
            "{}",
            started.message
        );
        assert_eq!(log.take(), [""; 0], "{interfaces:?}");
        stop(&host, "w").await;
    }
}

#[tokio::test]
async fn a_declaration_without_interfaces_stands_for_its_package() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log).arc(),
    ])
    .await;
    log.take();
    start(&host, "w", workload(&[IMPORTS_B], &["demo:b"])).await;
    assert_eq!(
        log.take(),
        ["b bind w [demo:b]", "b item c0 [demo:b]", "b resolved c0"]
    );
}

#[tokio::test]
async fn an_unserved_interface_fails_before_any_plugin_is_bound() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let status = start(&host, "w", workload(&[IMPORTS_A, IMPORTS_B], &[A, B])).await;
    is_error(&status, "workload component Component(");
    is_error(
        &status,
        ") requested interfaces that are not available on this host: {demo:b/one@0.1.0}; \
         it is 'c1', and the host has a",
    );
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn another_version_is_not_served() {
    let log = Log::default();
    let host =
        host([Recorder::new("a", &["demo:a/one@0.2.0"], &log).arc() as Arc<dyn HostPlugin>]).await;
    let status = start(&host, "w", workload(&[IMPORTS_A], &[A])).await;
    is_error(&status, "not available on this host: {demo:a/one@0.1.0}");
}

#[tokio::test]
async fn whatever_fails_is_undone_with_the_plugin_that_failed() {
    let cases = [
        ("bind", vec!["b bind w [demo:b/one@0.1.0]"]),
        (
            "item",
            vec![
                "b bind w [demo:b/one@0.1.0]",
                "b item c0 [demo:b/one@0.1.0]",
            ],
        ),
        (
            "resolved",
            vec![
                "b bind w [demo:b/one@0.1.0]",
                "b item c0 [demo:b/one@0.1.0]",
                "a resolved c0",
                "b resolved c0",
            ],
        ),
    ];
    for (method, events) in cases {
        for (act, message) in [
            (Act::Fail, format!("b refuses to {method}")),
            (
                Act::Panic,
                "plugin 'b' panicked in on_workload_".to_string(),
            ),
        ] {
            let log = Log::default();
            let host = host([
                Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
                Recorder::new("b", &[B], &log)
                    .when(method, act.clone())
                    .arc(),
                Recorder::new("c", &["demo:c/one"], &log).arc(),
            ])
            .await;
            log.take();
            let answer = start(&host, "w", workload(&[IMPORTS_A_AND_B], &[A, B])).await;
            is_error(&answer, &message);
            let mut expected = vec![
                "a bind w [demo:a/one@0.1.0]",
                "a item c0 [demo:a/one@0.1.0]",
            ];
            expected.extend(events.iter().copied());
            expected.extend([
                "b unbind w [demo:b/one@0.1.0]",
                "a unbind w [demo:a/one@0.1.0]",
            ]);
            assert_eq!(log.take(), expected, "{method}");

            let now = status(&host, "w").await;
            assert_eq!(
                now.message,
                format!("Workload is Error: {}", answer.message)
            );
            stop(&host, "w").await;
            assert_eq!(log.take(), [""; 0], "not unbound again");
        }
    }
}

#[tokio::test]
async fn a_plugins_error_is_passed_on_as_it_is() {
    let log = Log::default();
    let host =
        host([Recorder::new("a", &[A], &log).when("bind", Act::Fail).arc() as Arc<dyn HostPlugin>])
            .await;
    let answer = start(&host, "w", workload(&[IMPORTS_A], &[A])).await;
    assert_eq!(answer.message, "a refuses to bind");
}

#[tokio::test]
async fn a_failing_unbind_does_not_keep_the_others_from_it() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log)
            .when("unbind", Act::Panic)
            .arc(),
    ])
    .await;
    start(&host, "w", workload(&[IMPORTS_A_AND_B], &[A, B])).await;
    log.take();
    assert_eq!(
        stop(&host, "w").await.workload_state,
        WorkloadState::Stopping
    );
    assert_eq!(
        log.take(),
        [
            "b unbind w [demo:b/one@0.1.0]",
            "a unbind w [demo:a/one@0.1.0]"
        ]
    );
    assert_eq!(
        status(&host, "w").await.workload_state,
        WorkloadState::NotFound
    );
}

#[tokio::test]
async fn the_first_plugin_that_claims_an_interface_serves_it() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[A], &log).refuses("special").arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[A], &log).arc(),
    ])
    .await;
    for (key, expected) in [("plain", "a bind"), ("special", "b bind")] {
        log.take();
        let mut demo = workload(&[IMPORTS_A], &[]);
        demo.host_interfaces = vec![declared(A, None, &[(key, "1")])];
        start(&host, key, demo).await;
        assert!(log.take()[0].starts_with(expected), "{key}");
    }
}

#[tokio::test]
async fn http_handlers_are_not_for_plugins() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &["wasi:http/incoming-handler"], &log).arc() as Arc<dyn HostPlugin>,
    ])
    .await;
    log.take();
    let guest = r#"(component
        (core module $m (func (export "handle")))
        (core instance $i (instantiate $m))
        (func $handle (canon lift (core func $i "handle")))
        (instance $handler (export "handle" (func $handle)))
        (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
    )"#;
    let started = start(
        &host,
        "w",
        workload(&[guest], &["wasi:http/incoming-handler"]),
    )
    .await;
    assert_eq!(
        started.workload_state,
        WorkloadState::Running,
        "{}",
        started.message
    );
    assert_eq!(log.take(), [""; 0]);
}
