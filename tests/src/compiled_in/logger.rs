//! The logger of the page about host plugins, with `log` linked.

use std::collections::HashSet;

use async_trait::async_trait;
use wash_plugin_loader::Untrusted;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wasmtime::StoreContextMut;
use wash_runtime::wasmtime::component::{ComponentType, Lift};
use wash_runtime::wit::{WitInterface, WitWorld};

/// Prints what components log, behind a prefix.
#[derive(Debug)]
pub struct CustomLogger {
    prefix: String,
}

impl CustomLogger {
    /// A logger with this prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
}

#[derive(ComponentType, Lift, Clone, Copy, Debug, PartialEq)]
#[component(enum)]
#[component(wasmtime_crate = wash_runtime::wasmtime)]
#[repr(u8)]
#[allow(dead_code, reason = "only ever lifted from a guest")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

#[async_trait]
impl HostPlugin for CustomLogger {
    fn id(&self) -> &'static str {
        "custom-logger"
    }

    fn world(&self) -> WitWorld {
        WitWorld {
            imports: HashSet::new(),
            exports: HashSet::from([WitInterface {
                namespace: "wasi".to_string(),
                package: "logging".to_string(),
                interfaces: HashSet::from(["logging".to_string()]),
                version: None,
                name: None,
                config: std::collections::HashMap::new(),
            }]),
        }
    }

    async fn start(&self) -> anyhow::Result<()> {
        println!("[{}] Logger plugin started", self.prefix);
        Ok(())
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        if interfaces.contains("wasi", "logging", &["logging"]) {
            let prefix = self.prefix.clone();
            item.linker().instance("wasi:logging/logging")?.func_wrap(
                "log",
                move |_: StoreContextMut<'_, SharedCtx>,
                      (level, context, message): (Level, String, String)| {
                    let level = format!("{level:?}").to_uppercase();
                    let (context, message) = (Untrusted(context), Untrusted(message));
                    println!("[{prefix}] {level} {context}: {message}");
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    async fn stop(&self) -> anyhow::Result<()> {
        println!("[{}] Logger plugin stopped", self.prefix);
        Ok(())
    }
}
