//! `test:strings`, compiled in.

use async_trait::async_trait;
use wash_runtime::engine::ctx::{ActiveCtx, SharedCtx, extract_active_ctx};
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wit::WitWorld;

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wash_runtime::wasmtime::component::bindgen!({
        path: "wit/strings",
        world: "host",
        wasmtime_crate: wash_runtime::wasmtime,
    });
}
use bindings::test::strings::strings;

/// Returns every string that it is given.
#[derive(Debug)]
pub struct Strings;

impl strings::Host for ActiveCtx<'_> {
    fn echo(&mut self, s: String) -> String {
        s
    }

    fn echo_list(&mut self, l: Vec<String>) -> Vec<String> {
        l
    }
}

#[async_trait]
impl HostPlugin for Strings {
    fn id(&self) -> &'static str {
        "strings"
    }

    fn world(&self) -> WitWorld {
        super::serves(["test:strings/strings@0.1.0"])
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        strings::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        Ok(())
    }
}
