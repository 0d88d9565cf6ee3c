//! A plugin from a library, served by wasmtime's own way with values: its
//! functions are linked with `func_new`, and the oracle writes and reads their
//! buffers. Whatever suite runs over a loaded plugin can run over this, too.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use e2e::values::Rng;
use wash_plugin_loader::LoadedPlugin;
use wash_runtime::engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem};
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wasmtime;
use wash_runtime::wasmtime::component::types::ComponentFunc;
use wash_runtime::wasmtime::component::{Type, Val};
use wash_runtime::wit::WitWorld;

use crate::oracle::{self, Encoded, Side};

/// The plugin.
#[derive(Debug)]
pub struct ByValues(Arc<LoadedPlugin>);

impl ByValues {
    /// Serves this one's functions; its life stays its own.
    #[must_use]
    pub fn new(plugin: Arc<LoadedPlugin>) -> Arc<Self> {
        Arc::new(Self(plugin))
    }
}

/// A function of a plugin, for a workload.
struct Target {
    plugin: Arc<LoadedPlugin>,
    workload: String,
    interface: String,
    function: String,
}

impl Target {
    async fn call(&self, ty: &ComponentFunc, args: &[Val], results: &mut [Val]) -> Result<()> {
        let params: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
        let returned: Vec<Type> = ty.results().collect();
        let mut rng = Rng::new(&self.function);
        let buffer = oracle::encode(&params, args, &mut rng, false);
        let function = (self.interface.as_str(), self.function.as_str());
        let (bytes, lent) = self
            .plugin
            .call_with_buffer(&self.workload, function, &buffer.bytes)
            .await?;
        let values =
            oracle::decode_up_to(usize::MAX, &returned, &Encoded { bytes, lent }, Side::Host);
        let values = values.map_err(|wrong| anyhow!("the result is wrong: {wrong:?}"))?;
        results.clone_from_slice(&values);
        Ok(())
    }
}

#[async_trait]
impl HostPlugin for ByValues {
    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn world(&self) -> WitWorld {
        self.0.world()
    }

    async fn start(&self) -> Result<()> {
        self.0.start().await
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> Result<()> {
        self.0.on_workload_bind(workload, interfaces).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> Result<()> {
        let loaded = self.0.loaded();
        let workload = item.workload_id().to_owned();
        for served in loaded.world().served() {
            let mut linker = item.linker().instance(&served.id)?;
            for function in &served.functions {
                let target = Arc::new(Target {
                    plugin: Arc::clone(&self.0),
                    workload: workload.clone(),
                    interface: served.id.clone(),
                    function: function.name.clone(),
                });
                let linked = if function.is_concurrent {
                    linker.func_new_concurrent(&function.name, move |_, ty, args, results| {
                        let target = Arc::clone(&target);
                        let called: Pin<Box<dyn Future<Output = _> + Send>> =
                            Box::pin(async move {
                                let called = target.call(&ty, args, results).await;
                                called.map_err(wasmtime::Error::from_anyhow)
                            });
                        called
                    })
                } else {
                    linker.func_new_async(&function.name, move |_, ty, args, results| {
                        let target = Arc::clone(&target);
                        Box::new(async move {
                            let called = target.call(&ty, args, results).await;
                            called.map_err(wasmtime::Error::from_anyhow)
                        })
                    })
                };
                linked?;
            }
        }
        Ok(())
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> Result<()> {
        self.0.on_workload_resolved(workload, component_id).await
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        interfaces: WitInterfaces<'_>,
    ) -> Result<()> {
        self.0.on_workload_unbind(workload_id, interfaces).await
    }

    async fn stop(&self) -> Result<()> {
        self.0.stop().await
    }
}
