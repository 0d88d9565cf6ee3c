//! Accepting connections, and serving each until it or the server ends.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::{
    rt::{Executor, Read, Write},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Scheme, Server, service};
use crate::host::http::{OutgoingHandler, Router};

/// How long a client may take for the TLS handshake, for the head of a request,
/// and until its first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a client of HTTP/2 has to show that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The pause after a connection could not be accepted, which mostly means that
/// the process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the server closes, and then closes the socket.
pub(super) async fn accept<R: Router, O: OutgoingHandler>(
    listener: TcpListener,
    server: Arc<Server<R, O>>,
) {
    let closing = server.closing.clone();
    let mut closing = pin!(closing.cancelled());
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut closing => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                is_failing = false;
                server
                    .connections
                    .spawn(connection(stream, Arc::clone(&server)));
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(
                        %error,
                        "cannot accept a connection; trying again{}",
                        remedy(&error)
                    );
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Returns what an operator can do where that is known: a process or a machine
/// that may not open more files cannot accept a connection.
fn remedy(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        // EMFILE and ENFILE, everywhere but on Windows.
        Some(24) if cfg!(unix) => {
            ". This process has as many files and sockets open as it may have: raise the limit \
             (`ulimit -n`, or LimitNOFILE= in a systemd unit)"
        }
        Some(23) if cfg!(unix) => {
            ". This machine has as many files and sockets open as it may have"
        }
        _ => "",
    }
}

async fn connection<R: Router, O: OutgoingHandler>(stream: TcpStream, server: Arc<Server<R, O>>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm");
    }
    let Some(acceptor) = &server.tls else {
        return serve(TokioIo::new(stream), Scheme::Http, server).await;
    };
    let handshake = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream));
    let handshake = tokio::select! {
        biased;
        () = server.closing.cancelled() => return,
        handshake = handshake => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => serve(TokioIo::new(stream), Scheme::Https, server).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn serve<R: Router, O: OutgoingHandler>(
    io: impl Read + Write + Unpin + Send + 'static,
    scheme: Scheme,
    server: Arc<Server<R, O>>,
) {
    let mut builder = auto::Builder::new(Tracked(server.connections.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE);
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        has_asked.store(true, Ordering::Relaxed);
        service::respond(Arc::clone(&server), scheme, request)
    });
    // hyper's own limit begins when it can tell which HTTP is spoken.
    let mut first = pin!(tokio::time::sleep(HEAD_TIMEOUT));
    let mut is_early = true;
    let mut connection = pin!(builder.serve_connection(io, service));
    // Each is asked again only when it has something to say: all connections
    // ask the same tokens, which take a lock for it.
    let mut signals: FuturesUnordered<_> = [
        after(&server.closing, Signal::Close),
        after(&server.killing, Signal::Kill),
    ]
    .into_iter()
    .collect();
    let result = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => break result,
            Some(signal) = signals.next() => match signal {
                Signal::Close => connection.as_mut().graceful_shutdown(),
                Signal::Kill => return,
            },
            () = first.as_mut(), if is_early => {
                is_early = false;
                if !has_asked.load(Ordering::Relaxed) {
                    tracing::debug!("a client connected, and did not ask for anything");
                    return;
                }
            }
        }
    };
    if let Err(error) = result {
        // A client that went away, most of the time.
        tracing::debug!(error, "a connection ended with an error");
    }
}

/// What a server wants of its connections.
#[derive(Clone, Copy)]
enum Signal {
    Close,
    Kill,
}

async fn after(token: &CancellationToken, signal: Signal) -> Signal {
    token.cancelled().await;
    signal
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
