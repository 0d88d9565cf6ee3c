//! [`NullServer`].

use async_trait::async_trait;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::{HostHandler, OutgoingResponse};
use crate::engine::workload::ResolvedWorkload;

/// No HTTP: takes no requests, and every outgoing request fails.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NullServer {}

impl NullServer {
    /// The handler that does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl HostHandler for NullServer {
    async fn start(&self) -> anyhow::Result<()> {
        Ok(())
    }

    async fn stop(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn port(&self) -> u16 {
        0
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        _component_id: &str,
    ) -> anyhow::Result<()> {
        tracing::warn!(
            workload = workload.name(),
            "the workload serves wasi:http, but this host has no HTTP server: no request will \
             reach it"
        );
        Ok(())
    }

    async fn on_workload_unbind(&self, _workload_id: &str) -> anyhow::Result<()> {
        Ok(())
    }

    async fn outgoing_request(
        &self,
        workload_id: &str,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        tracing::warn!(
            workload_id,
            uri = %request.uri(),
            "outgoing HTTP request failed: this host sends none"
        );
        Err(Error::InternalError(Some(
            "this host has no HTTP handler, so it sends no requests".to_string(),
        )))
    }
}
