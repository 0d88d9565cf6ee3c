//! Ctrl-C and SIGTERM.

use std::io;

use tokio::sync::watch;

use crate::code::Code;

/// Tells when the host was asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Signals(watch::Receiver<Option<Code>>);

impl Signals {
    /// Listens from now on. The first signal is told to whoever waits; the
    /// second ends the process, for someone who will not wait for plugins that
    /// take their time to stop.
    ///
    /// # Errors
    ///
    /// If the operating system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        let mut listener = Listener::new()?;
        tokio::spawn(async move {
            let first = listener.next().await;
            tracing::info!("stopping; once more to end at once");
            // Nobody listens any more if the host is done.
            let _ = sender.send(Some(first));
            let second = listener.next().await;
            std::process::exit(second.number().into());
        });
        Ok(Self(receiver))
    }

    /// Waits for a signal, and answers with its exit code.
    pub(crate) async fn received(&self) -> Code {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await.map(|code| *code) {
            Ok(Some(code)) => code,
            // The task above ends only with the process.
            _ => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Listener;

#[cfg(not(unix))]
impl Listener {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Code {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Code::Interrupted,
            Err(_) => std::future::pending().await,
        }
    }
}
