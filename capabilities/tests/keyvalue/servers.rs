//! Servers for tests: each on a port of its own on the loopback interface, with
//! its data in a folder of its own, and never outliving the test.
#![allow(dead_code, reason = "every test binary uses a part of this")]

use std::{
    env, fs,
    io::{ErrorKind, PipeWriter, pipe},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Ends the server when standard input ends: when this process lets go of the
/// other end, which it does however it dies. In any case after ten minutes.
const GUARD: &str = r#"
    if command -v timeout >/dev/null; then set -- timeout 600 "$@"; fi
    "$@" >/dev/null 2>&1 &
    read -r _
    kill $!
    wait $!
"#;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Nats,
    Redis,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    kind: Kind,
    program: PathBuf,
    port: u16,
    folder: TempDir,
    running: Option<(Child, PipeWriter)>,
}

impl Server {
    /// `nats-server` with JetStream, or `None` where it is not installed.
    pub(crate) fn nats() -> Option<Self> {
        Self::of(Kind::Nats, "nats-server")
    }

    /// `redis-server` that keeps its data, or `None` where it is not installed.
    pub(crate) fn redis() -> Option<Self> {
        Self::of(Kind::Redis, "redis-server")
    }

    fn of(kind: Kind, name: &str) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        // Where Debian puts servers, which not everybody's PATH has.
        let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let program = folders
            .map(|folder| folder.join(name))
            .find(|p| p.is_file());
        let Some(program) = program else {
            println!("skipped: {name} is not installed; on Debian: apt-get install {name}");
            return None;
        };
        let mut server = Self {
            kind,
            program,
            port: 0,
            folder: TempDir::new().unwrap(),
            running: None,
        };
        // Someone else may take the port before the server does.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.try_start() {
                return Some(server);
            }
        }
        panic!("{name} does not start: {}", server.log());
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        let scheme = match self.kind {
            Kind::Nats => "nats",
            Kind::Redis => "redis",
        };
        format!("{scheme}://{}", self.address())
    }

    /// Ends the server. Its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some((mut guard, input)) = self.running.take() {
            drop(input);
            guard.wait().unwrap();
        }
    }

    /// Starts it again, as it was.
    pub(crate) fn start(&mut self) {
        assert!(self.try_start(), "{:?}: {}", self.kind, self.log());
    }

    fn try_start(&mut self) -> bool {
        self.stop();
        let log = self.folder.path().join("log");
        match fs::remove_file(&log) {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        let (input, ours) = pipe().unwrap();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(&self.program)
            .args(self.arguments(&log))
            .stdin(Stdio::from(input))
            .spawn()
            .unwrap();
        self.running = Some((guard, ours));
        for _ in 0..200 {
            let log = self.log().to_lowercase();
            if log.contains("server is ready") || log.contains("ready to accept connections") {
                return true;
            }
            if log.contains("address already in use") {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.stop();
        false
    }

    fn arguments(&self, log: &Path) -> Vec<String> {
        let port = self.port.to_string();
        let log = log.to_str().unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let arguments: &[&str] = match self.kind {
            Kind::Nats => &[
                "-a",
                "127.0.0.1",
                "-p",
                &port,
                "-l",
                log,
                "-js",
                "-sd",
                folder,
            ],
            Kind::Redis => &[
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
                "--logfile",
                log,
                "--dir",
                folder,
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ],
        };
        arguments.iter().map(ToString::to_string).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
