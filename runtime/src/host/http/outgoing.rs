//! [`OutgoingHandler`]: who sends the requests of workloads.

use async_trait::async_trait;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, default_send_request};

use super::OutgoingResponse;

/// Sends the requests of workloads.
#[async_trait]
pub trait OutgoingHandler: Send + Sync + 'static {
    /// Sends a request of a workload. That the workload may send it there has
    /// been checked.
    ///
    /// # Errors
    ///
    /// An error is what the guest gets in place of the response.
    async fn send(
        &self,
        workload_id: &str,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error>;
}

/// Sends requests as HTTP/1.1, each over a connection of its own, with TLS for
/// `https`, where the certificates of Mozilla's list are trusted.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultOutgoingHandler {}

#[async_trait]
impl OutgoingHandler for DefaultOutgoingHandler {
    async fn send(
        &self,
        _workload_id: &str,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        let (response, transfer) = default_send_request(request, options).await?;
        Ok((response.map(BodyExt::boxed_unsync), Box::new(transfer)))
    }
}
