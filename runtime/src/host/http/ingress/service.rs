//! From a request to a response.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts, uri};
use hyper::body::Incoming;

use super::{Scheme, Server, body::ResponseBody};
use crate::host::http::{OutgoingHandler, RouteError, Router};

/// How soon to try again what was refused for a while, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Answers a request. Never fails: what goes wrong is a response as well.
pub(super) async fn respond<R: Router, O: OutgoingHandler>(
    server: Arc<Server<R, O>>,
    scheme: Scheme,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let names_host = match check(&mut parts, scheme) {
        Ok(names_host) => names_host,
        Err((status, reason)) => {
            server.unrouted.count_request(status);
            return Ok(refusal(status, reason));
        }
    };
    let id = match server.router.route(&parts) {
        Ok(id) => id,
        Err(RouteError::NotFound) if server.is_starting() => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            server.unrouted.count_request(status);
            return Ok(refusal(
                status,
                "the host is starting, and no workload takes this request yet; try again",
            ));
        }
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
    if !names_host {
        // HTTP/1.0 allows it, wasi:http does not.
        name_localhost(&mut parts, scheme);
    }
    let request = Request::from_parts(parts, body);
    let response = match target.call(scheme, request).await {
        Ok(response) => response,
        Err(failure) => refusal(failure.status(), failure.to_string()),
    };
    target.reporter.metrics.count_request(response.status());
    Ok(response)
}

/// Refuses what is not a request to a workload, and decides for which host the
/// request is: the router and the component then see the same. Returns whether
/// the request names a host at all.
fn check(parts: &mut Parts, scheme: Scheme) -> Result<bool, (StatusCode, String)> {
    if parts.method == Method::CONNECT {
        let reason = "this server does not open tunnels";
        return Err((StatusCode::NOT_IMPLEMENTED, reason.to_owned()));
    }
    match wash_authority::settle(parts, scheme.into()) {
        Ok(authority) => Ok(authority.is_some()),
        Err(invalid) => {
            tracing::debug!(%invalid, "refused an HTTP request");
            Err((invalid.status(), invalid.to_string()))
        }
    }
}

/// Gives a request that names no host the name `localhost`.
fn name_localhost(parts: &mut Parts, scheme: Scheme) {
    let localhost = HeaderValue::from_static("localhost");
    parts.headers.insert(header::HOST, localhost);
    // The name is valid, and the request was checked.
    let _ = wash_authority::settle(parts, scheme.into());
}

impl From<Scheme> for uri::Scheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => Self::HTTP,
            Scheme::Https => Self::HTTPS,
        }
    }
}

fn refusal(status: StatusCode, reason: impl Into<String>) -> Response<ResponseBody> {
    let mut reason = reason.into();
    reason.push('\n');
    let mut response = Response::new(ResponseBody::text(reason));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
