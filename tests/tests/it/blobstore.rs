//! `wasi:blobstore` as a library, through a component, with each store.

use e2e::{TestHost, artifacts, string};
use serde_json::json;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::Val;
use wash_runtime::wit::WitInterface;

const TOUR: &str = "test:blobstore/tour@0.1.0";
const NEEDS: &str = "wasi:blobstore/types,container,blobstore@0.2.0-draft";

/// What the guest reports of every function.
const REPORT: &str = r#"nothing: false
no container: Err("there is no container \"c\": create it first")
created: true
name: ("c", "c")
age: true
all: "10 0123456789"
part: "3 234"
no object: Err("there is no object \"b\" in container \"c\"")
backwards: Err("there are no bytes from 4 to 2: the end comes before the start")
has: (true, false)
info: ("a", "c", 10)
no info: Err("there is no object \"b\" in container \"c\"")
replaced: "8 replaced"
empty: "0 "
moved: (["ü:/*"], "8 replaced")
nowhere: Err("there is no container \"e\": create it first")
list: (2, false)
skip: (3, false)
rest: (1, true)
left: ["a", "b", "empty", "f"]
cleared: []
gone: Err("there is no container \"c\": create it first")
"#;

/// Several of everything that is buffered anywhere.
const MANY: u64 = 8_000_000;

async fn host(config: serde_json::Value) -> TestHost {
    TestHost::builder()
        .library(artifacts::plugin("wasi-blobstore"))
        .config("wasi-blobstore", config)
        .start()
        .await
        .unwrap()
}

async fn start(host: &TestHost, id: &str) {
    let guest = artifacts::guest("blobstore-guest");
    let status = host.workload(id, guest, vec![WitInterface::from(NEEDS)]);
    let status = status.await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
}

/// Calls the guest, in a fresh instance; it answers with a WIT `result`.
async fn call(host: &TestHost, id: &str, function: &str, args: &[Val]) -> Result<Val, String> {
    let results = host.call_of(id, TOUR, function, args).await.unwrap();
    match results.as_slice() {
        [Val::Result(Ok(Some(value)))] => Ok(value.as_ref().clone()),
        [Val::Result(Err(Some(error)))] => match error.as_ref() {
            Val::String(text) => Err(text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn mistake(host: &TestHost, name: &str) -> String {
    let results = host.call_of("one", TOUR, "mistake", &[string(name)]).await;
    match results.unwrap().as_slice() {
        [Val::String(text)] => text.clone(),
        other => panic!("{other:?}"),
    }
}

async fn serves_everything(host: &TestHost) {
    assert_eq!(call(host, "one", "report", &[]).await, Ok(string(REPORT)));
    for len in [0, 1, MANY] {
        let right = call(host, "one", "stream", &[string("s"), Val::U64(len)]).await;
        assert_eq!(right, Ok(Val::U64(len)));
        let size = call(host, "one", "size", &[string("s")]).await;
        assert_eq!(size, Ok(Val::U64(len)));
    }
    for (name, outcome) in [
        ("body twice", "true false"),
        (
            "finished with an open body",
            "the stream of the body is still open: drop it before the value is finished",
        ),
        (
            "finished without an object",
            "this value belongs to no object: call `write-data` with it before it is finished",
        ),
        (
            "written twice",
            "this value is written to object \"a\" of container \"mistakes\" already: make another",
        ),
        (
            "no container",
            "there is no container \"mistakes\": create it first",
        ),
        ("not finished", "[]"),
    ] {
        assert_eq!(mistake(host, name).await, outcome, "{name}");
    }
    assert_eq!(host.loaded()[0].live_resources(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_each_workload_has_its_own_containers() {
    let host = host(json!({"max_object_size": MANY})).await;
    start(&host, "one").await;
    start(&host, "two").await;
    serves_everything(&host).await;
    let other = call(&host, "two", "size", &[string("s")]).await;
    assert!(other.unwrap_err().contains("there is no container"));
    host.stop_workload("one").await;
    start(&host, "one").await;
    let again = call(&host, "one", "size", &[string("s")]).await;
    assert!(again.unwrap_err().contains("there is no container"));
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_an_object_has_a_greatest_size() {
    let host = host(json!({})).await;
    start(&host, "one").await;
    let outcome = mistake(&host, "too large").await;
    assert!(
        outcome.contains("an object of this store has at most 1000000 bytes"),
        "{outcome}"
    );
    assert!(outcome.ends_with(" []"), "{outcome}");
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_shared_and_stay() {
    let root = tempfile::TempDir::new().unwrap();
    let config = json!({"backend": "filesystem", "root": root.path()});
    let host = host(config).await;
    start(&host, "one").await;
    start(&host, "two").await;
    serves_everything(&host).await;
    let size = call(&host, "two", "size", &[string("s")]).await;
    assert_eq!(size, Ok(Val::U64(MANY)));
    let refused = call(&host, "two", "stream", &[string("../s"), Val::U64(1)]).await;
    assert!(refused.unwrap_err().contains("no absolute path"));
    host.stop().await.unwrap();

    let size = std::fs::metadata(root.path().join("s/object"))
        .unwrap()
        .len();
    assert_eq!(size, MANY);
    let left = std::fs::read_dir(root.path()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["mistakes", "s"]);
}
