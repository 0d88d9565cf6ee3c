//! The listener that stays when hosts come and go: [`Front`].
//!
//! ```text
//!              one connection          one request
//! client ─► listener ─► connection ─► forward ─► the host that serves now
//! ```
//!
//! Each request goes to one host from its first byte to its last. HTTP/1.1 and
//! HTTP/2 without TLS are spoken, and the same one is spoken to the host.

mod backend;
mod body;
mod connection;
mod forward;
mod reach;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use backend::Backend;
use backend::Backends;
pub(super) use reach::reach;

/// How long what was cancelled may take to go.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes requests for whichever host serves.
pub(super) struct Front {
    shared: Arc<Shared>,
    addr: SocketAddr,
}

/// What all connections share.
struct Shared {
    backends: Backends,
    /// Accepting, the connections, and the streams of HTTP/2.
    tasks: TaskTracker,
    /// No more requests are taken.
    closing: CancellationToken,
    /// Those in flight are given up.
    killing: CancellationToken,
}

impl Front {
    /// Accepts connections, whose requests go to this host until another is
    /// [switched to](Self::switch).
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub(super) fn open(listener: TcpListener, first: Arc<Backend>) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            backends: Backends::new(first),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            killing: CancellationToken::new(),
        });
        let accept = connection::accept(listener, Arc::clone(&shared));
        shared.tasks.spawn(accept);
        Ok(Self { shared, addr })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends all further requests to this host.
    pub(super) fn switch(&self, to: Arc<Backend>) {
        self.shared.backends.switch(to);
    }

    /// How many connections there are, and tasks that serve them.
    pub(super) fn tasks(&self) -> usize {
        self.shared.tasks.len()
    }

    /// Closes the listener, lets the requests in flight end for this long, and
    /// cancels the rest.
    pub(super) async fn close(&self, drain: Duration) {
        self.shared.closing.cancel();
        self.shared.tasks.close();
        let ended = tokio::time::timeout(drain, self.shared.tasks.wait()).await;
        if ended.is_ok() {
            return;
        }
        tracing::warn!(
            tasks = self.tasks(),
            "cancelling HTTP connections that did not end within {drain:?}"
        );
        self.shared.killing.cancel();
        if tokio::time::timeout(KILL_TIMEOUT, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::error!(
                tasks = self.tasks(),
                "HTTP connections cannot be cancelled; leaving them behind"
            );
        }
    }
}

impl Drop for Front {
    /// Whoever drops it without closing it gives up what is in flight.
    fn drop(&mut self) {
        self.shared.closing.cancel();
        self.shared.killing.cancel();
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
