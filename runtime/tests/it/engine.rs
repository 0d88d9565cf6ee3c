//! Engines, and what the components of a workload get from them.

use crate::common;

use std::{collections::HashMap, sync::Arc};

use common::{
    bytes, engine,
    guests::{EMPTY, IMPORTS_A, run},
    recorder::{Log, Recorder},
    service, workload,
};
use wash_runtime::{
    engine::{
        Engine, WasmProposal, targets_wasip3, uses_wasi_http,
        workload::{UnresolvedWorkload, WorkloadComponent},
    },
    host::http::NullServer,
    plugin::HostPlugin,
    types::Workload,
    wasmtime::{
        Config, PoolingAllocationConfig,
        component::{Component, Linker},
    },
    wit::WitInterface,
};

const A: &str = "demo:a/one@0.1.0";

fn plugins(plugin: Arc<Recorder>) -> HashMap<&'static str, Arc<dyn HostPlugin>> {
    HashMap::from([(plugin.id(), plugin as Arc<dyn HostPlugin>)])
}

fn error_of(workload: Workload) -> String {
    format!(
        "{:#}",
        engine().initialize_workload("w", workload).unwrap_err()
    )
}

#[test]
fn native_code_has_four_mebibytes_of_stack() {
    let plain = engine();
    assert_eq!(plain.inner().get_async_stack_size(), 4 << 20);
    assert_eq!(plain.inner().get_max_wasm_stack(), 512 << 10);

    let mut larger = Config::new();
    larger.async_stack_size(8 << 20);
    let larger = Engine::builder().with_config(larger).build().unwrap();
    assert_eq!(larger.inner().get_async_stack_size(), 8 << 20);
}

#[test]
fn a_pool_is_reserved_if_asked_for() {
    let pooled = Engine::builder()
        .with_pooling_allocator(true)
        .with_max_instances(3)
        .build()
        .unwrap();
    assert_eq!(pooled.total_core_instances(), Some(30));
    assert_eq!(engine().total_core_instances(), None);

    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(7)
        .total_memories(2)
        .total_tables(2)
        .total_stacks(2);
    let pooled = Engine::builder().with_pooling_config(pool).build().unwrap();
    assert_eq!(pooled.total_core_instances(), Some(7));

    let given = Engine::builder()
        .with_config(Config::new())
        .build()
        .unwrap();
    assert_eq!(
        given.total_core_instances(),
        None,
        "the given configuration has none"
    );
}

#[test]
fn the_default_engine_has_a_pool_where_one_can_be_reserved() {
    let engine = Engine::builder().build().unwrap();
    if let Some(instances) = engine.total_core_instances() {
        assert_eq!(instances, 10_000);
    }
}

#[test]
fn proposals_are_enabled() {
    let text = "(component (core module (func (param i64 i64) (result i64 i64)
        local.get 0 local.get 1 i64.mul_wide_u)))";
    let compile = |engine: &Engine| Component::new(engine.inner(), bytes(text));
    assert!(compile(&engine()).is_err());
    let wide = Engine::builder()
        .with_pooling_allocator(false)
        .with_wasm_proposal(WasmProposal::WideArithmetic)
        .build()
        .unwrap();
    compile(&wide).unwrap();
}

#[test]
fn every_type_of_the_component_model_is_taken() {
    let engine = engine();
    for ty in [
        "(map string u32)",
        "(list u8 4)",
        "error-context",
        "(stream u8)",
    ] {
        let text = format!(r#"(component (import "f" (func (param "a" {ty}))))"#);
        let component = Component::new(engine.inner(), bytes(&text));
        assert!(component.is_ok(), "{ty}: {:?}", component.err());
    }
}

#[test]
fn what_a_component_targets_is_seen() {
    let engine = engine();
    let compile = |text: &str| Component::new(engine.inner(), bytes(text)).unwrap();
    let p3 = compile(r#"(component (import "wasi:clocks/types@0.3.0" (instance)))"#);
    let http = compile(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#);
    assert!(targets_wasip3(&p3) && !targets_wasip3(&http));
    assert!(uses_wasi_http(&http) && !uses_wasi_http(&p3));
}

#[test]
fn a_world_is_read_from_the_component() {
    let text = r#"(component
        (import "wasi:io/poll@0.2.0" (instance))
        (import "wasi:io/streams@0.2.0" (instance))
        (import "plain" (func))
        (instance $i)
        (export "demo:a/one@0.1.0" (instance $i))
    )"#;
    let engine = engine();
    let mut unresolved = engine
        .initialize_workload("w", workload(&[text], &[]))
        .unwrap();
    assert_eq!(unresolved.component_ids().len(), 1);
    assert_eq!(unresolved.service_id(), None);
    let seen = format!("{unresolved:?}");
    assert!(seen.contains("demo"), "{seen}");
    drop(unresolved);

    let component = Component::new(engine.inner(), bytes(text)).unwrap();
    let component = WorkloadComponent::new(
        "w",
        "name",
        "ns",
        "c",
        component,
        Linker::new(engine.inner()),
        Vec::new(),
        Default::default(),
    );
    let world = component.world();
    assert_eq!(
        world.imports,
        [WitInterface::from("wasi:io/poll,streams@0.2.0")].into()
    );
    assert_eq!(world.exports, [WitInterface::from(A)].into());
    assert_eq!(component.component_exports().unwrap()[0].0, A);
    unresolved = UnresolvedWorkload::new("w", "name", "ns", None, [component], Vec::new());
    assert_eq!(
        (unresolved.id(), unresolved.name(), unresolved.namespace()),
        ("w", "name", "ns")
    );
}

#[test]
fn an_import_with_a_name_of_its_own_is_the_interface_that_it_implements() {
    let text = r#"(component
        (import "cache" (implements "wasi:keyvalue/store@0.2.0") (instance))
        (import "main" (implements "wasi:keyvalue/store@0.2.0") (instance))
    )"#;
    let engine = engine();
    let component = WorkloadComponent::new(
        "w",
        "name",
        "ns",
        "c",
        Component::new(engine.inner(), bytes(text)).unwrap(),
        Linker::new(engine.inner()),
        Vec::new(),
        Default::default(),
    );
    let named = |name: &str| WitInterface {
        name: Some(name.to_string()),
        ..WitInterface::from("wasi:keyvalue/store@0.2.0")
    };
    assert_eq!(
        component.world().imports,
        [named("cache"), named("main")].into()
    );
}

#[test]
fn the_configuration_of_an_interface_is_found() {
    let mut demo = workload(&[EMPTY], &["demo:a/two", "demo:a/one,three", "demo:a/one"]);
    for (index, interface) in demo.host_interfaces.iter_mut().enumerate() {
        interface
            .config
            .insert("index".to_string(), index.to_string());
    }
    let unresolved = engine().initialize_workload("w", demo).unwrap();
    let config = unresolved.interface_config(&WitInterface::from(A)).unwrap();
    assert_eq!(config["index"], "1");
    assert_eq!(
        unresolved.interface_config(&WitInterface::from("demo:b/one")),
        None
    );
}

#[tokio::test]
async fn a_resolved_workload_makes_stores_and_instances() {
    let log = Log::default();
    let plugin = Recorder::new("a", &[A], &log).arc();
    let mut demo = workload(&[IMPORTS_A], &[A]);
    demo.service = service(&run("i32.const 0"), 0, &[]).service;
    demo.components[0].local_resources.environment =
        [("KEY".to_string(), "value".to_string())].into();
    let unresolved = engine().initialize_workload("w", demo).unwrap();
    let service_id = unresolved.service_id().unwrap();
    let component_id = unresolved.component_ids()[0].clone();
    let resolved = unresolved
        .resolve(
            Some(&plugins(plugin.clone())),
            Arc::new(NullServer::default()),
        )
        .await
        .unwrap();
    assert_eq!(
        (resolved.id(), resolved.name(), resolved.namespace()),
        ("w", "demo", "test")
    );
    assert_eq!(resolved.component_count().await, 1);

    let store = resolved.new_store(&component_id).await.unwrap();
    assert_eq!(store.data().active_ctx.component_id, component_id);
    assert_eq!(&*store.data().active_ctx.workload_id, "w");
    assert!(
        store
            .data()
            .active_ctx
            .try_get_plugin::<Recorder>("a")
            .is_ok()
    );
    let store = resolved.new_store(&service_id).await.unwrap();
    assert!(
        store
            .data()
            .active_ctx
            .try_get_plugin::<Recorder>("a")
            .is_err(),
        "it is not bound to the service"
    );
    resolved.instantiate_pre(&service_id).await.unwrap();

    // The recorder linked nothing. What is added to the linker counts at once.
    assert!(resolved.instantiate_pre(&component_id).await.is_err());
    resolved
        .components()
        .write()
        .await
        .get_mut(&component_id)
        .unwrap()
        .linker()
        .instance(A)
        .unwrap()
        .func_wrap("ping", |_, (): ()| Ok(()))
        .unwrap();
    resolved.instantiate_pre(&component_id).await.unwrap();

    for error in [
        resolved.instantiate_pre("other").await.err().unwrap(),
        resolved.new_store("other").await.err().unwrap(),
    ] {
        assert_eq!(
            error.to_string(),
            "component ID not found in workload: 'other'"
        );
    }
    log.take();
    resolved.unbind_all_plugins().await;
    resolved.clone().unbind_all_plugins().await;
    assert_eq!(log.take(), ["a unbind w [demo:a/one@0.1.0]"], "once");
}

#[tokio::test]
async fn plugins_can_be_bound_before_the_workload_is_resolved() {
    let log = Log::default();
    let plugins = plugins(Recorder::new("a", &[A], &log).arc());
    let mut unresolved = engine()
        .initialize_workload("w", workload(&[IMPORTS_A, IMPORTS_A], &[A]))
        .unwrap();
    let bound = unresolved.bind_plugins(&plugins).await.unwrap();
    assert_eq!(bound.len(), 1);
    let ids: Vec<String> = unresolved
        .component_ids()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(bound[0].1, ids);
    let twice = unresolved.bind_plugins(&plugins).await.err().unwrap();
    assert_eq!(
        twice.to_string(),
        "workload 'demo' is bound to its plugins already"
    );
    log.take();
    unresolved
        .resolve(None, Arc::new(NullServer::default()))
        .await
        .unwrap();
    assert_eq!(log.take(), ["a resolved c0", "a resolved c1"]);
}

#[test]
fn a_component_that_does_not_compile_is_named() {
    let mut demo = workload(&[EMPTY, EMPTY], &[]);
    demo.components[1].bytes = "nonsense".into();
    assert!(error_of(demo).starts_with("component 'c1' of workload 'demo': "));
}
