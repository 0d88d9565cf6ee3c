//! What a host that is rebuilt means to the plugins in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::events::Events;
use e2e::site::{self, Next, Site, until, web, workload};
use e2e::{artifacts, interface, string, versions};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wash_plugin_loader::live::{Change, LiveOptions};
use wash_plugin_loader::{PluginsConfig, UpdateOptions};
use wash_runtime::host::HostApi as _;
use wash_runtime::types::{Service, WorkloadState, WorkloadStatusRequest, WorkloadStopRequest};
use wash_runtime::wasmtime::component::Val;

const PROBE: &str = "test:lifecycle/probe@0.1.0";
const STAMPS: &str = "test:versions/stamps@0.1.0";
const KEYVALUE: [&str; 2] = [
    "wasi:keyvalue/store,atomics@0.2.0-draft",
    "wasi:logging/logging",
];

fn install(folder: &TempDir, name: &str, library: &Path) {
    site::put(folder, name, &fs::read(library).unwrap());
}

fn added(changes: &[Change]) -> Vec<&str> {
    let added = changes.iter().map(|change| match change {
        Change::Added { id, .. } => id.as_str(),
        other => panic!("{other:?}"),
    });
    added.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_goes_on_for_a_plugin() {
    let folder = site::folder();
    let record = folder.path().join("events");
    install(
        &folder,
        "lifecycle",
        &artifacts::test_plugin("lifecycle-plugin"),
    );
    let config = PluginsConfig::default().with("lifecycle-plugin", json!({ "record": record }));
    let builder = site::builder(&folder, config).await;
    let probe = interface(PROBE, [("a", "1"), ("b", "2"), ("c", "3")]);
    let builder = builder.workload(workload("w", "lifecycle", vec![probe]));
    let site = Site::start(folder, builder).await;
    for _ in 0..2 {
        site.host.rebuild().await.unwrap();
    }
    let stop = WorkloadStopRequest {
        workload_id: "w".to_owned(),
    };
    site.host.workload_stop(stop).await.unwrap();
    site.host.stop().await.unwrap();

    let events = fs::read_to_string(record).unwrap();
    let mut components = Vec::new();
    let told: Vec<String> = events
        .lines()
        .map(|event| {
            // The host's own names for its components are new each time.
            let words: Vec<&str> = event.split(' ').collect();
            if let ["item-bound", _, component, ..] = words[..] {
                components.push(component);
            }
            match &words[..] {
                [event, _, component, ..] if components.contains(component) => {
                    let nth = components.iter().position(|c| c == component).unwrap();
                    format!("{event} {nth}")
                }
                [event, "w", ..] => format!("{event} w"),
                [event, ..] => (*event).to_owned(),
                [] => String::new(),
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            "new",
            "start",
            "workload-bound",
            "item-bound 0",
            "workload-resolved 0",
            // Of a workload that is bound, only the components are new.
            "item-bound 1",
            "workload-resolved 1",
            "item-bound 2",
            "workload-resolved 2",
            "workload-unbound w",
            "stop",
        ],
        "{events}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_has_in_memory_stays() {
    let folder = site::folder();
    install(&folder, "keyvalue", &artifacts::plugin("wasi-keyvalue"));
    install(&folder, "logger", &artifacts::plugin("custom-logger"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("count", "http-counter", KEYVALUE));
    let site = Site::start(folder, builder).await;
    for count in 1..=3 {
        assert_eq!(site.get("count", "/visits").await.1, format!("{count}\n"));
        site.host.rebuild().await.unwrap();
    }
    assert_eq!(site.host.hosts_made(), 4);
    let status = site.host.plugins();
    assert!(status.iter().all(|plugin| plugin.generation == Some(1)));
    assert!(status.iter().all(|plugin| plugin.workloads == ["count"]));
    site.host.stop().await.unwrap();
}

const SCENARIOS: &str = "test:messaging/scenarios@0.1.0";

/// A workload that is subscribed to messages, beside one that serves HTTP.
async fn subscribed() -> (Site, site::Witness) {
    subscribed_where(|_| Next::At("127.0.0.1:0")).await
}

/// The same, with a say in what is made of each host.
async fn subscribed_where(
    next: impl Fn(u64) -> Next + Send + Sync + 'static,
) -> (Site, site::Witness) {
    let folder = site::folder();
    install(
        &folder,
        "messaging",
        &artifacts::plugin("wasmcloud-messaging"),
    );
    let witness = site::Witness::of(SCENARIOS);
    let config = PluginsConfig::default();
    let builder = site::next_builder(&folder, config, Some(witness.clone()), next).await;
    let subjects = [("subscriptions", "near.*")];
    let needs = vec![
        interface(SCENARIOS, []),
        interface("wasmcloud:messaging/consumer@0.2.0", []),
        interface("wasmcloud:messaging/handler@0.2.0", subjects),
    ];
    let builder = builder
        .workload(workload("near", "messaging-guest", needs))
        .workload(web("hello", "http-hello", []));
    (Site::start(folder, builder).await, witness)
}

fn bytes(text: &str) -> Val {
    Val::List(text.bytes().map(Val::U8).collect())
}

/// A plugin that calls components has those of the host that serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_the_host_that_serves() {
    let (site, witness) = subscribed().await;
    for _ in 0..3 {
        let args = [string("near.reverse"), bytes("abc"), Val::U32(10_000)];
        let answer = witness.call("near", "ask", &args).await.unwrap();
        assert_eq!(answer, [Val::Result(Ok(Some(Box::new(bytes("cba")))))]);
        site.host.rebuild().await.unwrap();
    }
    site.host.stop().await.unwrap();
}

/// A host that does not come to serve takes nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_wait_outlive_a_host_that_fails() {
    let events = Events::install().await;
    let (site, witness) = subscribed_where(|number| match number {
        1 => Next::At("127.0.0.1:0"),
        // It fails when its workloads have started.
        _ => Next::Silent,
    })
    .await;
    // It gets what near asks for, and cannot begin, so it answers nothing.
    let subjects = [("subscriptions", "far.*")];
    let needs = vec![
        SCENARIOS.into(),
        interface("wasmcloud:messaging/consumer@0.2.0", []),
        interface("wasmcloud:messaging/handler@0.2.0", subjects),
    ];
    let mut far = workload("far", "messaging-guest", needs);
    let component = far.workload.components.first_mut().unwrap();
    component.local_resources.memory_limit_mb = 1;
    let started = site.host.workload_start(far).await.unwrap();
    let state = started.workload_status.workload_state;
    assert_eq!(state, WorkloadState::Running);
    // The components of the host that goes on; the next one's come later.
    let here = witness.here();
    // As many as are handled at once: each waits for an answer that nobody gives.
    for _ in 0..64 {
        here.call("near", "tell", &[string("near.relay"), bytes("")])
            .await
            .unwrap();
    }
    let message = [string("near.fail"), bytes("")];
    here.call("near", "tell", &message).await.unwrap();
    let error = format!("{:#}", site.host.rebuild().await.unwrap_err());
    assert!(error.contains("has no HTTP server"), "{error}");
    let failed = || events.with("subject", &"near.fail".into()).len();
    assert_eq!(failed(), 0, "it waits");
    until("what waits is handled", async || failed() > 0).await;
    site.host.stop().await.unwrap();
    assert_eq!(failed(), 1);
}

/// While two hosts run, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_not_handled_twice() {
    let events = Events::install().await;
    let (site, witness) = subscribed().await;
    let site = Arc::new(site);
    // A request that the host before has to wait for.
    let mut held = TcpStream::connect(site.addr()).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: hello.example\r\nContent-Length: 10\r\n\r\nfirst";
    held.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"first\r\n") {
        assert_ne!(held.read_buf(&mut seen).await.unwrap(), 0);
    }
    let rebuilding = tokio::spawn({
        let site = Arc::clone(&site);
        async move { site.host.rebuild().await }
    });
    let failed = || events.with("subject", &"near.fail".into()).len();
    // Answered by the next host: it runs, and so do both.
    until("another host serves", async || site.host.hosts_made() == 2).await;
    let message = [string("near.fail"), bytes("")];
    witness.call("near", "tell", &message).await.unwrap();
    until("it is handled", async || failed() > 0).await;
    assert!(!rebuilding.is_finished(), "both run");
    held.write_all(b"other").await.unwrap();
    rebuilding.await.unwrap().unwrap();
    site.host.stop().await.unwrap();
    assert_eq!(failed(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_together_needs_one_host() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let site = Site::start(folder, builder).await;
    let folder = site.folder();
    for (library, name) in [
        (artifacts::plugin("custom-logger"), "a"),
        (artifacts::plugin("wasi-keyvalue"), "b"),
        (artifacts::test_plugin("versions-plugin"), "c"),
    ] {
        artifacts::install(&library, folder, name);
    }
    let reconciled = site.host.reconcile().await;
    let ids = ["custom-logger", "wasi-keyvalue", "versions-plugin"];
    assert_eq!(added(&reconciled.changes), ids);
    assert_eq!(site.host.hosts_made(), 2);
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_start_is_in_nobodys_way() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let site = Site::start(folder, builder).await;
    let folder = site.folder();
    artifacts::install(&artifacts::plugin("wasi-keyvalue"), folder, "a");
    artifacts::install(&artifacts::faulty("fails"), folder, "b");
    artifacts::install(&artifacts::test_plugin("versions-plugin"), folder, "c");
    let changes = site.host.reconcile().await.changes;
    let [first, Change::Failed { id, reason, .. }, last] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(id, "fails");
    assert!(
        reason.contains("the log server does not answer"),
        "{reason}"
    );
    assert_eq!(
        added(&[first.clone(), last.clone()]),
        ["wasi-keyvalue", "versions-plugin"]
    );
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_what_a_workload_needs_does_not_follow() {
    let folder = site::folder();
    site::put(&folder, "versions", &versions::bytes("000000"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("versions", "versions-guest", [STAMPS]));
    let site = Site::start(folder, builder).await;
    site.remove("versions").await;
    let logger = fs::read(artifacts::plugin("custom-logger")).unwrap();
    let changes = site.put("logger", &logger).await.changes;
    let [Change::Failed { id, reason, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(id, "custom-logger");
    assert!(
        reason.contains("the workload `versions` does not start")
            && reason.contains("not available on this host"),
        "{reason}"
    );
    assert_eq!(site.get("versions", "/").await.1, "000000 000000 000000");

    // Nor does one in which its types are others.
    site.put("versions", &versions::bytes("000001")).await;
    let mut other = versions::bytes("000002");
    assert_eq!(
        versions::replace(&mut other, b"stamp: func() -> ", b"u64;   "),
        1
    );
    let changes = site.put("versions", &other).await.changes;
    let [Change::Updated { stayed, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(stayed[0].0, "versions");
    let error = format!("{:#}", site.host.rebuild().await.unwrap_err());
    assert!(
        error.contains("the workload `versions` does not start") && error.contains("u64"),
        "{error}"
    );
    assert_eq!(site.get("versions", "/").await.1, "000001 000001 000001");
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workloads_can_be_taken_down_with_a_plugin() {
    let folder = site::folder();
    site::put(&folder, "versions", &versions::bytes("000000"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder
        .live(LiveOptions {
            settle: Duration::ZERO,
            force: true,
            ..LiveOptions::default()
        })
        .workload(web("versions", "versions-guest", [STAMPS]));
    let site = Site::start(folder, builder).await;
    site.remove("versions").await;
    let status = async || {
        let request = WorkloadStatusRequest {
            workload_id: "versions".to_owned(),
        };
        let response = site.host.workload_status(request).await;
        response.unwrap().workload_status
    };
    until("it is taken down", async || {
        status().await.workload_state == WorkloadState::Error
    })
    .await;
    assert_eq!(
        status().await.message,
        "plugin `versions-plugin`, which it uses, was removed"
    );
    // It is not in the next host either.
    site.host.rebuild().await.unwrap();
    assert_eq!(status().await.workload_state, WorkloadState::Error);
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libraries_are_counted_even_when_they_come_and_go() {
    let folder = site::folder();
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.live(LiveOptions {
        settle: Duration::ZERO,
        update: UpdateOptions {
            max_generations: 2,
            ..UpdateOptions::default()
        },
        ..LiveOptions::default()
    });
    let site = Site::start(folder, builder).await;
    for version in ["000001", "000002"] {
        let changes = site.put("versions", &versions::bytes(version)).await;
        assert_eq!(added(&changes.changes), ["versions-plugin"]);
        site.remove("versions").await;
        until("it is stopped", async || site.host.plugins().is_empty()).await;
    }
    let changes = site
        .put("versions", &versions::bytes("000003"))
        .await
        .changes;
    let [Change::Failed { reason, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(reason.ends_with("restart the host"), "{reason}");
    site.host.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_host_that_does_not_start_leaves_nothing() {
    let folder = site::folder();
    install(&folder, "fails", &artifacts::faulty("fails"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let error = anyhow::Error::new(builder.start().await.unwrap_err());
    let text = format!("{error:#}");
    assert!(
        text.starts_with("the host does not start: ")
            && text.contains("the log server does not answer"),
        "{text}"
    );

    let folder = site::folder();
    let record = folder.path().join("events");
    install(
        &folder,
        "lifecycle",
        &artifacts::test_plugin("lifecycle-plugin"),
    );
    let config = PluginsConfig::default().with("lifecycle-plugin", json!({ "record": record }));
    let builder = site::builder(&folder, config).await;
    let builder = builder.workload(web("versions", "versions-guest", [STAMPS]));
    let error = anyhow::Error::new(builder.start().await.unwrap_err());
    let text = format!("{error:#}");
    assert!(
        text.contains("the workload `versions` does not start"),
        "{text}"
    );
    let events = fs::read_to_string(record).unwrap();
    let told = events.lines().filter_map(|event| event.split(' ').next());
    assert_eq!(told.collect::<Vec<_>>(), ["new", "start", "stop"]);
}

/// What has ended by itself does not begin again because a plugin comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_has_ended_is_in_no_further_host() {
    let folder = site::folder();
    install(&folder, "logger", &artifacts::plugin("custom-logger"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let mut command = workload(
        "command",
        "log-command",
        vec!["wasi:logging/logging".into()],
    );
    let component = command.workload.components.pop().unwrap();
    command.workload.service = Some(Service {
        bytes: component.bytes,
        digest: None,
        local_resources: component.local_resources,
        max_restarts: 0,
    });
    let site = Site::start(folder, builder.workload(command)).await;
    let request = || WorkloadStatusRequest {
        workload_id: "command".to_owned(),
    };
    let status = async || {
        let response = site.host.workload_status(request()).await;
        response.unwrap().workload_status
    };
    until("it has ended", async || {
        status().await.workload_state != WorkloadState::Running
    })
    .await;
    let ended = status().await;
    site.host.rebuild().await.unwrap();
    assert_eq!(status().await.workload_state, ended.workload_state);
    let host = site.host.host().unwrap();
    let there = host.workload_status(request()).await.unwrap();
    let state = there.workload_status.workload_state;
    assert_eq!(state, WorkloadState::NotFound);
    site.host.stop().await.unwrap();
}
