//! Outgoing HTTP requests of a guest.

use std::sync::Arc;

use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    host::http::{BodyTransfer, HostHandler, OutgoingResponse},
    types::AllowedHost,
};

/// Checks a request's target and hands it to the host's HTTP handler.
pub(super) struct OutgoingHttp {
    pub(super) handler: Arc<dyn HostHandler>,
    pub(super) workload_id: Arc<str>,
    pub(super) allowed_hosts: Arc<[AllowedHost]>,
}

impl WasiHttpHooks for OutgoingHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        // How reading the response ended, which no handler asks for.
        _response_read: BodyTransfer,
    ) -> Box<dyn Future<Output = Result<OutgoingResponse, Error>> + Send> {
        let allowed = self
            .allowed_hosts
            .iter()
            .any(|pattern| pattern.matches(request.uri()));
        if !allowed {
            tracing::warn!(
                workload_id = %self.workload_id,
                uri = %request.uri(),
                "refused an outgoing HTTP request: none of the component's allowed_hosts matches",
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let handler = Arc::clone(&self.handler);
        let workload_id = Arc::clone(&self.workload_id);
        Box::new(async move {
            handler
                .outgoing_request(&workload_id, request, options)
                .await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, sync::Arc};

    use async_trait::async_trait;
    use http_body_util::{BodyExt, Empty};
    use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpView};

    use crate::{
        engine::{
            ctx::{Ctx, SharedCtx},
            workload::ResolvedWorkload,
        },
        host::http::{HostHandler, OutgoingResponse},
    };

    /// Answers with an error that carries the workload's id.
    struct Echo;

    #[async_trait]
    impl HostHandler for Echo {
        async fn start(&self) -> anyhow::Result<()> {
            Ok(())
        }
        async fn stop(&self) -> anyhow::Result<()> {
            Ok(())
        }
        fn port(&self) -> u16 {
            0
        }
        async fn on_workload_resolved(&self, _: &ResolvedWorkload, _: &str) -> anyhow::Result<()> {
            Ok(())
        }
        async fn on_workload_unbind(&self, _: &str) -> anyhow::Result<()> {
            Ok(())
        }
        async fn outgoing_request(
            &self,
            workload_id: &str,
            _: http::Request<WasiBody>,
            _: Option<RequestOptions>,
        ) -> Result<OutgoingResponse, Error> {
            Err(Error::InternalError(Some(workload_id.to_string())))
        }
    }

    async fn send(allowed: &[&str], uri: &str) -> Error {
        let allowed = allowed.iter().map(|host| host.parse().unwrap()).collect();
        let ctx = Ctx::builder("workload", "component")
            .with_http_handler(Arc::new(Echo))
            .with_allowed_hosts(allowed)
            .build();
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::get(uri).body(body).unwrap();
        let mut shared = SharedCtx::new(ctx);
        let read = Box::new(async { Ok(()) });
        let response = shared.http().hooks.send_request(request, None, read);
        match Pin::from(response).await {
            Ok(_) => panic!("the handler answers with an error"),
            Err(error) => error,
        }
    }

    #[tokio::test]
    async fn a_request_reaches_the_handler_if_its_target_is_allowed() {
        let error = send(&["a.example", "b.example"], "http://b.example/").await;
        assert!(matches!(error, Error::InternalError(Some(id)) if id == "workload"));
    }

    #[tokio::test]
    async fn other_requests_are_denied() {
        for allowed in [&[][..], &["a.example"]] {
            let error = send(allowed, "http://b.example/").await;
            assert!(matches!(error, Error::HttpRequestDenied));
        }
    }
}
