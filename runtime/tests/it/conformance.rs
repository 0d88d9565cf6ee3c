//! The host's contract with its plugins, step by step.
//!
//! | step of binding | test |
//! |---|---|
//! | 1. what the HTTP handler serves is left out | `binding::http_handlers_are_not_for_plugins`, here `only_all_of_http_is_left_out` |
//! | 2. an item needs the entries that its world covers | `binding::an_undeclared_import_…`, here `exporters_are_bound_too` |
//! | 3. the workload serves itself first | `links::a_workload_serves_itself_before_plugins_do` |
//! | 4. plugins in the order of their ids, names, claims | `binding::plugins_bind_in_the_order_…`, `named_instances`, here `what_nobody_claims_is_not_served` |
//! | 5. names need a plugin that tells them apart | `named_instances`, here `nothing_is_bound_if_names_cannot_be_told_apart` |
//! | 6. `on_workload_bind` once, with the union | here `a_bind_is_given_the_union_and_an_item_its_own` |
//! | 7. `on_workload_item_bind` per item, with its entries as declared | the same |
//! | 8. one plugin after the other | `binding::plugins_bind_in_the_order_…` |
//! | 9. what is left over ends the start | `binding::an_unserved_interface_…` |
//! | 10. links, `on_workload_resolved`, the HTTP handler | here `http_is_told_last_and_of_the_first_exporter` |
//!
//! Rows of the life of a plugin: `lifecycle` (start, stop), here
//! `a_plugin_has_its_instruments_before_it_starts`. Each point at which a start
//! can fail: here `whatever_fails_everything_is_undone`.

use crate::common;

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use common::{
    builder,
    guests::{EXPORTS_A, IMPORTS_A, IMPORTS_A_AND_B, IMPORTS_B, run},
    host,
    recorder::{Act, Log, Recorder},
    service, start, stop, workload,
};
use wash_runtime::{
    engine::workload::ResolvedWorkload,
    host::{
        Host,
        http::{HostHandler, OutgoingResponse},
    },
    observability::Meters,
    plugin::{HostPlugin, WorkloadFailureSink},
    types::{Workload, WorkloadState},
    wasmtime_wasi_http::{Error, RequestOptions, WasiBody},
    wit::{WitInterface, WitWorld},
};

const A: &str = "demo:a/one@0.1.0";
const B: &str = "demo:b/one@0.1.0";

/// Exports `wasi:http`, in name at least.
const HANDLER: &str = r#"(component
    (core module $m (func (export "handle")))
    (core instance $i (instantiate $m))
    (func $handle (canon lift (core func $i "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)"#;

/// An HTTP handler that records what it is told.
struct Http {
    log: Log,
    fails: bool,
}

#[async_trait]
impl HostHandler for Http {
    async fn start(&self) -> anyhow::Result<()> {
        Ok(())
    }
    async fn stop(&self) -> anyhow::Result<()> {
        Ok(())
    }
    fn port(&self) -> u16 {
        0
    }
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let components = workload.components();
        let components = components.read().await;
        let name = components.get(component_id).unwrap().name().to_string();
        self.log.add(format!("http resolved {name}"));
        anyhow::ensure!(!self.fails, "http refuses");
        Ok(())
    }
    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()> {
        self.log.add(format!("http unbind {workload_id}"));
        Ok(())
    }
    async fn outgoing_request(
        &self,
        _: &str,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        Err(Error::DestinationNotFound)
    }
}

async fn with_http(
    log: &Log,
    fails: bool,
    plugins: impl IntoIterator<Item = Arc<dyn HostPlugin>>,
) -> Arc<Host> {
    let handler = Arc::new(Http {
        log: log.clone(),
        fails,
    });
    let builder = builder(plugins).with_http_handler(handler);
    let host = builder.build().unwrap().start().await.unwrap();
    log.take();
    host
}

fn declared(text: &str, name: Option<&str>, config: &[(&str, &str)]) -> WitInterface {
    WitInterface {
        name: name.map(str::to_string),
        config: config
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        ..WitInterface::from(text)
    }
}

#[tokio::test]
async fn only_all_of_http_is_left_out() {
    let log = Log::default();
    let plugin = Recorder::new("a", &["wasi:http/incoming-handler,types"], &log).arc();
    let host = with_http(&log, false, [plugin as Arc<dyn HostPlugin>]).await;
    let both = HANDLER.replacen(
        "(component",
        r#"(component (import "wasi:http/types@0.2.0" (instance))"#,
        1,
    );
    let entry = "wasi:http/incoming-handler,types";
    let answer = start(&host, "w", workload(&[&both], &[entry])).await;
    assert_eq!(
        answer.workload_state,
        WorkloadState::Running,
        "{}",
        answer.message
    );
    let events = log.take();
    assert!(events[0].starts_with("a bind w [wasi:http/"), "{events:?}");
}

#[tokio::test]
async fn exporters_are_bound_too() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    start(&host, "w", workload(&[EXPORTS_A], &[A])).await;
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item c0 [demo:a/one@0.1.0]",
            "a resolved c0"
        ]
    );
}

#[tokio::test]
async fn what_nobody_claims_is_not_served() {
    let log = Log::default();
    let plugin = Recorder::new("a", &[A], &log).refuses("special").arc();
    let host = host([plugin as Arc<dyn HostPlugin>]).await;
    log.take();
    let mut demo = workload(&[IMPORTS_A], &[]);
    demo.host_interfaces = vec![declared(A, None, &[("special", "1")])];
    let answer = start(&host, "w", demo).await;
    assert!(
        answer
            .message
            .contains("not available on this host: {demo:a/one@0.1.0}"),
        "{}",
        answer.message
    );
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn nothing_is_bound_if_names_cannot_be_told_apart() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log).arc(),
    ])
    .await;
    log.take();
    let mut demo = workload(&[IMPORTS_A_AND_B], &[A]);
    demo.host_interfaces.push(declared(B, Some("x"), &[]));
    demo.host_interfaces.push(declared(B, Some("y"), &[]));
    let answer = start(&host, "w", demo).await;
    assert_eq!(
        answer.message,
        "plugin 'b' does not support named instances, but workload requires 2 named entries for \
         demo:b (names: x, y). The plugin must implement supports_named_instances() to handle \
         multiplexed interfaces."
    );
    assert_eq!(
        log.take(),
        [""; 0],
        "'a' comes first, and is not bound either"
    );
}

#[tokio::test]
async fn a_bind_is_given_the_union_and_an_item_its_own() {
    let log = Log::default();
    // Its world is wider than what is declared, which is wider than what each
    // component imports.
    let plugin = Recorder::new("a", &["demo:a/one,two", "demo:b/one"], &log).arc();
    let host = host([plugin as Arc<dyn HostPlugin>]).await;
    log.take();
    let mut demo = workload(&[IMPORTS_A, IMPORTS_B], &[]);
    demo.service = service(&run("i32.const 0"), 0, &[]).service;
    demo.host_interfaces = vec![
        declared(A, Some("n"), &[("k", "v")]),
        declared("demo:b/one", None, &[]),
    ];
    start(&host, "w", demo).await;
    stop(&host, "w").await;
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a [n]/one@0.1.0?k=v demo:b/one]",
            "a item c0 [demo:a [n]/one@0.1.0?k=v]",
            "a item c1 [demo:b/one]",
            "a resolved c0",
            "a resolved c1",
            "a unbind w [demo:a [n]/one@0.1.0?k=v demo:b/one]",
        ]
    );
}

#[tokio::test]
async fn http_is_told_last_and_of_the_first_exporter() {
    let log = Log::default();
    let plugin = Recorder::new("a", &[A], &log).arc();
    let host = with_http(&log, false, [plugin as Arc<dyn HostPlugin>]).await;
    let demo = workload(
        &[IMPORTS_A, HANDLER, HANDLER],
        &[A, "wasi:http/incoming-handler"],
    );
    start(&host, "w", demo).await;
    stop(&host, "w").await;
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item c0 [demo:a/one@0.1.0]",
            "a resolved c0",
            "http resolved c1",
            "http unbind w",
            "a unbind w [demo:a/one@0.1.0]",
        ]
    );

    // Not declared, not told.
    start(&host, "w", workload(&[HANDLER], &[])).await;
    stop(&host, "w").await;
    assert_eq!(log.take(), [""; 0]);
}

/// Two plugins, of which the second has two components and a service, and HTTP.
fn everything() -> Workload {
    let mut demo = workload(
        &[IMPORTS_A_AND_B, IMPORTS_B, HANDLER],
        &[A, B, "wasi:http/incoming-handler"],
    );
    demo.service = service(&run("i32.const 0"), 0, &[]).service;
    demo
}

const EVERYTHING: [&str; 9] = [
    "a bind w [demo:a/one@0.1.0]",
    "a item c0 [demo:a/one@0.1.0]",
    "b bind w [demo:b/one@0.1.0]",
    "b item c0 [demo:b/one@0.1.0]",
    "b item c1 [demo:b/one@0.1.0]",
    "a resolved c0",
    "b resolved c0",
    "b resolved c1",
    "http resolved c2",
];

/// Fails at each event in turn. What had begun is undone, the last first, and
/// nothing else.
#[tokio::test]
async fn whatever_fails_everything_is_undone() {
    for (index, event) in EVERYTHING.into_iter().enumerate() {
        let log = Log::default();
        let (plugin, at) = event.split_once(' ').unwrap();
        // Up to the interfaces.
        let at: &'static str = at.split(" [").next().unwrap();
        let recorder = |id: &'static str, serves: &str| {
            let recorder = Recorder::new(id, &[serves], &log);
            let recorder = match plugin == id {
                true => recorder.when(at, Act::Fail),
                false => recorder,
            };
            recorder.arc() as Arc<dyn HostPlugin>
        };
        let plugins = [recorder("a", A), recorder("b", B)];
        let host = with_http(&log, plugin == "http", plugins).await;
        let answer = start(&host, "w", everything()).await;
        assert_eq!(answer.workload_state, WorkloadState::Error, "{event}");
        assert!(
            answer.message.contains("refuses"),
            "{event}: {}",
            answer.message
        );

        let mut expected: Vec<&str> = EVERYTHING[..=index].to_vec();
        if plugin == "http" {
            expected.push("http unbind w");
        }
        if index >= 2 {
            expected.push("b unbind w [demo:b/one@0.1.0]");
        }
        expected.push("a unbind w [demo:a/one@0.1.0]");
        assert_eq!(log.take(), expected, "{event}");
        stop(&host, "w").await;
        assert_eq!(log.take(), [""; 0], "{event}: undone once");
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_instantiated_undoes_everything() {
    let log = Log::default();
    let plugins = [
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log).arc(),
    ];
    let host = with_http(&log, false, plugins).await;
    let mut demo = everything();
    let text = run("i32.const 0").replace(
        "(memory 1)",
        "(memory 1) (func $trap unreachable) (start $trap)",
    );
    demo.service = service(&text, 0, &[]).service;
    let answer = start(&host, "w", demo).await;
    assert!(
        answer
            .message
            .contains("failed to instantiate the service of 'demo'"),
        "{}",
        answer.message
    );
    let mut expected = EVERYTHING.to_vec();
    expected.extend([
        "http unbind w",
        "b unbind w [demo:b/one@0.1.0]",
        "a unbind w [demo:a/one@0.1.0]",
    ]);
    assert_eq!(log.take(), expected);
}

/// Records what comes before its start.
struct Instruments(Log);

#[async_trait]
impl HostPlugin for Instruments {
    fn id(&self) -> &'static str {
        "instruments"
    }
    fn world(&self) -> WitWorld {
        WitWorld {
            imports: HashSet::new(),
            exports: HashSet::new(),
        }
    }
    async fn inject_meters(&self, _: &Meters) {
        self.0.add("meters");
    }
    fn set_workload_failure_sink(&self, _: WorkloadFailureSink) {
        self.0.add("sink");
    }
    async fn start(&self) -> anyhow::Result<()> {
        self.0.add("start");
        Ok(())
    }
}

#[tokio::test]
async fn a_plugin_has_its_instruments_before_it_starts() {
    let log = Log::default();
    let host = host([Arc::new(Instruments(log.clone())) as Arc<dyn HostPlugin>]).await;
    assert_eq!(log.take(), ["meters", "sink", "start"]);
    host.stop().await.unwrap();
}
