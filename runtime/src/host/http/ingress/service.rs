//! From a request to a response.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::{Scheme, Server, body::ResponseBody};
use crate::host::http::{OutgoingHandler, Router};

/// Answers a request. Never fails: what goes wrong is a response as well.
pub(super) async fn respond<R: Router, O: OutgoingHandler>(
    server: Arc<Server<R, O>>,
    scheme: Scheme,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let id = match server.router.route(&parts) {
        Ok(id) => id,
        Err(error) => {
            server.unrouted.count_request(error.status());
            return Ok(refusal(error.status(), error.to_string()));
        }
    };
    let Some(target) = server.target(&id) else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        server.unrouted.count_request(status);
        return Ok(refusal(status, "the workload is being stopped"));
    };
    let mut request = Request::from_parts(parts, body);
    if request.uri().authority().is_none() && !request.headers().contains_key(header::HOST) {
        // HTTP/1.0 allows it, wasi:http does not.
        request
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_static("localhost"));
    }
    let response = match target.call(scheme, request).await {
        Ok(response) => response,
        Err(failure) => refusal(failure.status(), failure.to_string()),
    };
    target.reporter.metrics.count_request(response.status());
    Ok(response)
}

fn refusal(status: StatusCode, reason: impl Into<String>) -> Response<ResponseBody> {
    let mut reason = reason.into();
    reason.push('\n');
    let mut response = Response::new(ResponseBody::text(reason));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
