//! The signals that ask the host to end: Ctrl-C, SIGTERM and SIGHUP.

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
    /// Absent if the host is to outlive its terminal, as `nohup` has it.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Before the first handler is set: it replaces what was inherited.
        let hang_up = match ignores_hang_up() {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up,
        })
    }

    async fn next(&mut self) -> Code {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
            _ = hang_up => Code::HungUp,
        }
    }
}

/// Returns whether whoever started the host had it ignore SIGHUP.
#[cfg(target_os = "linux")]
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_first(&status))
}

/// Returns `true`: where there is no safe way to ask, SIGHUP keeps the effect
/// that it had when the host was started, so that `nohup` works.
#[cfg(all(unix, not(target_os = "linux")))]
fn ignores_hang_up() -> bool {
    true
}

/// Returns whether the first signal, SIGHUP, is ignored by the process of this
/// `/proc/PID/status`.
#[cfg(target_os = "linux")]
fn ignores_first(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::ignores_first;

    #[test]
    fn what_nohup_sets_is_seen() {
        let status = |mask: &str| format!("Name:\tx\nSigBlk:\t1\nSigIgn:\t{mask}\nSigCgt:\t1\n");
        assert!(ignores_first(&status("0000000000001001")));
        assert!(!ignores_first(&status("0000000000001000")));
        assert!(!ignores_first(""));
    }
}
