//! Taking and sending HTTP requests.
//!
//! The host leaves HTTP to a [`HostHandler`]. [`NullServer`] is the one that
//! does neither. A server that takes requests and routes them to workloads is
//! not part of this version of the runtime; its routing is: [`DevRouter`]
//! sends every request to one workload, [`DynamicRouter`] goes by the `Host`
//! header.

mod handler;
mod null;
mod router;

pub use handler::{BodyTransfer, HostHandler, OutgoingResponse};
pub use null::NullServer;
pub use router::{DevRouter, DynamicRouter, RouteError, Router};
