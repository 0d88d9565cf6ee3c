//! Several instances of one interface, told apart by name.

use crate::common;

use std::sync::Arc;

use common::{
    guests::{IMPORTS_A, IMPORTS_A_AND_B},
    host,
    recorder::{Log, Recorder},
    start, workload,
};
use wash_runtime::{plugin::HostPlugin, types::WorkloadState, wit::WitInterface};

const A: &str = "demo:a/one@0.1.0";
const B: &str = "demo:b/one@0.1.0";

fn declared(text: &str, name: Option<&str>) -> WitInterface {
    WitInterface {
        name: name.map(str::to_string),
        ..WitInterface::from(text)
    }
}

/// Which plugin takes an interface of which name: `plain` and `multi` both
/// serve it, and `multi` tells instances apart.
#[tokio::test]
async fn names_decide_among_several_plugins() {
    let cases: &[(&[Option<&str>], &[&str])] = &[
        (&[None], &["plain bind w [demo:a/one@0.1.0]"]),
        (
            &[Some("cache")],
            &["multi bind w [demo:a [cache]/one@0.1.0]"],
        ),
        (
            &[Some("cache"), Some("main")],
            &["multi bind w [demo:a [cache]/one@0.1.0 demo:a [main]/one@0.1.0]"],
        ),
        (
            &[None, Some("cache")],
            &[
                "multi bind w [demo:a [cache]/one@0.1.0]",
                "plain bind w [demo:a/one@0.1.0]",
            ],
        ),
        // Named as a plugin, it is that plugin's.
        (
            &[Some("plain")],
            &["plain bind w [demo:a [plain]/one@0.1.0]"],
        ),
    ];
    for (names, expected) in cases {
        let log = Log::default();
        let host = host([
            Recorder::new("plain", &[A], &log).arc() as Arc<dyn HostPlugin>,
            Recorder::new("multi", &[A], &log).named().arc(),
        ])
        .await;
        log.take();
        let mut demo = workload(&[IMPORTS_A], &[]);
        demo.host_interfaces = names.iter().map(|name| declared(A, *name)).collect();
        let started = start(&host, "w", demo).await;
        assert_eq!(
            started.workload_state,
            WorkloadState::Running,
            "{}",
            started.message
        );
        let binds: Vec<_> = log
            .take()
            .into_iter()
            .filter(|e| e.contains(" bind "))
            .collect();
        assert_eq!(binds, *expected, "{names:?}");
    }
}

#[tokio::test]
async fn a_plugin_takes_what_no_better_one_is_there_for() {
    for (named, name) in [(true, None), (false, Some("cache"))] {
        let log = Log::default();
        let mut plugin = Recorder::new("only", &[A], &log);
        if named {
            plugin = plugin.named();
        }
        let host = host([plugin.arc() as Arc<dyn HostPlugin>]).await;
        let mut demo = workload(&[IMPORTS_A], &[]);
        demo.host_interfaces = vec![declared(A, name)];
        let started = start(&host, "w", demo).await;
        assert_eq!(
            started.workload_state,
            WorkloadState::Running,
            "{}",
            started.message
        );
    }
}

#[tokio::test]
async fn an_interface_named_as_a_plugin_that_does_not_serve_it_is_not_available() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[B], &log).arc(),
    ])
    .await;
    let mut demo = workload(&[IMPORTS_A], &[]);
    demo.host_interfaces = vec![declared(A, Some("b"))];
    let answer = start(&host, "w", demo).await;
    assert_eq!(answer.workload_state, WorkloadState::Error);
    let reason = "not available on this host: {demo:a [b]/one@0.1.0}";
    assert!(answer.message.contains(reason), "{}", answer.message);
}

#[tokio::test]
async fn several_names_need_a_plugin_that_tells_them_apart() {
    let log = Log::default();
    let host = host([
        Recorder::new("a", &[B], &log).arc() as Arc<dyn HostPlugin>,
        Recorder::new("b", &[A], &log).arc(),
    ])
    .await;
    log.take();
    let mut demo = workload(&[IMPORTS_A_AND_B], &[B]);
    for name in ["main", "cache"] {
        demo.host_interfaces.push(declared(A, Some(name)));
    }
    let answer = start(&host, "w", demo).await;
    assert_eq!(
        answer.message,
        "plugin 'b' does not support named instances, but workload requires 2 named entries for \
         demo:a (names: cache, main). The plugin must implement supports_named_instances() to \
         handle multiplexed interfaces."
    );
    assert_eq!(log.take(), [""; 0]);
}
