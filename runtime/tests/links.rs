//! Components of a workload that call one another.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod common;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use common::{
    engine, error_text,
    guests::{EXPORTS_A, IMPORTS_A},
    host,
    linked::{
        DOUBLER, KEEPER, LISTS, READER, THINGS, USES_DOUBLER, USES_LISTS, counter, next_does,
        runner, sum_of_counts, told_next, uses_keeper, uses_reader, uses_things,
    },
    recorder::{Log, Recorder},
    service, start, stop, workload,
};
use wash_runtime::{
    engine::{
        Engine,
        ctx::SharedCtx,
        workload::{ResolvedWorkload, WorkloadItem},
    },
    host::http::NullServer,
    plugin::{HostPlugin, WitInterfaces},
    types::{Workload, WorkloadState},
    wasmtime::{
        Store,
        component::{Instance, Resource, ResourceType},
    },
    wit::{WitInterface, WitWorld},
};

const A: &str = "demo:a/one@0.1.0";
const COUNTER: &str = "demo:a/counter@0.1.0";
const WHO: &str = "demo:b/who@0.1.0";
const TOKENS: &str = "demo:b/tokens@0.1.0";

/// Serves `tell`, which records who calls it, and the tokens.
struct Who(Log);

struct Token;

#[async_trait]
impl HostPlugin for Who {
    fn id(&self) -> &'static str {
        "who"
    }

    fn world(&self) -> WitWorld {
        WitWorld {
            imports: HashSet::from([WitInterface::from(WHO), WitInterface::from(TOKENS)]),
            exports: HashSet::new(),
        }
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        if interfaces.contains("demo", "b", &["who"]) {
            let name = match item {
                WorkloadItem::Component(component) => component.name().to_string(),
                WorkloadItem::Service(_) => "service".to_string(),
            };
            let (log, id) = (self.0.clone(), item.id().to_string());
            item.linker()
                .instance(WHO)?
                .func_wrap("tell", move |store, (): ()| {
                    let ctx = &store.data().active_ctx;
                    assert_eq!(*ctx.component_id, *id);
                    assert!(ctx.try_get_plugin::<Who>("who").is_ok());
                    log.add(name.as_str());
                    Ok(())
                })?;
        }
        if interfaces.contains("demo", "b", &["tokens"]) {
            let mut tokens = item.linker().instance(TOKENS)?;
            tokens.resource("token", ResourceType::host::<Token>(), |_, _| Ok(()))?;
            tokens.func_wrap("make", |_, (): ()| Ok((Resource::<Token>::new_own(42),)))?;
            tokens.func_wrap("value", |_, (token,): (Resource<Token>,)| {
                Ok((token.rep(),))
            })?;
        }
        Ok(())
    }
}

/// A resolved workload of these components.
struct Linked {
    workload: ResolvedWorkload,
    ids: Vec<Arc<str>>,
    log: Log,
}

impl Linked {
    async fn new(components: &[&str]) -> Self {
        Self::try_new(&engine(), workload(components, &[WHO, TOKENS]))
            .await
            .unwrap()
    }

    async fn try_new(engine: &Engine, workload: Workload) -> anyhow::Result<Self> {
        let log = Log::default();
        let unresolved = engine.initialize_workload("w", workload)?;
        let ids = unresolved.component_ids();
        let plugin: Arc<dyn HostPlugin> = Arc::new(Who(log.clone()));
        let workload = unresolved
            .resolve(
                Some(&HashMap::from([("who", plugin)])),
                Arc::new(NullServer::default()),
            )
            .await?;
        Ok(Self { workload, ids, log })
    }

    /// The store and instance of the first component.
    async fn instantiate(&self) -> (Store<SharedCtx>, Instance) {
        self.workload.instantiate(&self.ids[0]).await.unwrap()
    }

    /// Calls `run` of the first component, in a new store.
    async fn run(&self) -> anyhow::Result<u32> {
        let (mut store, instance) = self.instantiate().await;
        call(&mut store, &instance, "demo:a/runner@0.1.0", "run").await
    }
}

async fn call(
    store: &mut Store<SharedCtx>,
    instance: &Instance,
    interface: &str,
    function: &str,
) -> anyhow::Result<u32> {
    let interface = instance
        .get_export_index(&mut *store, None, interface)
        .unwrap();
    let function = instance
        .get_export_index(&mut *store, Some(&interface), function)
        .unwrap();
    let function = instance.get_typed_func::<(), (u32,)>(&mut *store, function)?;
    Ok(function.call_async(&mut *store, ()).await?.0)
}

#[tokio::test]
async fn a_store_has_one_instance_of_a_provider() {
    let linked = Linked::new(&[&sum_of_counts(COUNTER, "demo:a/sum@0.1.0"), &counter()]).await;
    let (mut store, instance) = linked.instantiate().await;
    for sum in [1, 3, 6] {
        let next = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
        assert_eq!(next.unwrap(), sum);
    }
    let (mut store, instance) = linked.instantiate().await;
    let next = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
    assert_eq!(next.unwrap(), 1, "another store starts afresh");
}

#[tokio::test]
async fn a_call_runs_as_the_provider_and_returns_to_the_caller() {
    let linked = Linked::new(&[
        &runner("demo:a/middle@0.1.0"),
        &counter(),
        &told_next(COUNTER, "demo:a/middle@0.1.0"),
    ])
    .await;
    assert_eq!(linked.run().await.unwrap(), 1);
    assert_eq!(linked.log.take(), ["c0", "c2", "c2", "c0"]);
}

#[tokio::test]
async fn an_instance_is_shared_by_all_who_call_it_in_a_store() {
    // Both the first and the second import the counter.
    let first = sum_of_counts(COUNTER, "demo:a/sum@0.1.0")
        .replace(
            "(component\n",
            r#"(component
            (import "demo:a/two@0.1.0" (instance $two (export "next" (func (result u32)))))
            (core func $two (canon lower (func $two "next")))
            "#,
        )
        .replace(
            r#"(import "" "next""#,
            r#"(import "" "two" (func $two (result i32))) (import "" "next""#,
        )
        .replace(
            "(call $next)",
            "(i32.add (i32.mul (call $two) (i32.const 10)) (call $next))",
        )
        .replace(
            r#"(export "next" (func $next))"#,
            r#"(export "next" (func $next)) (export "two" (func $two))"#,
        );
    let linked = Linked::new(&[
        &first,
        &sum_of_counts(COUNTER, "demo:a/two@0.1.0"),
        &counter(),
    ])
    .await;
    let (mut store, instance) = linked.instantiate().await;
    let sum = call(&mut store, &instance, "demo:a/sum@0.1.0", "next").await;
    assert_eq!(sum.unwrap(), 12, "the counter went on");
}

#[tokio::test]
async fn a_trap_in_a_provider_says_where_and_the_identity_is_restored() {
    let linked = Linked::new(&[&runner(COUNTER), &next_does(COUNTER, "unreachable")]).await;
    let (mut store, instance) = linked.instantiate().await;
    let error = error_text(call(&mut store, &instance, "demo:a/runner@0.1.0", "run").await);
    assert!(
        error.contains(
            "'next' of 'demo:a/counter@0.1.0', which component 'c1' of workload 'demo' serves"
        ),
        "{error}"
    );
    assert!(error.contains("unreachable"), "{error}");
    assert_eq!(store.data().active_ctx.component_id, linked.ids[0]);
    assert_eq!(linked.log.take(), ["c0"]);
}

#[tokio::test]
async fn a_call_has_a_deadline() {
    let impatient = Engine::builder()
        .with_pooling_allocator(false)
        .with_call_deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    let loops = next_does(COUNTER, "(loop $l (br $l)) i32.const 0");
    let demo = workload(&[&runner(COUNTER), &loops], &[WHO]);
    let linked = Linked::try_new(&impatient, demo).await.unwrap();
    let error = error_text(linked.run().await);
    assert!(
        error.contains(
            "component 'c1' of workload 'demo' serves: the call did not end within 100ms, the \
             host's call deadline"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_provider_has_its_own_limit_of_memory() {
    let greedy = "(loop $l
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $l))
        i32.const 0";
    let mut demo = workload(&[&runner(COUNTER), &next_does(COUNTER, greedy)], &[WHO]);
    demo.components[1].local_resources.memory_limit_mb = 2;
    let linked = Linked::try_new(&engine(), demo).await.unwrap();
    let error = error_text(linked.run().await);
    assert!(
        error.contains("it wanted more memory than its memory_limit_mb of 2"),
        "{error}"
    );
}

#[tokio::test]
async fn resources_are_made_lent_given_away_and_dropped() {
    let linked = Linked::new(&[&uses_things(), THINGS]).await;
    assert_eq!(linked.run().await.unwrap(), 57_501_720);
}

#[tokio::test]
async fn resources_are_found_in_lists_and_tuples() {
    let linked = Linked::new(&[USES_LISTS, LISTS]).await;
    assert_eq!(linked.run().await.unwrap(), 1 + 2 + 3 + 3 * 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_do_not_disturb_one_another() {
    let linked = Arc::new(Linked::new(&[&uses_things(), THINGS]).await);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let linked = Arc::clone(&linked);
            tokio::spawn(async move { linked.run().await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 57_501_720);
    }
}

#[tokio::test]
async fn a_resource_passes_through_a_third_component() {
    let linked = Linked::new(&[&uses_keeper(), KEEPER, THINGS]).await;
    // Looked at, passed through (not dropped), then kept (and dropped).
    assert_eq!(linked.run().await.unwrap(), 5000 + 50 + 1);
}

#[tokio::test]
async fn a_resource_of_the_host_passes_through() {
    let linked = Linked::new(&[&uses_reader(), READER]).await;
    assert_eq!(linked.run().await.unwrap(), 4242);
}

#[tokio::test]
async fn an_async_function_runs_on_an_instance_of_its_own() {
    let linked = Linked::new(&[USES_DOUBLER, DOUBLER]).await;
    // Each call is the first one on its instance.
    assert_eq!(linked.run().await.unwrap(), 100 + 8 + 100 + 10);
}

#[tokio::test]
async fn an_async_function_with_a_resource_is_refused_in_so_many_words() {
    let provider = r#"(component
        (component $inner
            (type $thing' (resource (rep i32)))
            (export $thing "thing" (type $thing'))
            (core module $m
                (func (export "use") (param i32) (result i32) unreachable)
                (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func (export "use") async (param "thing" (borrow $thing))
                (canon lift (core func $i "use") async (callback (func $i "callback"))))
        )
        (instance $i (instantiate $inner))
        (export "demo:a/one@0.1.0" (instance $i))
    )"#;
    let importer = r#"(component
        (import "demo:a/one@0.1.0" (instance
            (export "thing" (type $thing (sub resource)))
            (export "use" (func async (param "thing" (borrow $thing))))))
    )"#;
    let error = error_text(
        Linked::try_new(&engine(), workload(&[importer, provider], &[]))
            .await
            .map(drop),
    );
    assert!(
        error.starts_with(
            "component 'c0' of workload 'demo' imports 'demo:a/one@0.1.0', which component 'c1' \
             of workload 'demo' exports, but they cannot be linked: 'use': an async function with \
             a resource"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn other_types_are_told_before_anything_runs() {
    let importer = r#"(component
        (import "demo:a/one@0.1.0" (instance
            (export "ping" (func (param "n" u32)))
            (export "pong" (func))))
    )"#;
    let log = Log::default();
    let host = host([Recorder::new("b", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let answer = start(&host, "w", workload(&[importer, EXPORTS_A], &[A])).await;
    assert_eq!(
        answer.message,
        "component 'c0' of workload 'demo' imports 'demo:a/one@0.1.0', which component 'c1' of \
         workload 'demo' exports, but they cannot be linked: 'ping': 1 parameters are imported, \
         and 0 are exported; 'pong': no such function is exported"
    );
    assert_eq!(
        log.take(),
        [
            "b bind w [demo:a/one@0.1.0]",
            "b item c1 [demo:a/one@0.1.0]",
            "b unbind w [demo:a/one@0.1.0]"
        ],
        "what was bound is unbound"
    );
}

#[tokio::test]
async fn a_workload_serves_itself_before_plugins_do() {
    let log = Log::default();
    let host =
        host([Recorder::new("a", &[A, "demo:b/one@0.1.0"], &log).arc() as Arc<dyn HostPlugin>])
            .await;
    log.take();
    let answer = start(&host, "w", workload(&[IMPORTS_A, EXPORTS_A], &[A])).await;
    assert_eq!(
        answer.workload_state,
        WorkloadState::Running,
        "{}",
        answer.message
    );
    assert_eq!(
        log.take(),
        [
            "a bind w [demo:a/one@0.1.0]",
            "a item c1 [demo:a/one@0.1.0]",
            "a resolved c1"
        ],
        "the exporter keeps it"
    );
    stop(&host, "w").await;
    log.take();

    // An entry that the workload serves in part only is the plugin's.
    let both = r#"(component
        (import "demo:a/one@0.1.0" (instance (export "ping" (func))))
        (import "demo:a/two@0.1.0" (instance (export "ping" (func))))
    )"#;
    let answer = start(
        &host,
        "w",
        workload(&[both, EXPORTS_A], &["demo:a/one,two@0.1.0"]),
    )
    .await;
    assert!(
        answer
            .message
            .contains("requested interfaces that are not available on this host"),
        "{}",
        answer.message
    );
}

#[tokio::test]
async fn what_cannot_be_linked_ends_the_start_before_anything_is_bound() {
    let log = Log::default();
    let host = host([Recorder::new("a", &[A], &log).arc() as Arc<dyn HostPlugin>]).await;
    log.take();
    let ambiguous = workload(&[IMPORTS_A, EXPORTS_A, EXPORTS_A], &[A]);
    let answer = start(&host, "ambiguous", ambiguous).await;
    assert_eq!(answer.workload_state, WorkloadState::Error);
    assert!(
        answer.message.contains(
            "imports interface 'demo:a/one@0.1.0', which is exported by multiple components in \
             the workload; cannot disambiguate the provider"
        ),
        "{}",
        answer.message
    );

    let (x, y) = ("demo:a/x@0.1.0", "demo:a/y@0.1.0");
    let circle = workload(&[&sum_of_counts(x, y), &sum_of_counts(y, x)], &[]);
    let answer = start(&host, "circle", circle).await;
    assert!(
        answer.message.contains(
            "circular dependency detected among components: 'c0' imports from 'c1' imports from \
             'c0'"
        ),
        "{}",
        answer.message
    );
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn a_component_that_imports_what_it_exports_is_not_linked_to_itself() {
    let linked = Linked::new(&[&sum_of_counts(COUNTER, COUNTER)]).await;
    let error = error_text(linked.workload.instantiate(&linked.ids[0]).await.map(drop));
    assert!(error.contains("demo:a/counter@0.1.0"), "{error}");

    let linked = Linked::new(&[&sum_of_counts(COUNTER, COUNTER), &counter()]).await;
    let (mut store, instance) = linked.instantiate().await;
    for sum in [1, 3, 6] {
        assert_eq!(
            call(&mut store, &instance, COUNTER, "next").await.unwrap(),
            sum
        );
    }
}

#[tokio::test]
async fn the_service_imports_from_components() {
    let text = runner(COUNTER)
        .replace("demo:a/runner@0.1.0", "wasi:cli/run@0.2.0")
        .replace(
            r#"(func $run (result u32)"#,
            r#"(func $run (result (result))"#,
        )
        // The count is 1 on a fresh store, and 0 means `ok`.
        .replace("local.get $n", "(i32.sub (local.get $n) (i32.const 1))");
    let log = Log::default();
    let host = host([Arc::new(Who(log.clone())) as Arc<dyn HostPlugin>]).await;
    let mut demo = workload(&[&counter()], &[WHO]);
    demo.service = service(&text, 0, &[]).service;
    start(&host, "w", demo).await;
    let end = host.wait_workload("w").await;
    assert_eq!(
        end.workload_state,
        WorkloadState::Completed,
        "{}",
        end.message
    );
    assert_eq!(log.take(), ["service", "service"]);
}

#[tokio::test]
async fn nothing_is_imported_from_the_service() {
    let text = counter()
        .replace(COUNTER, "demo:a/runner@0.1.0")
        .replace("\"next\"", "\"run\"");
    let importer = r#"(component (import "demo:a/runner@0.1.0" (instance
        (export "run" (func (result u32))))))"#;
    let mut demo = workload(&[importer], &[]);
    demo.service = service(&text, 0, &[]).service;
    let linked = Linked::try_new(&engine(), demo).await.unwrap();
    let error = error_text(linked.workload.instantiate(&linked.ids[0]).await.map(drop));
    assert!(error.contains("demo:a/runner@0.1.0"), "{error}");
}
