//! Workloads of linked components, in one line.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use wash_runtime::{
    engine::{
        Engine,
        ctx::SharedCtx,
        workload::{ResolvedWorkload, WorkloadItem},
    },
    host::http::NullServer,
    plugin::{HostPlugin, WitInterfaces},
    types::Workload,
    wasmtime::{
        Store,
        component::{Instance, Resource, ResourceType},
    },
    wit::{WitInterface, WitWorld},
};

use crate::common::{engine, recorder::Log, workload};

pub(crate) const A: &str = "demo:a/one@0.1.0";
pub(crate) const COUNTER: &str = "demo:a/counter@0.1.0";
pub(crate) const WHO: &str = "demo:b/who@0.1.0";
const TOKENS: &str = "demo:b/tokens@0.1.0";

/// Serves `tell`, which records who calls it, and the tokens.
pub(crate) struct Who(pub(crate) Log);

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
pub(crate) struct Linked {
    pub(crate) workload: ResolvedWorkload,
    pub(crate) ids: Vec<Arc<str>>,
    pub(crate) log: Log,
}

impl Linked {
    pub(crate) async fn new(components: &[&str]) -> Self {
        Self::try_new(&engine(), workload(components, &[WHO, TOKENS]))
            .await
            .unwrap()
    }

    pub(crate) async fn try_new(engine: &Engine, workload: Workload) -> anyhow::Result<Self> {
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
    pub(crate) async fn instantiate(&self) -> (Store<SharedCtx>, Instance) {
        self.workload.instantiate(&self.ids[0]).await.unwrap()
    }

    /// Calls `run` of the first component, in a new store.
    pub(crate) async fn run(&self) -> anyhow::Result<u32> {
        let (mut store, instance) = self.instantiate().await;
        call(&mut store, &instance, "demo:a/runner@0.1.0", "run").await
    }
}

pub(crate) async fn call(
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
