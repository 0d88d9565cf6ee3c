//! [`EngineBuilder`].

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{
    BaseLinkers, Deadlines, Engine, WasmProposal, cache::CompilationCache, epochs::Ticker, pooling,
};

/// The stack of each call into a guest. Host functions run on it, and so do
/// native plugins, which were not written with a small stack in mind. A guest
/// itself stays within wasmtime's `max_wasm_stack` (512 KiB), the rest is for
/// the host.
const ASYNC_STACK_SIZE: usize = 4 << 20;

const DEFAULT_MAX_INSTANCES: u32 = 1000;
const DEFAULT_CACHE_SIZE: u64 = 100;
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(600);

/// Configures and builds an [`Engine`].
#[derive(Debug, Default)]
pub struct EngineBuilder {
    config: Option<Config>,
    pooling: Option<bool>,
    pooling_config: Option<PoolingAllocationConfig>,
    max_instances: Option<u32>,
    proposals: Vec<WasmProposal>,
    fuel: Option<bool>,
    cache: Option<(u64, Duration)>,
    no_interruption: bool,
    instantiation_deadline: Option<Duration>,
    call_deadline: Option<Duration>,
}

impl EngineBuilder {
    /// A builder with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A configuration of wasmtime to start from. The other settings of this
    /// builder are laid on top of it.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Whether instances come from a pool that is reserved in advance.
    ///
    /// Without this call they do, if the machine can reserve the pool and no
    /// [configuration](Self::with_config) was given.
    #[must_use]
    pub fn with_pooling_allocator(mut self, enable: bool) -> Self {
        self.pooling = Some(enable);
        self
    }

    /// How many component instances the pool holds, 1000 by default.
    #[must_use]
    pub fn with_max_instances(mut self, max: u32) -> Self {
        self.max_instances = Some(max);
        self
    }

    /// The pool in all detail, in place of
    /// [`with_max_instances`](Self::with_max_instances). Turns pooling on.
    #[must_use]
    pub fn with_pooling_config(mut self, config: PoolingAllocationConfig) -> Self {
        self.pooling_config = Some(config);
        self
    }

    /// Enables a WebAssembly proposal.
    #[must_use]
    pub fn with_wasm_proposal(mut self, proposal: WasmProposal) -> Self {
        self.proposals.push(proposal);
        self
    }

    /// Whether guests' instructions are counted. Stores of workloads start
    /// with the greatest possible amount of fuel.
    #[must_use]
    pub fn with_fuel_consumption(mut self, enable: bool) -> Self {
        self.fuel = Some(enable);
        self
    }

    /// How many compiled components are kept, by digest, and for how long
    /// after their last use. By default 100 for 10 minutes.
    #[must_use]
    pub fn with_compilation_cache(mut self, size: u64, ttl: Duration) -> Self {
        self.cache = Some((size, ttl));
        self
    }

    /// Whether guests that compute are interrupted every 10 milliseconds, which
    /// they are without this call.
    ///
    /// Without it, a guest in an endless loop keeps a thread of the executor
    /// for ever, no matter who stops it, and no `cpu_limit` is accepted. It is
    /// for embedders who make stores with [`Engine::inner`] and cannot
    /// [prepare](Engine::prepare_store) them. wasmCloud's own crate has no
    /// such method, and never interrupts guests.
    #[must_use]
    pub fn with_interruption(mut self, enable: bool) -> Self {
        self.no_interruption = !enable;
        self
    }

    /// How long the creation of an instance may take, 30 seconds by default.
    ///
    /// wasmCloud's own crate has no such method.
    #[must_use]
    pub fn with_instantiation_deadline(mut self, deadline: Duration) -> Self {
        self.instantiation_deadline = Some(deadline);
        self
    }

    /// How long a call from one component of a workload to another may take,
    /// and others that ask [`ResolvedWorkload::within_deadline`] for it. By
    /// default the environment's `WASH_SHARED_STORE_CALL_TIMEOUT_SECS`, or 30
    /// seconds; for calls of asynchronous functions, which keep nobody waiting,
    /// `WASH_EPHEMERAL_CALL_TIMEOUT_SECS`, or 10 minutes.
    ///
    /// wasmCloud's own crate has no such method.
    ///
    /// [`ResolvedWorkload::within_deadline`]: super::workload::ResolvedWorkload::within_deadline
    #[must_use]
    pub fn with_call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = Some(deadline);
        self
    }

    /// The engine.
    ///
    /// # Errors
    ///
    /// If wasmtime refuses the configuration, or the pool that was asked for
    /// cannot be reserved.
    pub fn build(self) -> anyhow::Result<Engine> {
        let pooling_by_default = self.config.is_none();
        let pool_configured = self.pooling_config.is_some();
        let mut config = self.config.unwrap_or_default();
        config
            .wasm_component_model(true)
            .wasm_component_model_async(true)
            .wasm_component_model_map(true)
            .wasm_component_model_fixed_length_lists(true)
            .wasm_component_model_error_context(true)
            .wasm_component_model_implements(true)
            .epoch_interruption(!self.no_interruption);
        for proposal in self.proposals {
            proposal.enable(&mut config);
        }
        if let Some(fuel) = self.fuel {
            config.consume_fuel(fuel);
        }
        raise_async_stack_size(&mut config)?;
        if !has_memory_files() {
            // Wasmtime would fail to start each guest.
            tracing::info!(
                "memory files (memfd_create) are denied; the memory of guests is copied when they \
                 start"
            );
            config.memory_init_cow(false);
        }

        let pool = self.pooling_config.unwrap_or_else(|| {
            pooling::config(self.max_instances.unwrap_or(DEFAULT_MAX_INSTANCES))
        });
        let inner = match self.pooling {
            Some(false) => {
                config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
                new_engine(&config)?
            }
            Some(true) => pooling_engine(&config, pool)?,
            None if pool_configured => pooling_engine(&config, pool)?,
            None if pooling_by_default => pooling_engine(&config, pool).or_else(|error| {
                tracing::info!(
                    error = format!("{error:#}"),
                    "no pool of instances can be reserved; instances are allocated on demand"
                );
                new_engine(&config)
            })?,
            // The given configuration decides.
            None => new_engine(&config)?,
        };

        let (size, ttl) = self
            .cache
            .unwrap_or((DEFAULT_CACHE_SIZE, DEFAULT_CACHE_TTL));
        let ticker = match self.no_interruption {
            true => None,
            false => Some(
                Ticker::start(&inner).context("cannot start the thread that interrupts guests")?,
            ),
        };
        let defaults = Deadlines::from_environment();
        Ok(Engine {
            ticker,
            deadlines: Deadlines {
                instantiation: self
                    .instantiation_deadline
                    .unwrap_or(defaults.instantiation),
                call: self.call_deadline.unwrap_or(defaults.call),
                detached_call: self.call_deadline.unwrap_or(defaults.detached_call),
            },
            total_core_instances: inner
                .get_pooling_config()
                .map(PoolingAllocationConfig::get_total_core_instances),
            linkers: Arc::new(
                BaseLinkers::new(&inner)
                    .map_err(anyhow::Error::from)
                    .context("failed to link WASI")?,
            ),
            cache: Arc::new(CompilationCache::new(size, ttl)),
            inner,
        })
    }
}

/// Raises the stack to [`ASYNC_STACK_SIZE`], unless the given configuration has
/// a larger one. A `Config` cannot be read, only an engine made of it.
fn raise_async_stack_size(config: &mut Config) -> anyhow::Result<()> {
    let mut probe = config.clone();
    probe.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    if new_engine(&probe)?.get_async_stack_size() < ASYNC_STACK_SIZE {
        config.async_stack_size(ASYNC_STACK_SIZE);
    }
    Ok(())
}

/// Whether memory files can be made, of which wasmtime maps the initial memory
/// of guests. Containers may deny them.
#[cfg(target_os = "linux")]
fn has_memory_files() -> bool {
    rustix::fs::memfd_create("wash-runtime", rustix::fs::MemfdFlags::CLOEXEC).is_ok()
}

/// Wasmtime needs none there.
#[cfg(not(target_os = "linux"))]
fn has_memory_files() -> bool {
    true
}

fn new_engine(config: &Config) -> anyhow::Result<wasmtime::Engine> {
    wasmtime::Engine::new(config)
        .map_err(anyhow::Error::from)
        .context("wasmtime refused the engine's configuration")
}

fn pooling_engine(
    config: &Config,
    pool: PoolingAllocationConfig,
) -> anyhow::Result<wasmtime::Engine> {
    let mut config = config.clone();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime::Engine::new(&config)
        .map_err(anyhow::Error::from)
        .context("failed to create an engine with the pooling allocator")
}
