//! Limits hold: each is broken by a guest, while another workload's work goes
//! on being done.
//!
//! The tests run on one thread, which a guest that does not give way would
//! keep to itself.

use crate::common;

use std::{sync::Arc, time::Duration};

use common::{
    builder, bytes, error_text,
    guests::{exports_run, run, run_async_after_waiting},
    host, service, start, stop, workload,
};
use tokio::time::Instant;
use wash_runtime::{
    engine::{Engine, workload::ResolvedWorkload},
    host::{Host, HostBuilder, http::NullServer},
    types::{Workload, WorkloadState},
    wasmtime::{
        Store,
        component::{Component, Linker},
    },
};

const LOOPS_FOR_EVER: &str = "(loop $l (br $l)) i32.const 0";
const RECURSES_FOR_EVER: &str = "(call $run)";
const ALLOCATES_FOR_EVER: &str = "(loop $l
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
    (br $l))
    i32.const 0";

/// An engine that gives up soon.
fn impatient() -> Engine {
    Engine::builder()
        .with_pooling_allocator(false)
        .with_instantiation_deadline(Duration::from_millis(200))
        .with_call_deadline(Duration::from_millis(200))
        .build()
        .unwrap()
}

async fn resolve(engine: &Engine, workload: Workload) -> (ResolvedWorkload, Arc<str>) {
    let unresolved = engine.initialize_workload("w", workload).unwrap();
    let id = unresolved.component_ids()[0].clone();
    let resolved = unresolved
        .resolve(None, Arc::new(NullServer::default()))
        .await
        .unwrap();
    (resolved, id)
}

/// Calls the `run` of the workload's only component.
async fn call(workload: &ResolvedWorkload, id: &str) -> anyhow::Result<()> {
    let (mut store, instance) = workload.instantiate(id).await?;
    workload
        .within_deadline(id, async {
            let interface = instance
                .get_export_index(&mut store, None, "demo:a/runner@0.1.0")
                .unwrap();
            let run = instance
                .get_export_index(&mut store, Some(&interface), "run")
                .unwrap();
            let run = instance.get_typed_func::<(), (u32,)>(&mut store, run)?;
            run.call_async(&mut store, ()).await?;
            Ok(())
        })
        .await
}

/// Another workload is served from start to end.
async fn is_responsive(host: &Host) {
    let other = service(&run("i32.const 0"), 0, &[]);
    start(host, "other", other).await;
    let end = host.wait_workload("other").await;
    assert_eq!(
        end.workload_state,
        WorkloadState::Completed,
        "{}",
        end.message
    );
    stop(host, "other").await;
}

#[tokio::test]
async fn a_service_that_computes_for_ever_keeps_nobody_waiting_and_stops() {
    let host = host([]).await;
    let busy = start(&host, "busy", service(&run(LOOPS_FOR_EVER), 0, &[])).await;
    assert_eq!(busy.workload_state, WorkloadState::Running);
    is_responsive(&host).await;
    stop(&host, "busy").await;
    assert_eq!(
        host.wait_workload("busy").await.workload_state,
        WorkloadState::NotFound
    );
    host.stop().await.unwrap();
}

#[tokio::test]
async fn so_does_one_of_wasi_0_3() {
    let host = host([]).await;
    let text = run_async_after_waiting("(loop $l (br $l))");
    let busy = start(&host, "busy", service(&text, 0, &[])).await;
    assert_eq!(
        busy.workload_state,
        WorkloadState::Running,
        "{}",
        busy.message
    );
    is_responsive(&host).await;
    stop(&host, "busy").await;
    host.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_computes_for_ever_ends_at_the_deadline() {
    let engine = impatient();
    let (resolved, id) = resolve(&engine, workload(&[&exports_run(LOOPS_FOR_EVER)], &[])).await;
    let host = HostBuilder::new().with_engine(engine).build().unwrap();
    let (called, ()) = tokio::join!(call(&resolved, &id), is_responsive(&host));
    assert_eq!(
        error_text(called),
        "a call of component 'c0' of workload 'demo' did not end within 200ms, the host's call \
         deadline (WASH_SHARED_STORE_CALL_TIMEOUT_SECS)"
    );
}

#[tokio::test]
async fn a_call_that_computes_for_ever_ends_with_its_workload() {
    let engine = common::engine();
    let (resolved, id) = resolve(&engine, workload(&[&exports_run(LOOPS_FOR_EVER)], &[])).await;
    let (called, ()) = tokio::join!(call(&resolved, &id), resolved.unbind_all_plugins());
    let error = error_text(called);
    assert!(error.contains("workload 'w' was stopped"), "{error}");
    assert_eq!(
        error_text(call(&resolved, &id).await),
        "workload 'demo' was stopped"
    );
}

#[tokio::test]
async fn an_initialiser_that_computes_for_ever_ends_at_the_deadline() {
    let loops = "(component
        (core module $m (func $loop (loop $l (br $l))) (start $loop))
        (core instance (instantiate $m))
    )";
    let (resolved, id) = resolve(&impatient(), workload(&[loops], &[])).await;
    assert_eq!(
        error_text(resolved.instantiate(&id).await.map(drop)),
        "component 'c0' of workload 'demo' could not be instantiated within 200ms, the host's \
         instantiation deadline: its initialisers compute or wait for too long"
    );

    let host = builder([]).with_engine(impatient()).build().unwrap();
    let text = run("i32.const 0").replace(
        "(memory 1)",
        "(memory 1) (func $loop (loop $l (br $l))) (start $loop)",
    );
    let (status, ()) = tokio::join!(
        start(&host, "w", service(&text, 0, &[])),
        is_responsive(&host)
    );
    assert_eq!(status.workload_state, WorkloadState::Error);
    assert!(
        status.message.contains("the host's instantiation deadline"),
        "{}",
        status.message
    );
}

#[tokio::test]
async fn a_guest_that_recurses_for_ever_traps() {
    let (resolved, id) = resolve(
        &common::engine(),
        workload(&[&exports_run(RECURSES_FOR_EVER)], &[]),
    )
    .await;
    let error = error_text(call(&resolved, &id).await);
    assert!(error.contains("call stack exhausted"), "{error}");

    let host = host([]).await;
    start(&host, "w", service(&run(RECURSES_FOR_EVER), 0, &[])).await;
    let end = host.wait_workload("w").await;
    assert!(
        end.message.contains("call stack exhausted"),
        "{}",
        end.message
    );
    is_responsive(&host).await;
}

#[tokio::test]
async fn a_guest_that_allocates_for_ever_meets_its_limit() {
    // In memory, and in a table.
    let memory = run(ALLOCATES_FOR_EVER);
    let table = memory
        .replace("(memory 1)", "(table $t 1 funcref)")
        .replace(
            "(memory.grow (i32.const 1))",
            "(table.grow $t (ref.null func) (i32.const 1000))",
        );
    for text in [memory, table] {
        let host = host([]).await;
        let mut greedy = service(&text, 0, &[]);
        greedy
            .service
            .as_mut()
            .unwrap()
            .local_resources
            .memory_limit_mb = 3;
        start(&host, "w", greedy).await;
        let end = host.wait_workload("w").await;
        assert_eq!(end.workload_state, WorkloadState::Error);
        assert!(
            end.message.starts_with(
                "the service of workload 'demo' failed: it wanted more memory than its \
                 memory_limit_mb of 3 (MiB for each instance)"
            ),
            "{}",
            end.message
        );
        is_responsive(&host).await;
    }
}

/// The clock is paused, so it moves only if the guest is made to wait.
#[tokio::test(start_paused = true)]
async fn a_guest_that_computes_more_than_its_share_is_slowed_down() {
    // Computes for 300 milliseconds.
    let text = r#"(component
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (export "now" (func (result u64)))))
        (core func $now (canon lower (func $clock "now")))
        (core module $m
            (import "" "now" (func $now (result i64)))
            (func (export "run") (result i32)
                (local $end i64)
                (local.set $end (i64.add (call $now) (i64.const 300000000)))
                (loop $l (br_if $l (i64.lt_u (call $now) (local.get $end))))
                i32.const 0))
        (core instance $i (instantiate $m
            (with "" (instance (export "now" (func $now))))))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $run-interface (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $run-interface))
    )"#;
    for (limit, slowed) in [(-1, false), (1, true)] {
        let host = host([]).await;
        let mut busy = service(text, 0, &[]);
        busy.service.as_mut().unwrap().local_resources.cpu_limit = limit;
        let before = Instant::now();
        start(&host, "w", busy).await;
        let end = host.wait_workload("w").await;
        assert_eq!(
            end.workload_state,
            WorkloadState::Completed,
            "{}",
            end.message
        );
        assert_eq!(!before.elapsed().is_zero(), slowed, "cpu_limit {limit}");
    }
}

#[tokio::test]
async fn stores_of_the_embedder_can_be_prepared() {
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 7))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f")))
    )"#;
    for (interruption, prepared, works) in [
        (true, true, true),
        (true, false, false),
        (false, false, true),
    ] {
        let engine = Engine::builder()
            .with_pooling_allocator(false)
            .with_interruption(interruption)
            .build()
            .unwrap();
        let component = Component::new(engine.inner(), bytes(text)).unwrap();
        let mut store = Store::new(engine.inner(), ());
        if prepared {
            engine.prepare_store(&mut store);
        }
        let called = async {
            let instance = Linker::new(engine.inner())
                .instantiate_async(&mut store, &component)
                .await?;
            let f = instance.get_typed_func::<(), (u32,)>(&mut store, "f")?;
            f.call_async(&mut store, ()).await
        };
        assert_eq!(called.await.is_ok(), works, "{interruption} {prepared}");
    }
}

#[test]
fn a_cpu_limit_needs_interruption() {
    let engine = Engine::builder()
        .with_pooling_allocator(false)
        .with_interruption(false)
        .build()
        .unwrap();
    let mut demo = workload(&["(component)"], &[]);
    demo.components[0].local_resources.cpu_limit = 100;
    let error = error_text(engine.initialize_workload("w", demo));
    assert!(
        error.starts_with(
            "component 'c0' of workload 'demo': cpu_limit is 100, but this host's engine was \
             built without interruption"
        ),
        "{error}"
    );
}
