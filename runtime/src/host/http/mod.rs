//! Taking and sending HTTP requests.
//!
//! The host leaves HTTP to a [`HostHandler`]. [`Ingress`] is the one that does
//! both, [`NullServer`] the one that does neither. Which workload a request is
//! for is up to a [`Router`]: [`DevRouter`] sends every request to one
//! workload, [`DynamicRouter`] goes by the `Host` header. Requests of workloads
//! go through an [`OutgoingHandler`].

mod handler;
mod ingress;
mod null;
mod outgoing;
mod readiness;
mod router;

pub use handler::{BodyTransfer, HostHandler, OutgoingResponse};
pub use ingress::{Ingress, IngressBuilder, TlsConfig};
pub use null::NullServer;
pub use outgoing::{DefaultOutgoingHandler, OutgoingHandler};
pub use readiness::Readiness;
pub use router::{DevRouter, DynamicRouter, RouteError, Router};
