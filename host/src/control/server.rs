//! The side of the host that runs.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::AbortHandle,
    time::timeout,
};
use wash_plugin_loader::Untrusted;
use wash_plugin_loader::live::{PluginStatus, Reconciled};
use wash_runtime::{
    host::HostApi,
    types::{WorkloadState, WorkloadStatus, WorkloadStatusRequest, WorkloadStopRequest},
};

use super::{
    place,
    protocol::{HostStatus, Request, Response, Started, WorkloadEntry},
};
use crate::{
    code::Code,
    failure::{Failure, Result},
    foreign,
    launch::Launcher,
    workload::Source,
};

/// Longer than any request.
const MAX_REQUEST: u64 = 1 << 20;

/// How long a client may take for its request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that is served. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    /// What is there is another's, unless it is this.
    file: Option<place::Identity>,
    task: AbortHandle,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // Somebody may have cleaned up already.
        if self.file.is_some() && place::identity(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Serves this host's socket. A host that cannot have one runs without.
pub(crate) fn open(launcher: &Arc<Launcher>, http: Option<String>) -> Option<Control> {
    match bind() {
        Ok((listener, path)) => {
            tracing::debug!(path = %Untrusted::path(&path), "control socket");
            Some(run(listener, path, launcher, http))
        }
        Err(error) => {
            let help = foreign::explain(&error).map(|explained| explained.help);
            tracing::warn!(
                "this host cannot be asked by `wash-host plugin list` and others: {}; {}",
                foreign::told(&error),
                help.as_deref().unwrap_or(place::HELP)
            );
            None
        }
    }
}

/// Serves a socket, whose file is removed when this is dropped.
pub(super) fn run(
    listener: UnixListener,
    path: PathBuf,
    launcher: &Arc<Launcher>,
    http: Option<String>,
) -> Control {
    let host = Arc::new(Served {
        launcher: Arc::clone(launcher),
        http,
    });
    let task = tokio::spawn(serve(listener, host)).abort_handle();
    let file = place::identity(&path);
    Control { path, file, task }
}

/// A socket in the user's own directory.
fn bind() -> io::Result<(UnixListener, PathBuf)> {
    let directory = place::make()?;
    let path = place::socket(&directory, std::process::id())?;
    // Hosts that were killed have left theirs.
    place::hosts(&directory)?;
    // It has its name when it is served: a client that is refused takes a socket
    // for one whose host was killed, and removes it.
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        // Left behind by a process that had this number before.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(about(&new, error)),
    }
    let listener = bind_at(&new).map_err(|error| about(&new, error))?;
    fs::rename(&new, &path).map_err(|error| about(&path, error))?;
    Ok((listener, path))
}

/// An error with the path that it is about.
fn about(path: &Path, error: io::Error) -> io::Error {
    let reason = format!("{} cannot be made: {error}", Untrusted::path(path));
    io::Error::new(error.kind(), reason)
}

/// A socket that only its owner can connect to. The directory keeps others
/// out until it is one.
pub(super) fn bind_at(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, host: Arc<Served>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, &host).await {
                        tracing::debug!("a control connection ended: {error}");
                    }
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connection(stream: UnixStream, host: &Arc<Served>) -> io::Result<()> {
    // The directory keeps others out; this is for sockets that are passed on.
    let peer = stream.peer_cred()?.uid();
    if peer != place::user() && peer != 0 {
        return Err(io::Error::other(format!("user {peer} is another user")));
    }
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(MAX_REQUEST));
    timeout(TIMEOUT, reader.read_until(b'\n', &mut line)).await??;
    let response = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => {
            // Carried through even if the client goes away.
            let host = Arc::clone(host);
            let answer = tokio::spawn(async move { host.answer(request).await });
            answer.await.unwrap_or_else(|error| {
                let message = format!("answering broke off: {error}");
                failed(&Failure::message(Code::Io, message))
            })
        }
        Err(error) => failed(
            &Failure::message(Code::Usage, format!("the request is not valid: {error}"))
                .help("use the same version of wash-host as the one that runs"),
        ),
    };
    let mut bytes = serde_json::to_vec(&response)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await?;
    writer.shutdown().await
}

fn failed(failure: &Failure) -> Response {
    Response::Failed {
        message: failure.chain(),
        help: failure.help_text(),
        code: failure.code().number(),
    }
}

/// The host behind the socket.
struct Served {
    launcher: Arc<Launcher>,
    http: Option<String>,
}

impl Served {
    async fn answer(&self, request: Request) -> Response {
        match self.result(request).await {
            Ok(value) => Response::Done(value),
            Err(failure) => failed(&failure),
        }
    }

    async fn result(&self, request: Request) -> Result<Value> {
        let live = self.launcher.live();
        match request {
            Request::Status => value(&self.status().await?),
            Request::Plugins => value::<Vec<PluginStatus>>(&live.status()),
            Request::Reload => value::<Reconciled>(&live.reload().await),
            Request::Look => value::<Reconciled>(&live.reconcile().await),
            Request::DisablePlugin { id, force } => {
                live.disable(&id, force).await.map_err(unknown)?;
                Ok(Value::Null)
            }
            Request::EnablePlugin { id } => {
                value::<Reconciled>(&live.enable(&id).await.map_err(unknown)?)
            }
            Request::Workloads => {
                let all = self.launcher.host().workload_statuses();
                value(&all.into_iter().map(entry).collect::<Vec<_>>())
            }
            Request::StartWorkload { path, env } => {
                let started = self.start(&path, &env).await?;
                value(&Started::from(started))
            }
            Request::StopWorkload { id } => value(&self.stop(id).await?),
        }
    }

    async fn status(&self) -> Result<HostStatus> {
        let host = self.launcher.host();
        let beat = host
            .heartbeat()
            .await
            .map_err(|error| Failure::new(Code::Io, error))?;
        let loaded = self.launcher.live().running().len();
        let compiled_in = self.launcher.compiled_in();
        Ok(HostStatus {
            id: beat.id,
            name: beat.friendly_name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: beat.started_at.to_rfc3339(),
            http: self.http.clone(),
            labels: beat.labels,
            plugins: loaded + compiled_in,
            loaded,
            compiled_in,
            workloads: beat.workload_count,
            components: beat.component_count,
        })
    }

    /// Starts all workloads of a file, or none.
    async fn start(&self, path: &Path, env: &[(String, String)]) -> Result<Vec<WorkloadEntry>> {
        let mut started: Vec<WorkloadEntry> = Vec::new();
        for source in Source::read_all(path, env)? {
            match self.start_one(source).await {
                Ok(entry) => started.push(entry),
                Err(failure) => {
                    for entry in started.into_iter().rev() {
                        if let Err(error) = self.stop(entry.id).await {
                            tracing::warn!("{}", error.chain());
                        }
                    }
                    return Err(failure);
                }
            }
        }
        Ok(started)
    }

    async fn start_one(&self, source: Source) -> Result<WorkloadEntry> {
        let running = self.launcher.launch(source).await?;
        let request = WorkloadStatusRequest {
            workload_id: running.id,
        };
        let status = self.launcher.host().workload_status(request).await;
        status
            .map(|response| entry(response.workload_status))
            .map_err(|error| Failure::new(Code::WorkloadStart, error))
    }

    async fn stop(&self, id: String) -> Result<WorkloadEntry> {
        let request = WorkloadStopRequest {
            workload_id: id.clone(),
        };
        let stopped = self
            .launcher
            .host()
            .workload_stop(request)
            .await
            .map_err(|error| Failure::new(Code::Io, error))?
            .workload_status;
        if stopped.workload_state == WorkloadState::NotFound {
            return Err(
                Failure::message(Code::Missing, format!("there is no workload `{id}`"))
                    .help("`wash-host workload list` shows the workloads"),
            );
        }
        Ok(entry(stopped))
    }
}

fn unknown(error: wash_plugin_loader::live::UnknownPlugin) -> Failure {
    Failure::new(Code::Missing, error).help("`wash-host plugin list` shows the plugins")
}

fn value<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Failure::new(Code::Io, error))
}

fn entry(status: WorkloadStatus) -> WorkloadEntry {
    WorkloadEntry {
        id: status.workload_id,
        state: format!("{:?}", status.workload_state).to_lowercase(),
        message: status.message,
    }
}
