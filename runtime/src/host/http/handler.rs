//! [`HostHandler`].

use async_trait::async_trait;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::{engine::workload::ResolvedWorkload, observability::Meters};

/// Drives the transfer of a body, and says how it ended.
pub type BodyTransfer = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The response to an outgoing request, and the transfer of the bodies.
pub type OutgoingResponse = (http::Response<WasiBody>, BodyTransfer);

/// Takes requests for workloads and sends requests of workloads.
#[async_trait]
pub trait HostHandler: Send + Sync + 'static {
    /// Starts to accept requests. Called once, before any plugin starts.
    async fn start(&self) -> anyhow::Result<()>;

    /// Stops to accept requests.
    async fn stop(&self) -> anyhow::Result<()>;

    /// Ends everything at once, without waiting: the host was dropped without
    /// being stopped.
    fn abort(&self) {}

    /// The port that requests are accepted at; 0 if there is none.
    fn port(&self) -> u16;

    /// Hands over the host's instruments, before [`start`](Self::start).
    async fn inject_meters(&self, meters: &Meters) {
        let _ = meters;
    }

    /// A workload is ready that takes requests, with this component.
    ///
    /// # Errors
    ///
    /// An error ends the workload's start.
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()>;

    /// The workload no longer takes requests.
    ///
    /// # Errors
    ///
    /// An error is logged; the workload ends nevertheless.
    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()>;

    /// A workload was stopped, whether it takes requests or not: what is kept
    /// for the requests that it sends is of no use any more.
    ///
    /// wasmCloud's own crate has no such method.
    fn forget_workload(&self, workload_id: &str) {
        let _ = workload_id;
    }

    /// Sends a request of a workload. That the workload may send it there has
    /// been checked.
    ///
    /// # Errors
    ///
    /// An error is what the guest gets in place of the response.
    async fn outgoing_request(
        &self,
        workload_id: &str,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error>;
}
