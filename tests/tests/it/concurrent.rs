//! `async func` of WASI 0.3: a component has several calls of a library's
//! functions at once.

use e2e::{TestHost, artifacts, string};
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:concurrent/scenarios@0.1.0";

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("concurrent-plugin"))
        .guest("concurrent-guest", ["test:concurrent/meeting@0.1.0"])
        .start()
        .await
        .unwrap()
}

async fn scenario(host: &TestHost, name: &str) -> anyhow::Result<String> {
    let args = [string(name)];
    let results = host.call(SCENARIOS, "run", &args).await?;
    match results.as_slice() {
        [Val::String(text)] => Ok(text.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_one_component_overlap() {
    let host = host().await;
    for (name, expected) in [
        ("meet", "one met, two met, three met"),
        (
            "many",
            "200 -9223372036854775808 1.5 ü [1, 65535] Some('🦀')",
        ),
        (
            "rooms",
            "met in left, met in right, met in left, (2, 1), met in left and right",
        ),
    ] {
        assert_eq!(scenario(&host, name).await.unwrap(), expected, "{name}");
        assert_eq!(host.loaded()[0].live_resources(), Some(0), "{name}");
    }
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_of_the_component_that_called() {
    let host = host().await;
    let error = scenario(&host, "panics").await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("plugin `concurrent-plugin` panicked in") && error.contains("on purpose"),
        "{error}"
    );
    assert_eq!(
        scenario(&host, "many").await.unwrap(),
        "200 -9223372036854775808 1.5 ü [1, 65535] Some('🦀')"
    );
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_holds_up_nothing() {
    let host = host().await;
    let args = [string("never")];
    let call = host.call(SCENARIOS, "run", &args);
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(50), call).await;
    assert!(given_up.is_err());
    assert_eq!(
        scenario(&host, "rooms").await.unwrap(),
        "met in left, met in right, met in left, (2, 1), met in left and right"
    );
    host.stop().await.unwrap();
}
