//! Calls at the same time do not get in each other's way.

use std::sync::Arc;

use e2e::{TestHost, artifacts, string};
use tokio::task::JoinSet;
use wash_runtime::wasmtime::component::Val;

const ECHO: &str = "test:values/echo@0.1.0";
const ECHO_ASYNC: &str = "test:values/echo-async@0.1.0";

async fn host() -> TestHost {
    TestHost::builder()
        .library(artifacts::test_plugin("values-plugin"))
        .guest(
            "values-guest",
            ["test:values/echo,echo-async,collections@0.1.0"],
        )
        .start()
        .await
        .unwrap()
}

fn bytes(seed: u8, length: usize) -> Val {
    let byte = |i: usize| u8::try_from(i % 251).unwrap().wrapping_mul(seed);
    Val::List((0..length).map(|i| Val::U8(byte(i))).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_at_the_same_time_do_not_mix() {
    let host = Arc::new(host().await);
    let mut tasks = JoinSet::new();
    for task in 0..16_u8 {
        let host = Arc::clone(&host);
        tasks.spawn(async move {
            let mut guest = host.instance().await.unwrap();
            for round in 0..20_u8 {
                let length = usize::from(task) * 100 + usize::from(round);
                let calls = [
                    (ECHO, "echo-list-u8", bytes(task, length)),
                    (ECHO_ASYNC, "echo-list-u8", bytes(task, length)),
                    (ECHO, "echo-string", string(&format!("{task} in {round}"))),
                    (
                        ECHO_ASYNC,
                        "echo-string",
                        string(&format!("{task} in {round}")),
                    ),
                    (ECHO_ASYNC, "echo-u32", Val::U32(u32::from(task))),
                ];
                for (interface, function, arg) in calls {
                    let func = guest.func(interface, function).unwrap();
                    let args = [arg];
                    let results = guest.call(func, &args).await.unwrap();
                    assert_eq!(results, args, "{interface}#{function}");
                }
            }
        });
    }
    tasks.join_all().await;
    Arc::into_inner(host).unwrap().stop().await.unwrap();
}
