//! `wasmcloud:messaging` as a library: components send messages, and the
//! library calls those that are subscribed, within the host and through NATS.

use crate::servers;

use e2e::{TestHost, artifacts, interface, string};
use serde_json::json;
use servers::Server;
use wash_runtime::types::{WorkloadState, WorkloadStatus};
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:messaging/scenarios@0.1.0";
const CONSUMER: &str = "wasmcloud:messaging/consumer@0.2.0";
const HANDLER: &str = "wasmcloud:messaging/handler@0.2.0";

async fn host(config: serde_json::Value) -> TestHost {
    TestHost::builder()
        .library(artifacts::plugin("wasmcloud-messaging"))
        .config("wasmcloud-messaging", config)
        .start()
        .await
        .unwrap()
}

/// A workload that is subscribed to these subjects.
async fn try_start(host: &TestHost, id: &str, subjects: &str) -> WorkloadStatus {
    let needs = vec![
        interface(CONSUMER, []),
        interface(HANDLER, [("subscriptions", subjects)]),
    ];
    let guest = artifacts::guest("messaging-guest");
    host.workload(id, guest, needs).await
}

async fn start(host: &TestHost, id: &str, subjects: &str) {
    let status = try_start(host, id, subjects).await;
    assert_eq!(
        status.workload_state,
        WorkloadState::Running,
        "{}",
        status.message
    );
}

fn bytes(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
}

async fn ask(
    host: &TestHost,
    id: &str,
    subject: &str,
    body: &[u8],
    timeout: u32,
) -> Result<Val, String> {
    let args = [string(subject), bytes(body), Val::U32(timeout)];
    let results = host.call_of(id, SCENARIOS, "ask", &args).await.unwrap();
    match results.as_slice() {
        [Val::Result(Ok(Some(value)))] => Ok(value.as_ref().clone()),
        [Val::Result(Err(Some(error)))] => match error.as_ref() {
            Val::String(text) => Err(text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn passes_messages_on(host: TestHost) {
    start(&host, "near", " near.* ,near.more.>").await;
    start(&host, "far", "far.*").await;
    for subject in [
        // Handled by another workload, or by itself, in a fresh instance.
        "far.reverse",
        "near.reverse",
        "near.more.and.more.reverse",
        "near.forward",
        "near.relay",
    ] {
        let answer = ask(&host, "near", subject, b"abc", 30_000).await;
        assert_eq!(answer, Ok(bytes(b"cba")), "{subject}");
    }
    let large = vec![7; 500_000];
    let answer = ask(&host, "near", "far.reverse", &large, 30_000).await;
    assert!(answer == Ok(bytes(&large)));

    // What is not handled is not answered, and harms nothing.
    for subject in ["far.fail", "far.trap", "far.silent"] {
        let answer = ask(&host, "near", subject, b"", 300).await;
        assert_eq!(
            answer.unwrap_err(),
            format!("nobody answered a message about {subject:?} within 300 ms")
        );
    }
    let told = host
        .call_of("near", SCENARIOS, "tell", &[string("nobody"), bytes(b"")])
        .await
        .unwrap();
    assert_eq!(told, [Val::Result(Ok(None))]);
    let told = host
        .call_of("near", SCENARIOS, "tell", &[string("a..b"), bytes(b"")])
        .await
        .unwrap();
    assert!(format!("{told:?}").contains("no name is empty"), "{told:?}");

    // A workload that is stopped gets nothing any more; one that comes does.
    let nobody = Err("nobody is subscribed to \"far.reverse\"".to_owned());
    host.stop_workload("far").await;
    for _ in 0..500 {
        if ask(&host, "near", "far.reverse", b"ab", 300).await == nobody {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(
        ask(&host, "near", "far.reverse", b"ab", 30_000).await,
        nobody
    );
    start(&host, "far", "far.*").await;
    let answer = ask(&host, "near", "far.reverse", b"ab", 30_000).await;
    assert_eq!(answer, Ok(bytes(b"ba")));
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_host() {
    passes_messages_on(host(json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_nats() {
    let Some(server) = Server::nats() else {
        return;
    };
    let config = json!({"backend": "nats", "url": server.url()});
    passes_messages_on(host(config).await).await;
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_without_its_password() {
    // Nothing listens at port 1.
    let host = TestHost::builder()
        .library(artifacts::plugin("wasmcloud-messaging"))
        .config(
            "wasmcloud-messaging",
            json!({"backend": "nats", "url": "nats://me:secret@127.0.0.1:1"}),
        )
        .start()
        .await;
    let error = format!("{:#}", host.expect_err("the host does not start"));
    assert!(
        error.contains(
            "NATS cannot be reached: start the server, or correct `url`: NATS: cannot connect"
        ),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_none_refuses_the_workload() {
    let host = host(json!({})).await;
    let status = try_start(&host, "wrong", "a.>.b").await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    assert!(
        status.message.contains("\"a.>.b\"") && status.message.contains("`subscriptions`"),
        "{}",
        status.message
    );
    host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_of_another_type_refuses_the_workload() {
    let host = host(json!({})).await;
    let guest = artifacts::guest("mismatch-handler");
    let status = host.workload("wrong", guest, vec![interface(HANDLER, [])]);
    let status = status.await;
    assert_eq!(status.workload_state, WorkloadState::Error);
    assert!(
        status.message.contains(
            "`wasmcloud:messaging/handler@0.2.0#handle-message` has other types than plugin \
             `wasmcloud-messaging` has: the list of parameters is `()` in the component"
        ),
        "{}",
        status.message
    );
    host.stop().await.unwrap();
}
