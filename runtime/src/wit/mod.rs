//! WIT identities: which interfaces a plugin serves and a component needs.
//!
//! A [`WitInterface`] names one or several interfaces of one package,
//! optionally with a version, a configuration and the name of an instance. A
//! [`WitWorld`] is a set of imports and a set of exports.
//!
//! Versions are compared exactly, or not at all if one side has none: `0.1.0`
//! does not match `0.1.1` here. (Wasmtime's linker is more tolerant when it
//! resolves a component's imports.)
//!
//! ```
//! use wash_runtime::wit::WitInterface;
//!
//! let served = WitInterface::from("wasi:keyvalue/store,atomics@0.2.0");
//! let needed = WitInterface::from("wasi:keyvalue/store");
//! assert!(served.contains(&needed));
//! assert!(!needed.contains(&served));
//! ```

mod interface;
mod world;

pub use interface::WitInterface;
pub use world::WitWorld;
