//! A call of a loaded plugin allocates no more on the host's side than one of a
//! plugin that is compiled in, which is what wasmtime needs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unsafe_code,
    reason = "tests, and an allocator that counts"
)]

#[path = "../../plugin-abi/tests/counting/mod.rs"]
mod counting;

use std::sync::Arc;

use async_trait::async_trait;
use e2e::{Builder, TestHost, artifacts, string};
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wasmtime::StoreContextMut;
use wash_runtime::wasmtime::component::Val;
use wash_runtime::wit::{WitInterface, WitWorld};

const NEEDS: &str = "test:bench/calls,calls-async@0.1.0";

/// As much of the plugin of `tests/plugins/bench` as is called here, compiled
/// in.
struct CompiledIn;

#[async_trait]
impl HostPlugin for CompiledIn {
    fn id(&self) -> &'static str {
        "compiled-in"
    }

    fn world(&self) -> WitWorld {
        WitWorld {
            exports: [WitInterface::from(NEEDS)].into(),
            ..WitWorld::default()
        }
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let mut calls = item.linker().instance("test:bench/calls@0.1.0")?;
        calls.func_wrap(
            "add",
            |_: StoreContextMut<'_, SharedCtx>, (a, b): (u32, u32)| Ok((a.wrapping_add(b),)),
        )?;
        let component = item.component().clone();
        item.linker().define_unknown_imports_as_traps(&component)?;
        Ok(())
    }
}

/// How much a thousand calls of `add` allocate.
fn allocations(builder: Builder) -> u32 {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let host = builder.guest("bench-guest", [NEEDS]).start().await.unwrap();
            let mut guest = host.instance().await.unwrap();
            let run = guest.func("test:bench/cases@0.1.0", "run").unwrap();
            let mut count = async |times| {
                let args = [string("add"), Val::U32(times), Val::U32(0)];
                let before = counting::COUNT.get();
                guest.call(run, &args).await.unwrap();
                counting::COUNT.get() - before
            };
            // The first calls make what is used again.
            count(10).await;
            let counted = count(2000).await - count(1000).await;
            drop(guest);
            host.stop().await.unwrap();
            counted
        })
}

#[test]
fn a_call_with_scalars_allocates_what_wasmtime_needs() {
    let compiled_in = allocations(TestHost::builder().plugin(Arc::new(CompiledIn)));
    // Were nothing counted, the comparison would say nothing.
    assert!(compiled_in >= 1000, "{compiled_in}");
    let loaded = allocations(TestHost::builder().library(artifacts::test_plugin("bench-plugin")));
    assert_eq!(loaded, compiled_in);
}
