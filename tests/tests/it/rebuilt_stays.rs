//! A workload that stayed with an earlier version of a plugin, in a host that is rebuilt.

use std::fs;

use e2e::site::{self, Site, Witness, workload};
use e2e::{artifacts, interface, string};
use serde_json::json;
use wash_plugin_loader::PluginsConfig;
use wash_plugin_loader::live::Change;
use wash_runtime::wasmtime::component::Val;

const SCENARIOS: &str = "test:calls/scenarios@0.1.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_host_has_it_called_by_the_later_version() {
    let folder = site::folder();
    let refusal = folder.path().join("refuse");
    let mut library = fs::read(artifacts::test_plugin("calls-plugin")).unwrap();
    site::put(&folder, "calls", &library);
    let witness = Witness::of(SCENARIOS);
    let config = PluginsConfig::default().with("calls-plugin", json!({ "refuses": refusal }));
    let next = |_| site::Next::At("127.0.0.1:0");
    let builder = site::next_builder(&folder, config, Some(witness.clone()), next).await;
    let needs = [
        SCENARIOS,
        "test:calls/driver@0.1.0",
        "test:calls/shapes@0.1.0",
    ];
    let needs = needs.map(|need| interface(need, [])).to_vec();
    let builder = builder.workload(workload("called", "calls-guest", needs));
    let site = Site::start(folder, builder).await;
    // It calls the component that calls it, if it was told of that.
    let called = async || {
        let args = [string("fresh instances")];
        let results = witness.call("called", "run", &args).await.unwrap();
        match results.as_slice() {
            [Val::String(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    };
    let first = called().await;
    assert!(!first.contains("nothing to call"), "{first}");

    fs::write(&refusal, "").unwrap();
    library.extend(b"another version");
    let changes = site.put("calls", &library).await.changes;
    let [Change::Updated { stayed, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(stayed[0].1.contains("refuses it"), "{stayed:?}");
    fs::remove_file(refusal).unwrap();
    assert_eq!(called().await, first);

    site.host.rebuild().await.unwrap();
    assert_eq!(called().await, first);
    let status = site.host.plugins();
    assert_eq!(status[0].generation, Some(2));
    assert_eq!(status[0].generations[0].workloads[0].id, "called");
    site.host.stop().await.unwrap();
}
