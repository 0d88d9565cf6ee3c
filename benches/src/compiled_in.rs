//! The plugin of `tests/plugins/bench`, compiled into the host: what a loaded
//! one is measured against.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use wash_runtime::engine::ctx::{ActiveCtx, SharedCtx, extract_active_ctx};
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wasmtime;
use wash_runtime::wasmtime::component::Resource;
use wash_runtime::wit::{WitInterface, WitWorld};

mod bindings {
    wash_runtime::wasmtime::component::bindgen!({
        path: "../tests/wit/bench",
        world: "host",
        wasmtime_crate: wash_runtime::wasmtime,
        imports: {
            "test:bench/calls-async": async | trappable,
            default: trappable,
        },
        with: { "test:bench/calls.counter": super::Counter },
    });
}

use bindings::test::bench::{calls, calls_async};

const ID: &str = "bench-compiled-in";

#[derive(Debug)]
#[allow(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct Counter(AtomicU32);

pub(crate) struct CompiledIn {
    blob: Vec<u8>,
}

impl CompiledIn {
    pub(crate) fn new() -> Self {
        Self {
            blob: vec![7; 1 << 20],
        }
    }
}

#[async_trait]
impl HostPlugin for CompiledIn {
    fn id(&self) -> &'static str {
        ID
    }

    fn world(&self) -> WitWorld {
        let interfaces = WitInterface::from("test:bench/calls,calls-async@0.1.0");
        WitWorld {
            imports: HashSet::from([interfaces]),
            exports: HashSet::new(),
        }
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        calls::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        calls_async::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        Ok(())
    }
}

/// The plugin, less dearly than a compiled-in plugin usually finds itself: by
/// its id in its context. (The harness wraps plugins, so that finds nothing.)
fn plugin() -> Arc<CompiledIn> {
    static PLUGIN: OnceLock<Arc<CompiledIn>> = OnceLock::new();
    Arc::clone(PLUGIN.get_or_init(|| Arc::new(CompiledIn::new())))
}

impl calls::HostCounter for ActiveCtx<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<Counter>> {
        Ok(self.table.push(Counter(AtomicU32::new(0)))?)
    }

    fn next(&mut self, this: Resource<Counter>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&this)?.0.fetch_add(1, Ordering::Relaxed))
    }

    fn drop(&mut self, this: Resource<Counter>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl calls::Host for ActiveCtx<'_> {
    fn add(&mut self, a: u32, b: u32) -> wasmtime::Result<u32> {
        Ok(a.wrapping_add(b))
    }

    fn log(
        &mut self,
        level: calls::Level,
        context: String,
        message: String,
    ) -> wasmtime::Result<()> {
        black_box((level, context, message));
        Ok(())
    }

    fn get(&mut self, key: String, size: u32) -> wasmtime::Result<Option<Vec<u8>>> {
        black_box(key);
        let plugin = plugin();
        Ok(plugin.blob.get(..size as usize).map(<[u8]>::to_vec))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<()> {
        black_box((key, value));
        Ok(())
    }

    fn echo_mixed(&mut self, value: calls::Mixed) -> wasmtime::Result<calls::Mixed> {
        Ok(value)
    }

    fn records(&mut self, values: Vec<calls::Entry>) -> wasmtime::Result<u32> {
        black_box(&values);
        Ok(u32::try_from(values.len())?)
    }

    fn strings(&mut self, values: Vec<String>) -> wasmtime::Result<u32> {
        black_box(&values);
        Ok(u32::try_from(values.len())?)
    }
}

impl calls_async::Host for ActiveCtx<'_> {
    async fn ready(&mut self, a: u32) -> wasmtime::Result<u32> {
        Ok(a.wrapping_add(1))
    }

    async fn yields(&mut self, a: u32) -> wasmtime::Result<u32> {
        let mut yielded = false;
        std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        Ok(a.wrapping_add(1))
    }
}
