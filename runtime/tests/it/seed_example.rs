//! The custom logging plugin of the wasmCloud documentation, as it is printed
//! there, registered with a host that starts and stops.

#![expect(unreachable_pub, reason = "the example is left as it is printed")]

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use wash_runtime::{
    engine::{Engine, workload::WorkloadItem},
    host::HostBuilder,
    plugin::{HostPlugin, WitInterfaces},
    wit::{WitInterface, WitWorld},
};

pub struct CustomLogger {
    prefix: String,
}

impl CustomLogger {
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
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
        // The documentation leaves the body to the reader; these are the calls
        // that it names.
        if interfaces.contains("wasi", "logging", &["logging"]) {
            let _linker = item.linker();
            assert!(item.is_component() != item.is_service());
        }
        Ok(())
    }

    async fn stop(&self) -> anyhow::Result<()> {
        println!("[{}] Logger plugin stopped", self.prefix);
        Ok(())
    }
}

#[tokio::test]
async fn the_documented_plugin_runs_in_a_host() -> anyhow::Result<()> {
    let engine = Engine::builder().build()?;

    let logger = CustomLogger::new("my-app");
    let host = HostBuilder::new()
        .with_engine(engine)
        .with_plugin(Arc::new(logger))?
        .build()?;

    let host = host.start().await?;
    host.stop().await
}
