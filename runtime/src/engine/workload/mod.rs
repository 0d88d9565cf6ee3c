//! Workloads on their way from compiled to running.
//!
//! An [`UnresolvedWorkload`] consists of compiled components whose linkers
//! hold WASI only. [`UnresolvedWorkload::resolve`] binds it to plugins, which
//! add to the linkers, and makes it a [`ResolvedWorkload`], whose components
//! can be instantiated.
//!
//! Components whose imports another component of the workload exports are
//! linked to it before any plugin is asked: calls are forwarded to an instance
//! of it in the same store.
//!
//! Plugins see the service and the components one at a time as a
//! [`WorkloadItem`], and what both have in common as [`WorkloadMetadata`].

mod bind;
mod component;
mod item;
mod link;
mod metadata;
mod resolved;
mod service;
mod unresolved;

pub(crate) use component::InstancePolicy;
pub use component::WorkloadComponent;
pub use item::WorkloadItem;
pub use metadata::WorkloadMetadata;
pub(crate) use metadata::{Origin, StoreTemplate};
pub use resolved::ResolvedWorkload;
pub use service::WorkloadService;
pub(crate) use service::{ServiceInstance, ServiceOutcome};
pub use unresolved::UnresolvedWorkload;
