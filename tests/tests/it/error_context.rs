//! Error contexts that a guest passes to a plugin.

use e2e::{TestHost, artifacts};
use wash_runtime::wasmtime::Config;
use wash_runtime::wasmtime::component::Val;

const GUEST: &str = "demo:guest/errors@0.1.0";

async fn host() -> TestHost {
    // Not every engine takes them by default.
    let mut engine = Config::new();
    engine
        .wasm_component_model_async(true)
        .wasm_component_model_map(true)
        .wasm_component_model_fixed_length_lists(true)
        .wasm_component_model_error_context(true);
    TestHost::builder()
        .engine(engine)
        .library(artifacts::test_plugin("values-plugin"))
        .guest("errors", ["test:values/errors@0.1.0"])
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_told_of_each_and_the_guest_keeps_them() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let count = instance.func(GUEST, "count").unwrap();
    // Twice: the guest drops its own each time, which would fail if they were
    // gone, or counted once more than there are.
    for _ in 0..2 {
        let results = instance.call(count, &[]).await.unwrap();
        assert_eq!(results, [Val::U32(3)]);
    }
    let noted = instance.func(GUEST, "noted").unwrap();
    assert_eq!(instance.call(noted, &[]).await.unwrap(), [Val::U32(10)]);
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_one_that_the_guest_does_not_have_is_a_trap() {
    let host = host().await;
    let mut instance = host.instance().await.unwrap();
    let forge = instance.func(GUEST, "forge").unwrap();
    let error = instance.call(forge, &[]).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("unknown handle index 77"), "{error}");
    host.stop().await.unwrap();
}
