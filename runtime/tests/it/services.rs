//! Services: how they end, and how they are run again when they fail.

use crate::common;

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use common::{
    guests::{EMPTY, RUN_AS_TOLD, exit, run, run_async, run_async_after_waiting},
    host,
    recorder::Log,
    service, start, status, stop,
};
use wash_runtime::{
    engine::workload::WorkloadItem,
    plugin::{HostPlugin, WitInterfaces},
    types::WorkloadState,
    wit::{WitInterface, WitWorld},
};

const A: &str = "demo:a/one@0.1.0";

/// Serves `next`: tells the guest what to do, and waits for ever when it has
/// nothing more to tell. 9 makes it panic.
struct Teller {
    log: Log,
    told: Arc<Mutex<VecDeque<u32>>>,
}

impl Teller {
    fn new(log: &Log, told: &[u32]) -> Arc<Self> {
        Arc::new(Self {
            log: log.clone(),
            told: Arc::new(Mutex::new(told.iter().copied().collect())),
        })
    }
}

/// Says when the call that it belongs to is given up.
struct OnDrop(Log);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add("call dropped");
    }
}

#[async_trait]
impl HostPlugin for Teller {
    fn id(&self) -> &'static str {
        "teller"
    }

    fn world(&self) -> WitWorld {
        WitWorld {
            imports: HashSet::from([WitInterface::from(A)]),
            exports: HashSet::new(),
        }
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let (log, told) = (self.log.clone(), self.told.clone());
        item.linker()
            .instance(A)?
            .func_wrap_async("next", move |store, (): ()| {
                let told = told.lock().unwrap().pop_front();
                let ctx = &store.data().active_ctx;
                // The plugin is found from within the call.
                assert!(ctx.try_get_plugin::<Teller>("teller").is_ok());
                log.add(format!("next for {}: {told:?}", ctx.workload_id));
                let log = log.clone();
                Box::new(async move {
                    match told {
                        Some(9) => panic!("out of stories"),
                        Some(told) => Ok((told,)),
                        None => {
                            let _on_drop = OnDrop(log);
                            std::future::pending().await
                        }
                    }
                })
            })?;
        Ok(())
    }

    async fn on_workload_unbind(&self, _: &str, _: WitInterfaces<'_>) -> anyhow::Result<()> {
        self.log.add("unbind");
        Ok(())
    }
}

#[tokio::test]
async fn a_service_that_ends_well_completes_its_workload() {
    for text in [run("i32.const 0"), exit(0)] {
        let host = host([]).await;
        let started = start(&host, "w", service(&text, 5, &[])).await;
        assert_eq!(
            started.workload_state,
            WorkloadState::Running,
            "{}",
            started.message
        );
        let end = host.wait_workload("w").await;
        assert_eq!(
            (end.workload_state, end.exit_code),
            (WorkloadState::Completed, Some(0)),
            "{}",
            end.message
        );
        assert_eq!(status(&host, "w").await.message, "Workload is Completed");
        assert_eq!(
            stop(&host, "w").await.workload_state,
            WorkloadState::Stopping
        );
    }
}

#[tokio::test]
async fn a_service_of_wasi_0_3_runs() {
    for (result, state) in [(0, WorkloadState::Completed), (1, WorkloadState::Error)] {
        let host = host([]).await;
        let started = start(&host, "w", service(&run_async(result), 0, &[])).await;
        assert_eq!(
            started.workload_state,
            WorkloadState::Running,
            "{}",
            started.message
        );
        let end = host.wait_workload("w").await;
        assert_eq!(end.workload_state, state, "{}", end.message);
    }
}

#[tokio::test]
async fn a_service_of_wasi_0_3_waits_and_goes_on() {
    let host = host([]).await;
    start(&host, "w", service(&run_async_after_waiting(""), 0, &[])).await;
    let end = host.wait_workload("w").await;
    assert_eq!(
        end.workload_state,
        WorkloadState::Completed,
        "{}",
        end.message
    );
}

#[tokio::test]
async fn another_version_of_wasi_is_told() {
    for import in [
        "wasi:clocks/types@0.3.0-rc-2025-09-16",
        "wasi:io/poll@0.1.0",
    ] {
        let text = run("i32.const 0").replacen(
            "(component",
            &format!(r#"(component (import "{import}" (instance (export "now" (func))))"#),
            1,
        );
        let host = host([]).await;
        let answer = start(&host, "w", service(&text, 0, &[])).await;
        assert_eq!(answer.workload_state, WorkloadState::Error);
        assert!(
            answer.message.contains(&format!(
                "the service of workload 'demo' imports '{import}', and this host has WASI 0.2 \
                 and 0.3.0 as released; build it against one of these"
            )),
            "{}",
            answer.message
        );
    }
}

#[tokio::test]
async fn a_completed_workload_is_unbound_when_it_is_stopped() {
    let log = Log::default();
    let host = host([Teller::new(&log, &[0]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 0, &[A])).await;
    host.wait_workload("w").await;
    assert_eq!(log.take(), ["next for w: Some(0)"]);
    stop(&host, "w").await;
    assert_eq!(log.take(), ["unbind"]);
}

#[tokio::test]
async fn how_a_service_fails_is_told() {
    let cases = [
        (
            run("i32.const 1"),
            Some(1),
            "its 'run' function returned an error",
        ),
        (run("unreachable"), None, "unreachable"),
        (exit(7), Some(7), "it exited with code 7"),
    ];
    for (text, code, reason) in cases {
        let host = host([]).await;
        start(&host, "w", service(&text, 0, &[])).await;
        let end = host.wait_workload("w").await;
        assert_eq!(
            (end.workload_state, end.exit_code),
            (WorkloadState::Error, code)
        );
        let message = end.message;
        assert!(
            message.starts_with("the service of workload 'demo' failed: "),
            "{message}"
        );
        assert!(message.contains(reason), "{message}");
        while status(&host, "w").await.workload_state == WorkloadState::Stopping {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            status(&host, "w").await.message,
            format!("Workload is Error: {message}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_service_is_run_again_on_a_fresh_instance() {
    let log = Log::default();
    // A trap, an error, then a good end. The guest would return an error if
    // its instance were entered twice.
    let host = host([Teller::new(&log, &[2, 1, 0]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 2, &[A])).await;
    let end = host.wait_workload("w").await;
    assert_eq!(
        end.workload_state,
        WorkloadState::Completed,
        "{}",
        end.message
    );
    assert_eq!(
        log.take(),
        [
            "next for w: Some(2)",
            "next for w: Some(1)",
            "next for w: Some(0)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn when_the_restarts_run_out_the_workload_has_failed_and_is_unbound() {
    let log = Log::default();
    let host = host([Teller::new(&log, &[9, 2, 1, 0]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 2, &[A])).await;
    let end = host.wait_workload("w").await;
    assert_eq!(
        (end.workload_state, end.exit_code),
        (WorkloadState::Error, Some(1))
    );
    assert_eq!(
        end.message,
        "the service of workload 'demo' failed, after 2 restarts: its 'run' function returned an \
         error"
    );
    while status(&host, "w").await.workload_state != WorkloadState::Error {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        log.take(),
        [
            "next for w: Some(9)",
            "next for w: Some(2)",
            "next for w: Some(1)",
            "unbind"
        ]
    );
    stop(&host, "w").await;
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn a_panic_in_the_host_is_a_failure_of_the_service() {
    let log = Log::default();
    let host = host([Teller::new(&log, &[9]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 0, &[A])).await;
    let end = host.wait_workload("w").await;
    assert!(
        end.message
            .ends_with("a function of the host panicked: out of stories"),
        "{}",
        end.message
    );
}

#[tokio::test]
async fn a_stopped_service_is_dropped_before_plugins_are_unbound() {
    let log = Log::default();
    let host = host([Teller::new(&log, &[]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 5, &[A])).await;
    while log.take().is_empty() {
        tokio::task::yield_now().await;
    }
    stop(&host, "w").await;
    assert_eq!(log.take(), ["call dropped", "unbind"]);
}

#[tokio::test]
async fn a_service_needs_an_entry_point() {
    let host = host([]).await;
    let cases = [
        (EMPTY.to_string(), "it exports 0 interfaces"),
        (
            r#"(component (instance $i) (export "a:b/c" (instance $i)))"#.to_string(),
            "'a:b/c' has no such function",
        ),
    ];
    for (index, (text, reason)) in cases.iter().enumerate() {
        let answer = start(&host, &index.to_string(), service(text, 0, &[])).await;
        let message = answer.message;
        assert!(
            message.starts_with(
                "service of workload 'demo': Service must export a single interface with the \
                 'run' function"
            ),
            "{message}"
        );
        assert!(message.contains(reason), "{message}");
    }
    // A single interface of any name will do.
    let text = run("i32.const 0").replace("wasi:cli/run@0.2.0", "my:own/runner");
    start(&host, "own", service(&text, 0, &[])).await;
    assert_eq!(
        host.wait_workload("own").await.workload_state,
        WorkloadState::Completed
    );
}

#[tokio::test]
async fn a_host_that_is_dropped_ends_its_services() {
    let log = Log::default();
    let host = host([Teller::new(&log, &[]) as Arc<dyn HostPlugin>]).await;
    start(&host, "w", service(RUN_AS_TOLD, 5, &[A])).await;
    while log.take().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(host);
    let dropped = async {
        while log.take() != ["call dropped"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), dropped)
        .await
        .unwrap();
}
