//! Which components are linked to which.

use std::sync::Arc;

use wash_runtime::{plugin::HostPlugin, types::WorkloadState};

use crate::{
    common::{
        engine, error_text,
        guests::{EXPORTS_A, IMPORTS_A},
        host,
        recorder::{Log, Recorder},
        service, start, stop, workload,
    },
    guests::{counter, runner, sum_of_counts},
    support::{A, COUNTER, Linked, WHO, Who, call},
};

#[tokio::test]
async fn other_types_are_told_before_anything_runs() {
    let importer = r#"(component
        (import "demo:a/one@0.1.0" (instance
            (export "ping" (func (param "n" u32)))
            (export "pong" (func))))
    )"#;
    let log = Log::default();
    let host = host([Recorder::new("b", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let answer = start(&host, "w", workload(&[importer, EXPORTS_A], &[A])).await;
    assert_eq!(
        answer.message,
        "component 'c0' of workload 'demo' imports 'demo:a/one@0.1.0', which component 'c1' of \
         workload 'demo' exports, but they cannot be linked: 'ping': 1 parameters are imported, \
         and 0 are exported; 'pong': no such function is exported"
    );
    assert_eq!(
        log.take(),
        [
            "b bind w [demo:a/one@0.1.0]",
            "b item c1 [demo:a/one@0.1.0]",
            "b unbind w [demo:a/one@0.1.0]"
        ],
        "what was bound is unbound"
    );
}

#[tokio::test]
async fn a_workload_serves_itself_before_plugins_do() {
    let log = Log::default();
    let host =
        host([Recorder::new("a", &[A, "demo:b/one@0.1.0"], &log).arc() as Arc<dyn HostPlugin>])
            .await;
    log.take();
    let answer = start(&host, "w", workload(&[IMPORTS_A, EXPORTS_A], &[A])).await;
    assert_eq!(
        answer.workload_state,
        WorkloadState::Running,
        "{}",
        answer.message
    );
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item c1 [demo:a/one@0.1.0]",
            "a resolved c1"
        ],
        "the exporter keeps it"
    );
    stop(&host, "w").await;
    log.take();

    // An entry that the workload serves in part only is the plugin's.
    let both = r#"(component
        (import "demo:a/one@0.1.0" (instance (export "ping" (func))))
        (import "demo:a/two@0.1.0" (instance (export "ping" (func))))
    )"#;
    let answer = start(
        &host,
        "w",
        workload(&[both, EXPORTS_A], &["demo:a/one,two@0.1.0"]),
    )
    .await;
    assert!(
        answer
            .message
            .contains("requested interfaces that are not available on this host"),
        "{}",
        answer.message
    );
}

#[tokio::test]
async fn what_cannot_be_linked_ends_the_start_before_anything_is_bound() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let ambiguous = workload(&[IMPORTS_A, EXPORTS_A, EXPORTS_A], &[A]);
    let answer = start(&host, "ambiguous", ambiguous).await;
    assert_eq!(answer.workload_state, WorkloadState::Error);
    assert!(
        answer.message.contains(
            "imports interface 'demo:a/one@0.1.0', which is exported by multiple components in \
             the workload; cannot disambiguate the provider"
        ),
        "{}",
        answer.message
    );

    let (x, y) = ("demo:a/x@0.1.0", "demo:a/y@0.1.0");
    let circle = workload(&[&sum_of_counts(x, y), &sum_of_counts(y, x)], &[]);
    let answer = start(&host, "circle", circle).await;
    assert!(
        answer.message.contains(
            "circular dependency detected among components: 'c0' imports from 'c1' imports from \
             'c0'"
        ),
        "{}",
        answer.message
    );
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn a_component_that_imports_what_it_exports_is_not_linked_to_itself() {
    let linked = Linked::new(&[&sum_of_counts(COUNTER, COUNTER)]).await;
    let error = error_text(linked.workload.instantiate(&linked.ids[0]).await.map(drop));
    assert!(error.contains("demo:a/counter@0.1.0"), "{error}");

    let linked = Linked::new(&[&sum_of_counts(COUNTER, COUNTER), &counter()]).await;
    let (mut store, instance) = linked.instantiate().await;
    for sum in [1, 3, 6] {
        assert_eq!(
            call(&mut store, &instance, COUNTER, "next").await.unwrap(),
            sum
        );
    }
}

#[tokio::test]
async fn the_service_imports_from_components() {
    let text = runner(COUNTER)
        .replace("demo:a/runner@0.1.0", "wasi:cli/run@0.2.0")
        .replace(
            r#"(func $run (result u32)"#,
            r#"(func $run (result (result))"#,
        )
        // The count is 1 on a fresh store, and 0 means `ok`.
        .replace("local.get $n", "(i32.sub (local.get $n) (i32.const 1))");
    let log = Log::default();
    let host = host([Arc::new(Who(log.clone())) as Arc<dyn HostPlugin>]).await;
    let mut demo = workload(&[&counter()], &[WHO]);
    demo.service = service(&text, 0, &[]).service;
    start(&host, "w", demo).await;
    let end = host.wait_workload("w").await;
    assert_eq!(
        end.workload_state,
        WorkloadState::Completed,
        "{}",
        end.message
    );
    assert_eq!(log.take(), ["service", "service"]);
}

#[tokio::test]
async fn nothing_is_imported_from_the_service() {
    let text = counter()
        .replace(COUNTER, "demo:a/runner@0.1.0")
        .replace("\"next\"", "\"run\"");
    let importer = r#"(component (import "demo:a/runner@0.1.0" (instance
        (export "run" (func (result u32))))))"#;
    let mut demo = workload(&[importer], &[]);
    demo.service = service(&text, 0, &[]).service;
    let linked = Linked::try_new(&engine(), demo).await.unwrap();
    let error = error_text(linked.workload.instantiate(&linked.ids[0]).await.map(drop));
    assert!(error.contains("demo:a/runner@0.1.0"), "{error}");
}
