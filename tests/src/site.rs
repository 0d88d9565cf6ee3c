//! A host that is rebuilt when libraries come to its folder, and clients of it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env::consts::DLL_SUFFIX, fs};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wash_plugin_loader::live::{LiveOptions, Reconciled};
use wash_plugin_loader::rebuilt::{RebuiltHost, RebuiltHostBuilder};
use wash_plugin_loader::{PluginLoader, PluginsConfig};
use wash_runtime::host::http::DynamicRouter;
// `HttpServer` in releases before 2.6: the one name here that they do not share.
use wash_runtime::host::http::Ingress as HttpServer;
use wash_runtime::plugin::HostPlugin;
use wash_runtime::types::{Component, Workload, WorkloadStartRequest};
use wash_runtime::wasmtime::component::Val;
use wash_runtime::wit::{WitInterface, WitWorld};

use crate::capture::{Capture, Captured};
use crate::{artifacts, interface};

/// Longer than anything takes: what hangs is to fail.
pub const LONG: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
///
/// # Panics
///
/// If it does not hold in a long time.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(LONG, wait).await;
    waited.unwrap_or_else(|_| panic!("{what}"));
}

/// What a client is still told until its connection ends, if that breaks as
/// well.
///
/// # Panics
///
/// If it is left waiting.
pub async fn answer(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async { while client.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    let read = tokio::time::timeout(LONG, read).await;
    read.expect("it is not left waiting");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A host that is rebuilt, and the folder that its libraries are in.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    /// The host.
    pub host: RebuiltHost,
}

/// What is needed to call the components of the host that was made last, if
/// their workloads ask for the interface that they are called through.
#[derive(Clone)]
pub struct Witness {
    interface: WitInterface,
    captured: Arc<Mutex<Captured>>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl Witness {
    /// Of components that export this interface.
    #[must_use]
    pub fn of(interface: &str) -> Self {
        Self {
            interface: interface.into(),
            captured: Arc::default(),
        }
    }

    /// Calls an export of a workload's guest, in a fresh instance.
    ///
    /// # Errors
    ///
    /// If there is none, or it traps.
    pub async fn call(
        &self,
        workload: &str,
        function: &str,
        args: &[Val],
    ) -> anyhow::Result<Vec<Val>> {
        let captured = self.captured().clone();
        let mut instance = captured.instantiate(workload).await?;
        let func = instance.func(&self.interface.to_string(), function)?;
        instance.call(func, args).await
    }

    /// A way to the components of the host that was made last by now, also when
    /// another one was made.
    #[must_use]
    pub fn here(&self) -> Self {
        Self {
            interface: self.interface.clone(),
            captured: Arc::new(Mutex::new(self.captured().clone())),
        }
    }

    fn captured(&self) -> MutexGuard<'_, Captured> {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin for the next host.
    fn next(&self) -> Arc<Capture> {
        let captured = Captured::default();
        self.captured().clone_from(&captured);
        let inner = Arc::new(Seen(self.interface.clone()));
        Arc::new(Capture { inner, captured })
    }
}

/// A plugin that does nothing, but that its workloads are captured.
struct Seen(WitInterface);

#[async_trait]
impl HostPlugin for Seen {
    fn id(&self) -> &'static str {
        "a-witness"
    }

    fn world(&self) -> WitWorld {
        WitWorld {
            exports: HashSet::from([self.0.clone()]),
            ..WitWorld::default()
        }
    }
}

/// A workload of one guest that serves `<id>.example`, and needs these of
/// plugins.
pub fn web<const N: usize>(id: &str, guest: &str, needs: [&str; N]) -> WorkloadStartRequest {
    let name = format!("{id}.example");
    let http = interface("wasi:http/incoming-handler", [("host", name.as_str())]);
    let needs = needs.into_iter().map(WitInterface::from);
    workload(id, guest, needs.chain([http]).collect())
}

/// A workload of one guest.
pub fn workload(id: &str, guest: &str, host_interfaces: Vec<WitInterface>) -> WorkloadStartRequest {
    let component = Component {
        name: "guest".to_owned(),
        bytes: artifacts::guest(guest).into(),
        ..Component::default()
    };
    WorkloadStartRequest {
        workload_id: id.to_owned(),
        workload: Workload {
            namespace: "tests".to_owned(),
            name: format!("name-of-{id}"),
            annotations: HashMap::new(),
            service: None,
            components: vec![component],
            host_interfaces,
            volumes: Vec::new(),
        },
    }
}

/// A folder for libraries.
#[must_use]
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

/// What makes hosts with the libraries of a folder, at a port of its own.
pub async fn builder(folder: &TempDir, config: PluginsConfig) -> RebuiltHostBuilder {
    seen_builder(folder, config, None).await
}

/// The same, with a way to the guests' exports.
pub async fn seen_builder(
    folder: &TempDir,
    config: PluginsConfig,
    witness: Option<Witness>,
) -> RebuiltHostBuilder {
    next_builder(folder, config, witness, |_| Next::At("127.0.0.1:0")).await
}

/// What is made of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// One with a server at this address.
    At(&'static str),
    /// One without a server.
    Silent,
    /// None, ever: making it does not end.
    Never,
}

/// The same, with a say in what is made of each host, by its number from 1.
///
/// # Panics
///
/// If there is no free port.
pub async fn next_builder(
    folder: &TempDir,
    config: PluginsConfig,
    witness: Option<Witness>,
    next: impl Fn(u64) -> Next + Send + Sync + 'static,
) -> RebuiltHostBuilder {
    let made = AtomicU64::new(0);
    let loader = PluginLoader::builder()
        .directory(folder.path())
        .config(config)
        .build()
        .expect("no id is reserved");
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a free port");
    let live = LiveOptions {
        // The files are whole when they come.
        settle: Duration::ZERO,
        ..LiveOptions::default()
    };
    RebuiltHost::builder(loader, move |host| {
        let seen = witness.as_ref().map(Witness::next);
        let next = next(made.fetch_add(1, Ordering::Relaxed) + 1);
        async move {
            let mut host = match next {
                Next::At(addr) => {
                    let server = HttpServer::new(DynamicRouter::new(), addr.parse()?).await?;
                    host.with_http_handler(Arc::new(server))
                }
                Next::Silent => host,
                Next::Never => std::future::pending().await,
            };
            if let Some(seen) = seen {
                host = host.with_plugin(seen)?;
            }
            host.build()?.start().await
        }
    })
    .listener(listener)
    .live(live)
}

/// Puts a library's bytes into a folder at once, under a name of the caller's
/// choice.
pub fn put(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(format!("{name}{DLL_SUFFIX}"));
    let new = path.with_extension("new");
    fs::write(&new, bytes).expect("there is room for a library");
    fs::rename(&new, &path).expect("it can be renamed");
    path
}

impl Site {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn start(folder: TempDir, builder: RebuiltHostBuilder) -> Self {
        let host = builder.start().await.expect("it starts");
        Self { folder, host }
    }

    /// Where its libraries are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.host.addr().expect("it has a listener")
    }

    /// Puts a library there.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        put(&self.folder, name, bytes);
    }

    /// Puts a library there, and has the host look.
    pub async fn put(&self, name: &str, bytes: &[u8]) -> Reconciled {
        self.place(name, bytes);
        self.host.reconcile().await
    }

    /// Takes a library away, and has the host look.
    pub async fn remove(&self, name: &str) -> Reconciled {
        let path = self.folder.path().join(format!("{name}{DLL_SUFFIX}"));
        fs::remove_file(path).expect("it is there");
        self.host.reconcile().await
    }

    /// A request that is under way: `http-hello`, at `hello.example`, has answered
    /// the first half of its body, `first`, and waits for another five bytes.
    /// Also what was answered so far.
    ///
    /// # Panics
    ///
    /// If it is not answered.
    pub async fn begin(&self) -> (TcpStream, String) {
        let mut client = TcpStream::connect(self.addr())
            .await
            .expect("never refused");
        let head = "POST /echo HTTP/1.1\r\nHost: hello.example\r\nContent-Length: 10\r\n\r\n";
        let begun = format!("{head}first");
        client
            .write_all(begun.as_bytes())
            .await
            .expect("it is read");
        let mut seen = Vec::new();
        while !seen.ends_with(b"first\r\n") {
            let read = client.read_buf(&mut seen).await;
            assert_ne!(read.expect("it is answered"), 0, "it is answered");
        }
        (client, String::from_utf8_lossy(&seen).into_owned())
    }

    /// Connects a client.
    pub async fn connect(&self, version: Http) -> Client {
        Client::connect(self.addr(), version)
            .await
            .expect("never refused")
    }

    /// What a workload answers, over a connection of its own.
    pub async fn get(&self, workload: &str, path: &str) -> (StatusCode, String) {
        let mut client = self.connect(Http::One).await;
        client.get(workload, path).await.expect("it is answered")
    }
}

/// Which HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2, without TLS.
    Two,
}

/// One connection of a client.
#[derive(Debug)]
pub enum Client {
    /// Of HTTP/1.1.
    One(http1::SendRequest<Full<Bytes>>),
    /// Of HTTP/2.
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub async fn connect(addr: SocketAddr, version: Http) -> anyhow::Result<Self> {
        let io = TokioIo::new(TcpStream::connect(addr).await?);
        Ok(match version {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Self::One(sender)
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Self::Two(sender)
            }
        })
    }

    /// Asks a workload.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the response.
    pub async fn get(
        &mut self,
        workload: &str,
        path: &str,
    ) -> anyhow::Result<(StatusCode, String)> {
        let (status, _, body) = self.send(workload, path, &[], Bytes::new()).await?;
        Ok((status, String::from_utf8(body.into())?))
    }

    /// Sends a request with these headers and this body.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the response.
    pub async fn send(
        &mut self,
        workload: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, HeaderMap, Bytes)> {
        let host = format!("{workload}.example");
        let mut request = Request::builder().method("POST");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(body);
        let response = match self {
            Self::One(sender) => {
                let request = request.uri(path).header("host", host).body(body)?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Two(sender) => {
                let request = request.uri(format!("http://{host}{path}")).body(body)?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((parts.status, parts.headers, body))
    }
}
