//! Accepting connections, and serving each until it or the front ends.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::Shared;
use super::forward::Upstream;

/// How long a client may take for the head of a request, and until its first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a client of HTTP/2 has to show that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The pause after a connection could not be accepted, which mostly means that
/// the process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the front closes, and then closes the socket.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                is_failing = false;
                shared.tasks.spawn(serve(stream, Arc::clone(&shared)));
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    let mut builder = auto::Builder::new(Tracked(shared.tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE);
    let upstream = Arc::new(Upstream::new(Arc::clone(&shared)));
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        has_asked.store(true, Ordering::Relaxed);
        Arc::clone(&upstream).respond(request)
    });
    // hyper's own limit begins when it can tell which HTTP is spoken.
    let mut first = pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let mut is_early = true;
    // Of its own, as they are asked whenever something arrives.
    let (closing, killing) = (shared.closing.child_token(), shared.killing.child_token());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_closing = false;
    let result = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => break result,
            () = killing.cancelled() => return,
            () = first.as_mut(), if is_early => {
                is_early = false;
                if !has_asked.load(Ordering::Relaxed) {
                    tracing::debug!("a client connected, and did not ask for anything");
                    return;
                }
            }
            () = closing.cancelled(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        // A client that went away, most of the time.
        tracing::debug!(error, "a connection ended with an error");
    }
}

/// Runs hyper's own tasks, the streams of HTTP/2, where they are waited for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
