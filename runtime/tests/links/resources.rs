//! Resources that go from one component to another.

use crate::{
    common::{engine, error_text, workload},
    resource_guests::{
        KEEPER, LISTS, READER, THINGS, USES_LISTS, uses_keeper, uses_reader, uses_things,
    },
    support::Linked,
};

#[tokio::test]
async fn resources_are_made_lent_given_away_and_dropped() {
    let linked = Linked::new(&[&uses_things(), THINGS]).await;
    assert_eq!(linked.run().await.unwrap(), 57_501_720);
}

#[tokio::test]
async fn resources_are_found_in_lists_and_tuples() {
    let linked = Linked::new(&[USES_LISTS, LISTS]).await;
    assert_eq!(linked.run().await.unwrap(), 1 + 2 + 3 + 3 * 200);
}

#[tokio::test]
async fn a_resource_passes_through_a_third_component() {
    let linked = Linked::new(&[&uses_keeper(), KEEPER, THINGS]).await;
    // Looked at, passed through (not dropped), then kept (and dropped).
    assert_eq!(linked.run().await.unwrap(), 5000 + 50 + 1);
}

#[tokio::test]
async fn a_resource_of_the_host_passes_through() {
    let linked = Linked::new(&[&uses_reader(), READER]).await;
    assert_eq!(linked.run().await.unwrap(), 4242);
}

#[tokio::test]
async fn an_async_function_with_a_resource_is_refused_in_so_many_words() {
    let provider = r#"(component
        (component $inner
            (type $thing' (resource (rep i32)))
            (export $thing "thing" (type $thing'))
            (core module $m
                (func (export "use") (param i32) (result i32) unreachable)
                (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func (export "use") async (param "thing" (borrow $thing))
                (canon lift (core func $i "use") async (callback (func $i "callback"))))
        )
        (instance $i (instantiate $inner))
        (export "demo:a/one@0.1.0" (instance $i))
    )"#;
    let importer = r#"(component
        (import "demo:a/one@0.1.0" (instance
            (export "thing" (type $thing (sub resource)))
            (export "use" (func async (param "thing" (borrow $thing))))))
    )"#;
    let error = error_text(
        Linked::try_new(&engine(), workload(&[importer, provider], &[]))
            .await
            .map(drop),
    );
    assert!(
        error.starts_with(
            "component 'c0' of workload 'demo' imports 'demo:a/one@0.1.0', which component 'c1' \
             of workload 'demo' exports, but they cannot be linked: 'use': an async function with \
             a resource"
        ),
        "{error}"
    );
}
