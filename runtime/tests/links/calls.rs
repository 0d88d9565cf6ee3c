//! Calls from one component of a workload to another.

use std::{sync::Arc, time::Duration};

use wash_runtime::engine::Engine;

use crate::{
    common::{engine, error_text, workload},
    guests::{DOUBLER, USES_DOUBLER, counter, next_does, runner, sum_of_counts, told_next},
    resource_guests::{THINGS, uses_things},
    support::{COUNTER, Linked, WHO, call},
};

#[tokio::test]
async fn a_store_has_one_instance_of_a_provider() {
    let linked = Linked::new(&[&sum_of_counts(COUNTER, "demo:a/sum@0.1.0"), &counter()]).await;
    let (mut store, instance) = linked.instantiate().await;
    for sum in [1, 3, 6] {
        let next = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
        assert_eq!(next.unwrap(), sum);
    }
    let (mut store, instance) = linked.instantiate().await;
    let next = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
    assert_eq!(next.unwrap(), 1, "another store starts afresh");
}

#[tokio::test]
async fn a_call_runs_as_the_provider_and_returns_to_the_caller() {
    let linked = Linked::new(&[
        &runner("demo:a/middle@0.1.0"),
        &counter(),
        &told_next(COUNTER, "demo:a/middle@0.1.0"),
    ])
    .await;
    assert_eq!(linked.run().await.unwrap(), 1);
    assert_eq!(linked.log.take(), ["c0", "c2", "c2", "c0"]);
}

#[tokio::test]
async fn an_instance_is_shared_by_all_who_call_it_in_a_store() {
    // Both the first and the second import the counter.
    let first = sum_of_counts(COUNTER, "demo:a/sum@0.1.0")
        .replace(
            "(component\n",
            r#"(component
            (import "demo:a/two@0.1.0" (instance $two (export "next" (func (result u32)))))
            (core func $two (canon lower (func $two "next")))
            "#,
        )
        .replace(
            r#"(import "" "next""#,
            r#"(import "" "two" (func $two (result i32))) (import "" "next""#,
        )
        .replace(
            "(call $next)",
            "(i32.add (i32.mul (call $two) (i32.const 10)) (call $next))",
        )
        .replace(
            r#"(export "next" (func $next))"#,
            r#"(export "next" (func $next)) (export "two" (func $two))"#,
        );
    let linked = Linked::new(&[
        &first,
        &sum_of_counts(COUNTER, "demo:a/two@0.1.0"),
        &counter(),
    ])
    .await;
    let (mut store, instance) = linked.instantiate().await;
    let sum = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
    assert_eq!(sum.unwrap(), 12, "the counter went on");
}

#[tokio::test]
async fn a_trap_in_a_provider_says_where_and_the_identity_is_restored() {
    let linked = Linked::new(&[&runner(COUNTER), &next_does(COUNTER, "unreachable")]).await;
    let (mut store, instance) = linked.instantiate().await;
    let error = error_text(call(&mut store, &instance, "demo:a/runner@0.1.0", "run").await);
    assert!(
        error.contains(
            "'next' of 'demo:a/counter@0.1.0', which component 'c1' of workload 'demo' serves"
        ),
        "{error}"
    );
    assert!(error.contains("unreachable"), "{error}");
    assert_eq!(store.data().active_ctx.component_id, linked.ids[0]);
    assert_eq!(linked.log.take(), ["c0"]);
}

#[tokio::test]
async fn a_call_has_a_deadline() {
    let impatient = Engine::builder()
        .with_pooling_allocator(false)
        .with_call_deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    let loops = next_does(COUNTER, "(loop $l (br $l)) i32.const 0");
    let demo = workload(&[&runner(COUNTER), &loops], &[WHO]);
    let linked = Linked::try_new(&impatient, demo).await.unwrap();
    let error = error_text(linked.run().await);
    assert!(
        error.contains(
            "component 'c1' of workload 'demo' serves: the call did not end within 100ms, the \
             host's call deadline"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_provider_has_its_own_limit_of_memory() {
    let greedy = "(loop $l
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $l))
        i32.const 0";
    let mut demo = workload(&[&runner(COUNTER), &next_does(COUNTER, greedy)], &[WHO]);
    demo.components[1].local_resources.memory_limit_mb = 2;
    let linked = Linked::try_new(&engine(), demo).await.unwrap();
    let error = error_text(linked.run().await);
    assert!(
        error.contains("it wanted more memory than its memory_limit_mb of 2"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_do_not_disturb_one_another() {
    let linked = Arc::new(Linked::new(&[&uses_things(), THINGS]).await);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let linked = Arc::clone(&linked);
            tokio::spawn(async move { linked.run().await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 57_501_720);
    }
}

#[tokio::test]
async fn an_async_function_runs_on_an_instance_of_its_own() {
    let linked = Linked::new(&[USES_DOUBLER, DOUBLER]).await;
    // Each call is the first one on its instance.
    assert_eq!(linked.run().await.unwrap(), 100 + 8 + 100 + 10);
}
