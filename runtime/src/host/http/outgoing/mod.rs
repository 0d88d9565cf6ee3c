//! [`OutgoingHandler`]: who sends the requests of workloads.

mod body;
mod error;

use std::{
    collections::HashMap,
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::OutgoingResponse;
use body::{RequestBody, ResponseBody};

/// What `wasmtime-wasi-http` waits for when a guest sets no limit.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a connection is kept for the next request. Many servers close it
/// after a minute or two.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How many connections to one host are kept for a workload.
const MAX_IDLE_PER_HOST: usize = 32;

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

    /// A workload was stopped: what is kept for it is of no use any more.
    ///
    /// wasmCloud's own crate has no such method.
    fn forget_workload(&self, workload_id: &str) {
        let _ = workload_id;
    }
}

/// Sends requests as HTTP/1.1, with TLS for `https`, where the certificates of
/// Mozilla's list are trusted.
///
/// Connections are kept for a while and used again, for requests of the same
/// workload to the same host. Clones share them.
#[derive(Clone, Default)]
pub struct DefaultOutgoingHandler {
    shared: Arc<Shared>,
}

type Client = legacy::Client<HttpsConnector<HttpConnector>, RequestBody>;

#[derive(Default)]
struct Shared {
    connector: OnceLock<HttpsConnector<HttpConnector>>,
    /// By the workload's id.
    clients: Mutex<HashMap<String, Client>>,
}

impl Shared {
    /// The client of a workload, which has its own connections.
    fn client(&self, workload_id: &str) -> Result<Client, Error> {
        if let Some(client) = self.lock().get(workload_id) {
            return Ok(client.clone());
        }
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .build(self.connector()?);
        Ok(self
            .lock()
            .entry(workload_id.to_string())
            .or_insert(client)
            .clone())
    }

    fn connector(&self) -> Result<HttpsConnector<HttpConnector>, Error> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector.clone());
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())
            .map_err(|error| {
                tracing::error!(%error, "cannot set up TLS for outgoing requests");
                Error::ConfigurationError
            })?;
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        Ok(self.connector.get_or_init(|| connector).clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OutgoingHandler for DefaultOutgoingHandler {
    async fn send(
        &self,
        workload_id: &str,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<OutgoingResponse, Error> {
        let uri = request.uri();
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.authority().is_none() {
            return Err(Error::HttpRequestUriInvalid);
        }
        let options = options.unwrap_or_default();
        let connect_timeout = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let first_byte_timeout = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes_timeout = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);

        *request.version_mut() = http::Version::HTTP_11;
        let client = self.shared.client(workload_id)?;
        let mut connection = capture_connection(&mut request);
        let (parts, body) = request.into_parts();
        let (body, transfer) = RequestBody::new(body);
        let mut response = pin!(client.request(http::Request::from_parts(parts, body)));
        let connected = async {
            tokio::select! {
                biased;
                response = &mut response => Some(response),
                () = async { drop(connection.wait_for_connection_metadata().await) } => None,
            }
        };
        let early = timeout(connect_timeout, connected)
            .await
            .map_err(|_| Error::ConnectionTimeout)?;
        let response = match early {
            Some(response) => response,
            None => timeout(first_byte_timeout, response)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?,
        };
        match response {
            Ok(response) => Ok((
                response.map(|body| ResponseBody::new(body, between_bytes_timeout).boxed_unsync()),
                Box::new(transfer.ended()),
            )),
            Err(error) => Err(transfer
                .failure()
                .unwrap_or_else(|| error::of_client(&error))),
        }
    }

    fn forget_workload(&self, workload_id: &str) {
        let client = self.shared.lock().remove(workload_id);
        drop(client);
    }
}

impl fmt::Debug for DefaultOutgoingHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultOutgoingHandler")
            .field("workloads", &self.shared.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::net::TcpListener;

    use super::*;

    fn get(uri: &str) -> http::Request<WasiBody> {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        http::Request::get(uri).body(body).unwrap()
    }

    async fn send(uri: &str, options: RequestOptions) -> Error {
        let handler = DefaultOutgoingHandler::default();
        let sent = handler.send("one", get(uri), Some(options)).await;
        sent.map(drop).unwrap_err()
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = silent.local_addr().unwrap();
        let soon = Some(Duration::from_millis(50));
        let options = RequestOptions {
            first_byte_timeout: soon,
            ..RequestOptions::default()
        };
        let error = send(&format!("http://{addr}/"), options).await;
        assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
        // With TLS, there is no connection before the handshake is done.
        let options = RequestOptions {
            connect_timeout: soon,
            ..RequestOptions::default()
        };
        let error = send(&format!("https://{addr}/"), options).await;
        assert!(matches!(error, Error::ConnectionTimeout), "{error}");
    }

    #[tokio::test]
    async fn an_error_says_what_it_is() {
        let options = RequestOptions::default();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = closed.local_addr().unwrap();
        drop(closed);
        let error = send(&format!("http://{addr}/"), options).await;
        assert!(
            matches!(&error, Error::Connect(io) if io.kind() == std::io::ErrorKind::ConnectionRefused),
            "{error}"
        );
        for uri in ["/path", "gopher://a.example/"] {
            let error = send(uri, options).await;
            assert!(
                matches!(error, Error::HttpRequestUriInvalid),
                "{uri}: {error}"
            );
        }
    }
}
