//! `wasi:config` for components: what the workload's author configured.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::{
    HostPlugin, WitInterfaces,
    attached::{Attachment, attach, attached, is_of, serves},
};
use crate::{
    engine::{
        ctx::{ActiveCtx, SharedCtx, extract_active_ctx},
        workload::WorkloadItem,
    },
    types::LocalResources,
    wit::{WitInterface, WitWorld},
};

mod bindings {
    //! Generated from the WIT.
    #![allow(missing_docs, unreachable_pub, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "wit/config",
        world: "imports",
        imports: { default: trappable },
    });
}

use bindings::wasi::config::store;

/// `wasi:config/store@0.2.0-rc.1` from the workload's own description. Its id is
/// `wasi-config`.
///
/// What a component reads is put together when its workload starts. Of these,
/// each overrides the ones above:
///
/// 1. the `config` of the declared interface,
/// 2. the component's [`LocalResources::config`],
/// 3. its [`LocalResources::environment`], with
///    [`copy_environment`](DynamicConfigBuilder::copy_environment).
///
/// ```
/// use std::sync::Arc;
/// use wash_runtime::{host::HostBuilder, plugin::wasi_config::DynamicConfig};
///
/// # fn main() -> anyhow::Result<()> {
/// let config = DynamicConfig::builder().copy_environment(true).build();
/// let builder = HostBuilder::new().with_plugin(Arc::new(config))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct DynamicConfig {
    copy_environment: bool,
}

impl DynamicConfig {
    /// A builder of one that leaves the environment out.
    #[must_use]
    pub fn builder() -> DynamicConfigBuilder {
        DynamicConfigBuilder::default()
    }

    fn values<'a>(
        &self,
        declared: impl Iterator<Item = &'a WitInterface>,
        resources: &LocalResources,
    ) -> BTreeMap<String, String> {
        // Of several declarations, the ones with a name come later, in the order
        // of their names.
        let mut declared: Vec<_> = declared.collect();
        declared.sort_by_key(|interface| &interface.name);
        let environment = self.copy_environment.then_some(&resources.environment);
        declared
            .into_iter()
            .map(|interface| &interface.config)
            .chain([&resources.config])
            .chain(environment)
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// Builds a [`DynamicConfig`].
#[derive(Clone, Debug, Default)]
pub struct DynamicConfigBuilder {
    copy_environment: bool,
}

impl DynamicConfigBuilder {
    /// Whether components read their environment variables, too.
    #[must_use]
    pub fn copy_environment(mut self, copy: bool) -> Self {
        self.copy_environment = copy;
        self
    }

    /// The plugin.
    #[must_use]
    pub fn build(self) -> DynamicConfig {
        DynamicConfig {
            copy_environment: self.copy_environment,
        }
    }
}

#[async_trait]
impl HostPlugin for DynamicConfig {
    fn id(&self) -> &'static str {
        "wasi-config"
    }

    fn world(&self) -> WitWorld {
        serves("wasi:config/store@0.2.0-rc.1")
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        is_of(interface, "config")
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let declared = interfaces
            .iter()
            .filter(|interface| is_of(interface, "config"));
        let values = self.values(declared, item.local_resources());
        store::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        attach(item, Arc::new(Values(values)));
        Ok(())
    }
}

/// What one component reads.
struct Values(BTreeMap<String, String>);

impl Attachment for Values {
    const ID: &'static str = "wasi-config: the component's values";
}

impl store::Host for ActiveCtx<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(attached::<Values>(self)?.0.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(attached::<Values>(self)?
            .0
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()))
    }
}
