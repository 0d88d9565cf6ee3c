//! The side of whoever asks.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{
    place,
    protocol::{Request, Response},
};
use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// Longer than a plugin may take to start, and its workloads to move.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A host that runs and can be asked.
#[derive(Debug)]
pub(crate) struct Running {
    socket: PathBuf,
}

/// The host of this process number, or the only one that runs.
pub(crate) fn find(pid: Option<u32>) -> Result<Running> {
    let mut running = all()?;
    if let Some(pid) = pid {
        return running
            .into_iter()
            .find(|(other, _)| *other == pid)
            .map(|(_, socket)| Running { socket })
            .ok_or_else(|| {
                Failure::message(
                    Code::Missing,
                    format!("no host of yours runs as process {pid}"),
                )
                .help("without --host, the one that runs is asked")
            });
    }
    match (running.pop(), running.as_slice()) {
        (None, _) => Err(
            Failure::message(Code::Missing, "no host of yours is running")
                .help("start one with `wash-host run`"),
        ),
        (Some((_, socket)), []) => Ok(Running { socket }),
        (Some((last, _)), others) => {
            let mut pids: Vec<u32> = others.iter().map(|(pid, _)| *pid).chain([last]).collect();
            pids.sort_unstable();
            let list: Vec<String> = pids.iter().map(u32::to_string).collect();
            Err(Failure::message(
                Code::Usage,
                format!(
                    "{} hosts are running, as processes {}",
                    pids.len(),
                    list.join(", ")
                ),
            )
            .help("say which with --host PID"))
        }
    }
}

/// For `plugin list`: the host that runs, unless a directory is named or there
/// is none.
pub(crate) fn find_for_list(directory: Option<&Path>, pid: Option<u32>) -> Result<Option<Running>> {
    if directory.is_some() {
        return Ok(None);
    }
    if pid.is_none() && all()?.is_empty() {
        return Ok(None);
    }
    find(pid).map(Some)
}

/// The hosts that answer, by their process numbers. Sockets that nobody serves
/// any more are removed.
fn all() -> Result<Vec<(u32, PathBuf)>> {
    let failed = |error: io::Error| {
        let error = anyhow::Error::new(error).context("cannot look for running hosts");
        Failure::new(Code::Io, error).help(place::HELP)
    };
    match place::existing().map_err(failed)? {
        Some(directory) => place::hosts(&directory).map_err(failed),
        None => Ok(Vec::new()),
    }
}

impl Running {
    /// A host with its socket here.
    #[cfg(test)]
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Asks the host.
    ///
    /// # Errors
    ///
    /// What the host says, or that it does not answer.
    pub(crate) fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let failed = |error: io::Error| {
            let error = anyhow::Error::new(error).context("the host does not answer");
            Failure::new(Code::Io, error).help("see its log, or whether it still runs")
        };
        let line = self.exchange(request).map_err(failed)?;
        let response = serde_json::from_str(&line).map_err(|error| failed(error.into()))?;
        match response {
            Response::Done(value) => serde_json::from_value(value).map_err(|error| {
                let error =
                    anyhow::Error::new(error).context("the host's answer is not understood");
                Failure::new(Code::Io, error)
                    .help("use the same version of wash-host as the one that runs")
            }),
            Response::Failed {
                message,
                help,
                code,
            } => Err(Failure::message(Code::of(code), message).help(help)),
        }
    }

    fn exchange(&self, request: &Request) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut bytes = serde_json::to_vec(request)?;
        bytes.push(b'\n');
        stream.write_all(&bytes)?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}
