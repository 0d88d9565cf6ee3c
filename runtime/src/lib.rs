//! The host side of wasmCloud: run workloads of WebAssembly components and
//! serve their imports with host plugins.
//!
//! # Concepts
//!
//! * A **workload** ([`types::Workload`]) is a set of components, optionally
//!   one long-running service, and the host interfaces that they need.
//! * A **plugin** ([`plugin::HostPlugin`]) serves interfaces. It says which in
//!   its [`wit::WitWorld`], and adds the functions to a component's linker when
//!   a workload that needs them starts.
//! * The **engine** ([`engine::Engine`]) compiles a workload and makes it an
//!   [`engine::workload::UnresolvedWorkload`]; binding it to the host's plugins
//!   makes that an [`engine::workload::ResolvedWorkload`].
//! * The **host** ([`host::Host`]) owns engine, plugins and the running
//!   workloads, and is driven through [`host::HostApi`].
//!
//! # A host, from start to stop
//!
//! ```
//! use std::collections::HashMap;
//! use wash_runtime::{
//!     engine::Engine,
//!     host::{HostApi, HostBuilder},
//!     types::{Workload, WorkloadStartRequest},
//! };
//!
//! # fn main() -> anyhow::Result<()> {
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let engine = Engine::builder().with_max_instances(10).build()?;
//! let host = HostBuilder::new().with_engine(engine).build()?.start().await?;
//!
//! let response = host
//!     .workload_start(WorkloadStartRequest {
//!         workload_id: "demo".to_string(),
//!         workload: Workload {
//!             namespace: "default".to_string(),
//!             name: "demo".to_string(),
//!             annotations: HashMap::new(),
//!             service: None,
//!             components: Vec::new(),
//!             host_interfaces: Vec::new(),
//!             volumes: Vec::new(),
//!         },
//!     })
//!     .await?;
//! assert_eq!(response.workload_status.message, "Workload started successfully");
//!
//! host.stop().await
//! # })
//! # }
//! ```
//!
//! # Capabilities
//!
//! Some plugins come with this crate, each as a feature: `wasi-config`,
//! `wasi-keyvalue` and `wasi-logging`, which are on by default, and
//! `wasi-keyvalue-nats` and `wasi-keyvalue-redis`, which add to it. A host has
//! those that it registers. See `plugin::wasi_config`, `plugin::wasi_keyvalue`
//! and `plugin::wasi_logging`.
//!
//! # Wasmtime
//!
//! A plugin's bindings must be compiled against the very `wasmtime` that this
//! crate uses, so it is re-exported: name it as `wash_runtime::wasmtime` (the
//! `wasmtime_crate` option of `bindgen!`).

#![forbid(unsafe_code)]

pub mod engine;
pub mod host;
pub mod observability;
pub mod plugin;
pub mod types;
pub mod wit;

pub use wasmtime;
pub use wasmtime_wasi;
pub use wasmtime_wasi_http;
