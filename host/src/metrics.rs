//! The metrics that `--metrics` serves.

use std::{convert::Infallible, time::Duration};

use anyhow::Context as _;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    address::Address,
    code::Code,
    failure::{Failure, Result},
};

const CONTENT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How long a client may take for its request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// How often what was measured is summed up, so that what waits for it does not
/// grow with the calls when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of the buckets that calls of plugins are sorted into, in seconds: the
/// fastest take less than a microsecond.
const CALL_BUCKETS: &[f64] = &[
    1e-6, 2.5e-6, 1e-5, 2.5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3, 1e-2, 2.5e-2, 0.1, 0.25, 1.0, 2.5, 10.0,
];

/// Starts to keep metrics, and serves them until the process ends.
pub(crate) async fn serve(address: &Address) -> Result<()> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::message(Code::Io, format!("cannot keep metrics: {error}"))
    };
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full(wash_plugin_loader::observability::CALL_DURATION.to_owned()),
            CALL_BUCKETS,
        )
        .map_err(|error| cannot(&error))?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| cannot(&error))?;
    wash_runtime::observability::describe_metrics();
    wash_plugin_loader::observability::describe_metrics();
    let listener = address
        .open(async |addr| {
            let listener = TcpListener::bind(addr).await;
            listener.with_context(|| format!("cannot serve metrics at {addr}"))
        })
        .await?;
    if let Ok(addr) = listener.local_addr() {
        crate::log::tell(&format!("metrics at http://{addr}/metrics"));
    }
    let upkept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkept.run_upkeep();
        }
    });
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, handle.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    });
    Ok(())
}

async fn connection(stream: TcpStream, handle: PrometheusHandle) {
    let service = service_fn(move |request| {
        let response = respond(request, &handle);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for metrics ended with an error");
    }
}

fn respond(request: Request<Incoming>, handle: &PrometheusHandle) -> Response<Full<Bytes>> {
    let (parts, _) = request.into_parts();
    let (status, text) = match (wash_authority::of(&parts), parts.uri.path()) {
        (Err(invalid), _) => (invalid.status(), format!("{invalid}\n")),
        (Ok(_), "/metrics") => {
            handle.run_upkeep();
            (StatusCode::OK, handle.render())
        }
        _ => (StatusCode::NOT_FOUND, "see /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, CONTENT);
    response
}
