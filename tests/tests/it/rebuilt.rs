//! A host that takes plugins only before its start, and is rebuilt when they
//! come, while clients send requests.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use e2e::site::{self, Client, Http, Site, answer, until, web};
use e2e::{artifacts, versions};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wash_plugin_loader::PluginsConfig;
use wash_plugin_loader::live::{Change, Watch};
use wash_runtime::types::WorkloadStopRequest;

const STAMPS: &str = "test:versions/stamps@0.1.0";

/// A host with the library of versions, and a guest that serves it.
async fn site() -> Site {
    let folder = site::folder();
    site::put(&folder, "versions", &versions::bytes("000000"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("versions", "versions-guest", [STAMPS]));
    Site::start(folder, builder).await
}

fn logger() -> Vec<u8> {
    fs::read(artifacts::plugin("custom-logger")).unwrap()
}

fn ids(site: &Site) -> Vec<String> {
    let plugins = site.host.plugins();
    plugins.into_iter().filter_map(|plugin| plugin.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_comes_and_goes() {
    let site = site().await;
    let addr = site.addr();
    let mut kept = site.connect(Http::One).await;
    let mut kept2 = site.connect(Http::Two).await;
    let mut ask = async || {
        let (status, text) = kept.get("versions", "/").await.unwrap();
        let over2 = kept2.get("versions", "/").await.unwrap();
        assert_eq!((status, &text), (over2.0, &over2.1));
        text
    };
    assert_eq!(ask().await, "000000 000000 000000");
    assert_eq!(site.host.hosts_made(), 1);
    assert_eq!(site.host.reconcile().await.changes, []);

    let changes = site.put("logger", &logger()).await.changes;
    assert!(
        matches!(&changes[..], [Change::Added { id, .. }] if id == "custom-logger"),
        "{changes:?}"
    );
    assert_eq!(site.host.hosts_made(), 2);
    // Over the connections that there were.
    assert_eq!(ask().await, "000000 000000 000000");
    // A new workload can use it.
    let started = site
        .host
        .workload_start(web("log", "http-log", ["wasi:logging/logging"]));
    let status = started.await.unwrap().workload_status;
    assert_eq!(status.message, "Workload started successfully");
    assert_eq!(site.get("log", "/").await.0, StatusCode::OK);

    // An update needs no other host.
    let changes = site
        .put("versions", &versions::bytes("000001"))
        .await
        .changes;
    let [Change::Updated { moved, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(moved, &["versions"]);
    assert_eq!(ask().await, "000001 000001 000001");
    assert_eq!(site.host.hosts_made(), 2);

    // It is hidden from new workloads; the one that has it keeps it.
    let changes = site.remove("logger").await.changes;
    assert!(
        matches!(&changes[..], [Change::Removed { id, workloads: 1 }] if id == "custom-logger"),
        "{changes:?}"
    );
    assert_eq!(site.get("log", "/").await.0, StatusCode::OK);
    let more = web("more", "http-log", ["wasi:logging/logging"]);
    let status = site
        .host
        .workload_start(more)
        .await
        .unwrap()
        .workload_status;
    assert!(
        status.message.contains("not available on this host"),
        "{}",
        status.message
    );
    // It cannot come along to another host, so there is none.
    let error = format!("{:#}", site.host.rebuild().await.unwrap_err());
    assert!(
        error.contains("the host before goes on")
            && error.contains("the workload `log` does not start"),
        "{error}"
    );
    assert_eq!(site.get("log", "/").await.0, StatusCode::OK);
    // The file is back, and the same plugin is.
    let changes = site.put("logger", &logger()).await.changes;
    assert!(
        matches!(&changes[..], [Change::Restored { .. }]),
        "{changes:?}"
    );
    site.host.rebuild().await.unwrap();
    assert_eq!(site.get("log", "/").await.0, StatusCode::OK);

    site.remove("logger").await;
    let stop = WorkloadStopRequest {
        workload_id: "log".to_owned(),
    };
    site.host.workload_stop(stop).await.unwrap();
    until("it is stopped", async || ids(&site) == ["versions-plugin"]).await;
    site.host.rebuild().await.unwrap();
    assert_eq!(ask().await, "000001 000001 000001");
    assert_eq!(site.get("log", "/").await.0, StatusCode::NOT_FOUND);

    site.host.stop().await.unwrap();
    assert_eq!(site.host.tasks(), 0);
    assert!(Client::connect(addr, Http::One).await.is_err());
    assert!(site.host.host().is_none());
    assert!(site.host.rebuild().await.is_err());
}

/// Clients that ask without a pause while hosts follow one another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_notices_thirty_hosts() {
    let site = site().await;
    let addr = site.addr();
    let ends = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = [(Http::One, true), (Http::One, false), (Http::Two, true)]
        .into_iter()
        .map(|(version, is_kept)| {
            let ends = Arc::clone(&ends);
            tokio::spawn(async move {
                let mut client = Client::connect(addr, version).await.unwrap();
                let (mut last, mut answered) = (String::new(), 0);
                while !ends.load(Ordering::Relaxed) {
                    if !is_kept {
                        client = Client::connect(addr, version).await.unwrap();
                    }
                    let (status, text) = client.get("versions", "/").await.unwrap();
                    assert_eq!(status, StatusCode::OK, "{text}");
                    let [stamp, made, taken] = text.split(' ').collect::<Vec<_>>()[..] else {
                        panic!("{text}")
                    };
                    assert!(stamp >= last.as_str(), "{text} after {last}");
                    assert!(made >= stamp && made == taken, "{text}");
                    stamp.clone_into(&mut last);
                    answered += 1;
                }
                (last, answered)
            })
        })
        .collect();
    for round in 1..=30 {
        let version = format!("{round:06}");
        let changes = site
            .put("versions", &versions::bytes(&version))
            .await
            .changes;
        assert!(
            matches!(&changes[..], [Change::Updated { .. }]),
            "{changes:?}"
        );
        let changes = site.put("logger", &logger()).await.changes;
        assert!(
            matches!(&changes[..], [Change::Added { .. }]),
            "{changes:?}"
        );
        site.remove("logger").await;
        until("it is stopped", async || ids(&site) == ["versions-plugin"]).await;
    }
    assert_eq!(site.host.hosts_made(), 31);
    let (_, text) = site.get("versions", "/").await;
    assert_eq!(text, "000030 000030 000030");
    ends.store(true, Ordering::Relaxed);
    for client in clients {
        let (last, answered) = client.await.unwrap();
        assert!(answered > 30, "{answered} up to {last}");
    }
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_ends_where_it_began() {
    let site = site().await;
    let started = site.host.workload_start(web("hello", "http-hello", []));
    started.await.unwrap();
    let (mut client, text) = site.begin().await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");

    let site = Arc::new(site);
    let adding = tokio::spawn({
        let site = Arc::clone(&site);
        async move { site.put("logger", &logger()).await }
    });
    until("the other host serves", async || {
        site.host.hosts_made() == 2
    })
    .await;
    assert_eq!(site.get("hello", "/").await.0, StatusCode::OK);
    // That is told, and the one before waits for the rest.
    let changes = adding.await.unwrap().changes;
    assert!(
        matches!(&changes[..], [Change::Added { .. }]),
        "{changes:?}"
    );
    client.write_all(b"other").await.unwrap();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        assert_ne!(client.read_buf(&mut rest).await.unwrap(), 0);
    }
    assert!(String::from_utf8_lossy(&rest).contains("other"));
    // The same connection, at the other host.
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: hello.example\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.contains("Hello from a WebAssembly component!"),
        "{rest}"
    );
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_start_changes_nothing() {
    let site = site().await;
    let before = site.host.host().unwrap();
    let fails = fs::read(artifacts::faulty("fails")).unwrap();
    let changes = site.put("fails", &fails).await.changes;
    let [Change::Failed { id, reason, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(id, "fails");
    assert!(
        reason.contains("the host before goes on")
            && reason.contains("the log server does not answer"),
        "{reason}"
    );
    assert!(Arc::ptr_eq(&before, &site.host.host().unwrap()));
    assert_eq!(site.get("versions", "/").await.1, "000000 000000 000000");
    let plugins = site.host.plugins();
    let failed = plugins.iter().find(|p| p.id.as_deref() == Some("fails"));
    assert_eq!(failed.unwrap().reason.as_ref(), Some(reason));
    // It is told once.
    assert_eq!(site.host.reconcile().await.changes, []);
    assert_eq!(site.host.hosts_made(), 2);
    site.remove("fails").await;
    let changes = site.put("logger", &logger()).await.changes;
    assert!(
        matches!(&changes[..], [Change::Added { .. }]),
        "{changes:?}"
    );
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_followed() {
    let site = Arc::new(site().await);
    for how in [Watch::Events, Watch::Poll(Duration::from_millis(50))] {
        let watching = tokio::spawn({
            let site = Arc::clone(&site);
            async move { site.host.watch(how).await }
        });
        let made = site.host.hosts_made();
        let path = artifacts::plugin("custom-logger");
        let folder = site.folder().to_owned();
        let library = artifacts::install(&path, &folder, "logger");
        until("it is added", async || ids(&site).len() == 2).await;
        assert_eq!(site.host.hosts_made(), made + 1);
        fs::remove_file(library).unwrap();
        until("it is stopped", async || ids(&site).len() == 1).await;
        watching.abort();
        assert_eq!(site.get("versions", "/").await.0, StatusCode::OK);
    }
    site.host.stop().await.unwrap();
}

/// What is mended around a file needs no other file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_others_can_write_to_can_be_mended() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = site().await;
    let chmod = |mode| fs::set_permissions(site.folder(), fs::Permissions::from_mode(mode));
    chmod(0o777).unwrap();
    let changes = site.put("logger", &logger()).await.changes;
    // The file of the plugin that runs would not be loaded either.
    assert_eq!(changes.len(), 2, "{changes:?}");
    for change in &changes {
        let Change::Rejected { reason, hint, .. } = change else {
            panic!("{change:?}")
        };
        assert!(reason.contains("its mode is 0777"), "{reason}");
        assert!(hint.starts_with("`chmod go-w /"), "{hint}");
    }
    assert_eq!(site.host.reconcile().await.changes, [], "it is told once");
    assert!(site.host.plugins().iter().all(|p| p.reason.is_some()));
    chmod(0o755).unwrap();
    let changes = site.host.reconcile().await.changes;
    assert!(site.host.plugins().iter().all(|p| p.reason.is_none()));
    assert!(
        matches!(&changes[..], [Change::Added { .. }]),
        "{changes:?}"
    );
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_passed_on_as_they_are() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("hello", "http-hello", []));
    let site = Site::start(folder, builder).await;
    let large: Bytes = (0..3_000_000_u32).map(|n| n as u8).collect();
    for version in [Http::One, Http::Two] {
        let mut client = site.connect(version).await;
        let (status, _, echoed) = client
            .send("hello", "/echo", &[], large.clone())
            .await
            .unwrap();
        assert_eq!(status, StatusCode::OK);
        assert!(echoed == large, "{} bytes", echoed.len());
        // Which workload it is for is said by its `Host`.
        let (status, _, _) = client.send("nobody", "/", &[], Bytes::new()).await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND);
        // A trap is an answer.
        let (status, text) = client.get("hello", "/trap").await.unwrap();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    }
    let mut client = site.connect(Http::One).await;
    let offer = [("connection", "upgrade"), ("upgrade", "websocket")];
    let answered = client.send("hello", "/", &offer, Bytes::new()).await;
    let (status, headers, _) = answered.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(!headers.contains_key("upgrade"), "{headers:?}");
    // As they are on the wire, and the status that they have.
    for (request, status) in [
        (
            "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n",
            "501",
        ),
        // A target with a host in it overrules `Host`.
        (
            "GET http://hello.example/ HTTP/1.1\r\nHost: other.example\r\n",
            "200",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: hello.example\r\n", "404"),
        ("GET / HTTP/1.0\r\nHost: hello.example\r\n", "200"),
        // The host is told the one name that the request has.
        (
            "GET http://HELLO.example.:80/authority HTTP/1.1\r\nHost: other.example\r\n",
            "200",
        ),
        ("GET / HTTP/1.1\r\nHost: Hello.Example.\r\n", "200"),
        // None, several, or what is not one.
        ("GET / HTTP/1.1\r\n", "400"),
        ("GET / HTTP/1.0\r\n", "400"),
        ("GET http://hello.example/ HTTP/1.1\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: hello.example\r\nHost: hello.example\r\n",
            "400",
        ),
        ("GET / HTTP/1.1\r\nHost: h\u{e4}llo.example\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: me@hello.example\r\n", "400"),
        (
            "GET http://me@hello.example/ HTTP/1.1\r\nHost: hello.example\r\n",
            "400",
        ),
        // Of two lengths, that of the pieces counts, here and further on.
        (
            "POST /echo HTTP/1.1\r\nHost: hello.example\r\nContent-Length: 9\r\n\
             Transfer-Encoding: chunked\r\n",
            "200",
        ),
    ] {
        let mut raw = TcpStream::connect(site.addr()).await.unwrap();
        let request = format!("{request}Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        raw.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        raw.read_to_string(&mut text).await.unwrap();
        assert!(text.contains(&format!(" {status} ")), "{request}{text}");
    }
    // Whatever the method, a body of unknown length is passed on.
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        let mut raw = TcpStream::connect(site.addr()).await.unwrap();
        let request = format!(
            "{method} /echo HTTP/1.1\r\nHost: hello.example\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        raw.write_all(request.as_bytes()).await.unwrap();
        let text = answer(&mut raw).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{method}: {text}");
        // The answer to HEAD has no body.
        assert_eq!(text.contains("abc"), method != "HEAD", "{method}: {text}");
    }
    site.host.stop().await.unwrap();
}
