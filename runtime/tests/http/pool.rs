//! Warm instances, for those who ask.

use http::StatusCode;
use wash_runtime::host::http::{DevRouter, Ingress};

use crate::support::{Client, any_port, get, hello, host, start};

async fn served(pool_size: i32, max_invocations: i32, paths: &[&str]) -> Vec<String> {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    let mut workload = hello();
    for component in &mut workload.components {
        component.pool_size = pool_size;
        component.max_invocations = max_invocations;
    }
    start(&host, "hello", workload).await;
    let mut bodies = Vec::new();
    let mut client = Client::connect(ingress.addr()).await;
    for path in paths {
        let (status, body) = client.answer(get(path)).await;
        bodies.push(if status == StatusCode::OK {
            body
        } else {
            status.as_str().to_string()
        });
        // The instance is put back after its response.
        while ingress.tasks() > 2 {
            tokio::task::yield_now().await;
        }
    }
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
    bodies
}

#[tokio::test]
async fn a_warm_instance_serves_again() {
    assert_eq!(served(1, 0, &["/served"; 4]).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn it_retires_after_its_last_invocation() {
    let served = served(1, 2, &["/served"; 5]).await;
    assert_eq!(served, ["1", "2", "1", "2", "1"]);
}

#[tokio::test]
async fn it_retires_when_it_traps_or_does_not_answer() {
    for bad in ["/trap", "/no-response"] {
        let served = served(1, 0, &["/served", "/served", bad, "/served"]).await;
        assert_eq!(served, ["1", "2", "500", "1"], "{bad}");
    }
}
