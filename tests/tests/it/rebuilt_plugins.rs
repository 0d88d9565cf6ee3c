//! What a host that is rebuilt means to the plugins in it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::site::{self, Site, until, web, workload};
use e2e::{artifacts, interface, versions};
use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use wash_plugin_loader::live::{Change, LiveOptions, LiveState};
use wash_plugin_loader::{PluginsConfig, UpdateOptions};
use wash_runtime::host::HostApi as _;
use wash_runtime::types::{Service, WorkloadState, WorkloadStatusRequest, WorkloadStopRequest};

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
        2
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

/// A plugin that is switched off, and on again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_can_be_switched_off() {
    let folder = site::folder();
    site::put(&folder, "versions", &versions::bytes("000000"));
    let builder = site::builder(&folder, PluginsConfig::default()).await;
    let builder = builder.workload(web("before", "versions-guest", [STAMPS]));
    let site = Site::start(folder, builder).await;
    let error = site.host.disable("version-plugin", false).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "there is no plugin `version-plugin`; there is only `versions-plugin`"
    );
    let start = async |id: &str| {
        let request = web(id, "versions-guest", [STAMPS]);
        let started = site.host.workload_start(request).await.unwrap();
        started.workload_status
    };
    let state = || site.host.plugins()[0].state;

    // Whoever has it keeps it, and nobody else gets it, whatever its file says.
    site.host.disable("versions-plugin", false).await.unwrap();
    assert_eq!(state(), LiveState::Disabled);
    let changes = site
        .put("versions", &versions::bytes("000001"))
        .await
        .changes;
    assert_eq!(changes, []);
    assert_eq!(site.get("before", "/").await.1, "000000 000000 000000");
    let refused = start("refused").await;
    assert_eq!(refused.workload_state, WorkloadState::Error);
    assert!(
        refused.message.contains("not available on this host"),
        "{}",
        refused.message
    );

    // It comes back as its file is by now.
    let enabled = site.host.enable("versions-plugin").await.unwrap();
    let [Change::Restored { .. }, Change::Updated { moved, .. }] = &enabled.changes[..] else {
        panic!("{:?}", enabled.changes)
    };
    assert_eq!(moved, &["before"]);
    assert_eq!(start("after").await.workload_state, WorkloadState::Running);
    assert_eq!(site.get("after", "/").await.1, "000001 000001 000001");
    assert_eq!(site.get("before", "/").await.1, "000001 000001 000001");

    // With force, it is taken from whoever has it.
    site.host.disable("versions-plugin", true).await.unwrap();
    until("both are taken down", async || {
        site.get("before", "/").await.0 == StatusCode::NOT_FOUND
            && site.get("after", "/").await.0 == StatusCode::NOT_FOUND
    })
    .await;
    until("it is stopped", async || {
        site.host.plugins()[0].generations.is_empty()
    })
    .await;
    assert_eq!(state(), LiveState::Disabled);
    let enabled = site.host.enable("versions-plugin").await.unwrap();
    assert!(
        matches!(&enabled.changes[..], [Change::Added { id, .. }] if id == "versions-plugin"),
        "{:?}",
        enabled.changes
    );
    assert_eq!(start("again").await.workload_state, WorkloadState::Running);
    assert_eq!(site.get("again", "/").await.1, "000001 000001 000001");
    site.host.stop().await.unwrap();
}
