//! What ends hosts that are rebuilt, and what is under way then.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use e2e::site::{self, Client, Http, LONG, Next, Site, answer, until, web};
use e2e::{artifacts, versions};
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use wash_plugin_loader::PluginsConfig;
use wash_plugin_loader::live::Change;
use wash_runtime::types::WorkloadStopRequest;

fn logger() -> Vec<u8> {
    fs::read(artifacts::plugin("custom-logger")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_holds_nothing_up_for_ever() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder
        .drain(Duration::from_millis(50))
        .workload(web("hello", "http-hello", []));
    let site = Site::start(folder, builder).await;
    let hold = async || {
        let mut client = TcpStream::connect(site.addr()).await.unwrap();
        let head = "GET /hold HTTP/1.1\r\nHost: hello.example\r\nConnection: close\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        client
    };
    let (mut held, (mut begun, _)) = (hold().await, site.begin().await);
    // They are at the host before when another request has been answered there.
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    let changes = site.put("logger", &logger()).await.changes;
    assert!(
        matches!(&changes[..], [Change::Added { .. }]),
        "{changes:?}"
    );
    // One that was not answered is told, and one that was has no whole answer.
    let text = answer(&mut held).await;
    assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
    assert_eq!(answer(&mut begun).await, "");

    let (mut held, (mut begun, _)) = (hold().await, site.begin().await);
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    let stopped = tokio::time::timeout(LONG, site.host.stop()).await;
    stopped.expect("it ends").unwrap();
    assert_eq!(site.host.tasks(), 0);
    assert_eq!(answer(&mut held).await, "");
    assert_eq!(answer(&mut begun).await, "");
}

/// With a host that is being made for ever, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_holds_up_the_end() {
    let folder = site::folder();
    let (making, mut is_made) = tokio::sync::mpsc::unbounded_channel();
    let next = move |number| {
        making.send(number).unwrap();
        match number {
            1 => Next::At("127.0.0.1:0"),
            _ => Next::Never,
        }
    };
    let builder = site::next_builder(&folder, PluginsConfig::default(), None, next).await;
    let builder = builder.workload(web("hello", "http-hello", []));
    let site = Arc::new(Site::start(folder, builder).await);
    let addr = site.addr();
    let adding = tokio::spawn({
        let site = Arc::clone(&site);
        async move { site.put("logger", &logger()).await }
    });
    for number in 1..=2 {
        let made = tokio::time::timeout(LONG, is_made.recv()).await;
        assert_eq!(made.expect("it is made"), Some(number));
    }
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    let stopped = tokio::time::timeout(LONG, site.host.stop()).await;
    stopped.expect("it ends").unwrap();
    assert!(Client::connect(addr, Http::One).await.is_err());
    let changes = adding.await.unwrap().changes;
    let [Change::Failed { reason, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(reason.ends_with("the host is stopped"), "{reason}");
}

/// What is in flight is given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_serves_nobody() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("hello", "http-hello", []));
    let site = Site::start(folder, builder).await;
    let (addr, (mut begun, _)) = (site.addr(), site.begin().await);
    drop(site);
    assert_eq!(answer(&mut begun).await, "");
    until("nobody listens", async || {
        Client::connect(addr, Http::One).await.is_err()
    })
    .await;
}

/// Nobody has to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_is_carried_through() {
    /// Looks at it once, and drops it.
    async fn begin<T>(work: impl Future<Output = T>) {
        let _ = tokio::time::timeout(Duration::ZERO, work).await;
    }
    let folder = site::folder();
    site::put(&folder, "versions", &versions::bytes("000000"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let needs = ["test:versions/stamps@0.1.0"];
    let builder = builder.workload(web("versions", "versions-guest", needs));
    let site = Site::start(folder, builder).await;
    begin(site.host.workload_start(web("hello", "http-hello", []))).await;
    until("it runs", async || {
        site.get("hello", "/").await.0 == StatusCode::OK
    })
    .await;
    site.host.rebuild().await.unwrap();
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);

    let stop = WorkloadStopRequest {
        workload_id: "hello".to_owned(),
    };
    begin(site.host.workload_stop(stop)).await;
    until("it is stopped", async || {
        site.get("hello", "/").await.0 == StatusCode::NOT_FOUND
    })
    .await;
    site.host.rebuild().await.unwrap();
    assert_eq!(site.get("hello", "/").await.0, StatusCode::NOT_FOUND);

    site.place("versions", &versions::bytes("000001"));
    begin(site.host.reconcile()).await;
    until("it is updated", async || {
        site.get("versions", "/").await.1 == "000001 000001 000001"
    })
    .await;
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_cannot_be_reached_does_not_serve() {
    let folder = site::folder();
    let next = |number| match number {
        1 | 3 => Next::At("127.0.0.1:0"),
        // It is bound, and not where requests are passed on to.
        _ => Next::At("127.0.0.2:0"),
    };
    let builder = site::next_builder(&folder, PluginsConfig::default(), None, next).await;
    let builder = builder.workload(web("hello", "http-hello", []));
    let site = Site::start(folder, builder).await;
    let error = format!("{:#}", site.host.rebuild().await.unwrap_err());
    assert!(
        error.contains("the host before goes on") && error.contains("127.0.0.1:0"),
        "{error}"
    );
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    site.host.rebuild().await.unwrap();
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    site.host.stop().await.unwrap();
}
