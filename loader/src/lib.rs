//! Native plugins for wasmCloud hosts, as drop-in libraries: finds them in a
//! directory, checks them without running them, loads them and registers them
//! with a host.
//!
//! # Stages
//!
//! Each stage is a type that only the stage before it can make:
//!
//! | type | made by | what is known |
//! |---|---|---|
//! | [`Candidate`] | [`Scan`] | there is a file with a library's name |
//! | [`Inspected`] | [`Candidate::inspect`] | a library for this machine, with a valid manifest |
//! | [`Admitted`] | [`admit()`] | it fits this host and the other plugins |
//! | [`Loaded`] | [`library::load`] | its code is in the process, and is what the manifest says |
//! | [`LoadedPlugin`] | [`LoadedPlugin::new`] | it is a [`HostPlugin`], to be registered |
//!
//! Code of a plugin runs from [`Loaded`] on, so code that was not admitted
//! never runs. What is refused becomes a [`Rejection`], a value with the path,
//! the plugin's id, the stage, the cause and what to do next. All of them are
//! reported, not only the first.
//!
//! [`PluginLoader`] goes through all stages:
//!
//! ```
//! use wash_plugin_loader::PluginLoader;
//!
//! let directory = tempfile::tempdir()?;
//! std::fs::write(directory.path().join(format!("notes{}", std::env::consts::DLL_SUFFIX)), "hi")?;
//!
//! let loader = PluginLoader::builder().directory(directory.path()).build()?;
//! for rejection in loader.inspect()?.rejections() {
//!     println!("{rejection}\n  help: {}", rejection.hint());
//! }
//! assert!(loader.load().is_err());
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! [`HostPlugin`]: wash_runtime::plugin::HostPlugin

mod access;
pub mod adapt;
mod admit;
mod allow;
mod config;
mod depth;
mod facts;
mod flat;
pub mod foreign;
mod image;
mod inside;
mod inspect;
mod intern;
pub mod library;
mod linker;
pub mod live;
mod loaded;
mod loader;
mod machine;
pub mod observability;
mod patience;
pub mod rebuilt;
mod rejection;
mod report;
mod scan;
mod shape;
mod text;
mod untrusted;
pub mod world;

pub use adapt::{Keep, LoadedPlugin, UpdateError, UpdateOptions, Updated};
pub use admit::{Admission, Admitted, admit, admit_with};
pub use allow::Allow;
pub use config::{ConfigError, ConfigProblem, PluginsConfig};
pub use inspect::{Inspected, Linkage, MAX_FILE_LEN, MAX_TOTAL_LEN, SymbolVersion, Target};
pub use library::Loaded;
pub use loaded::{LoadedPlugins, load};
pub use loader::{Inspection, LoadError, PluginLoader, PluginLoaderBuilder};
pub use rejection::{Place, Rejection, RejectionCause, RejectionData, Stage};
pub use report::{Report, ReportEntry, State};
pub use scan::{Candidate, Scan, ScanError};
pub use text::read_text;
pub use untrusted::{Untrusted, UntrustedLines, is_hazardous};
pub use world::{World, WorldError};
