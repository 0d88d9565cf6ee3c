//! `wasi:logging` for components: what they log becomes events of the host.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::StoreContextMut;

use super::{
    HostPlugin, WitInterfaces,
    attached::{Attachment, attach, attached, is_of, serves},
};
use crate::{
    engine::{
        ctx::{ActiveCtx, SharedCtx, extract_active_ctx},
        workload::WorkloadItem,
    },
    wit::{WitInterface, WitWorld},
};

mod bindings {
    //! Generated from the WIT.
    #![allow(missing_docs, unreachable_pub, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "wit/logging",
        world: "imports",
        imports: { default: trappable },
    });
}

use bindings::wasi::logging::logging::{Host, Level};

const INTERFACE: &str = "wasi:logging/logging";

/// `wasi:logging/logging`, of any version, to the host's [`tracing`]. Its id is
/// `wasi-logging`.
///
/// An event has the level of the message, `ERROR` for `critical`, and the fields
/// `context`, `workload_id`, `workload_name`, `workload_namespace`,
/// `component_id` and `component_name` (`service` for a service).
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLogger;

impl TracingLogger {
    /// The logger.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl HostPlugin for TracingLogger {
    fn id(&self) -> &'static str {
        "wasi-logging"
    }

    fn world(&self) -> WitWorld {
        serves(INTERFACE)
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        is_of(interface, "logging")
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        for name in imported(item) {
            item.linker().instance(&name)?.func_wrap(
                "log",
                |mut store: StoreContextMut<'_, SharedCtx>,
                 (level, context, message): (Level, String, String)| {
                    extract_active_ctx(store.data_mut()).log(level, context, message)
                },
            )?;
        }
        let source = Source {
            workload_name: item.workload_name().to_owned(),
            workload_namespace: item.workload_namespace().to_owned(),
            component_name: match item {
                WorkloadItem::Component(component) => component.name().to_owned(),
                WorkloadItem::Service(_) => "service".to_owned(),
            },
        };
        attach(item, Arc::new(source));
        Ok(())
    }
}

/// The names under which a component imports the interface: the version is a
/// part of the name, and every version so far has the same function.
fn imported(item: &WorkloadItem<'_>) -> Vec<String> {
    let ty = item.component().component_type();
    ty.imports(item.engine())
        .map(|(name, _)| name)
        .filter(|name| name.split('@').next() == Some(INTERFACE))
        .map(str::to_owned)
        .collect()
}

/// Who logs.
struct Source {
    workload_name: String,
    workload_namespace: String,
    component_name: String,
}

impl Attachment for Source {
    const ID: &'static str = "wasi-logging: who the component is";
}

impl Host for ActiveCtx<'_> {
    fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        let source = attached::<Source>(self)?;
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    context,
                    workload_id = &*self.workload_id,
                    workload_name = source.workload_name,
                    workload_namespace = source.workload_namespace,
                    component_id = &*self.component_id,
                    component_name = source.component_name,
                    "{message}",
                )
            };
        }
        match level {
            Level::Trace => event!(trace),
            Level::Debug => event!(debug),
            Level::Info => event!(info),
            Level::Warn => event!(warn),
            Level::Error | Level::Critical => event!(error),
        }
        Ok(())
    }
}
