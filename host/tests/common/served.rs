//! A host that serves HTTP until it is told to end.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use super::{Directory, kill};

/// The code of a host that SIGTERM ended.
pub const TERMINATED: i32 = 143;

/// What hangs is to fail.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A file in the target directory that this command of xtask builds.
pub fn built(path: &str, command: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_wash-host"))
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .expect("the program is in a target directory");
    let file = target.join(path);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask {command}`",
        file.display()
    );
    file
}

/// A component that `cargo xtask guests` builds.
pub fn guest(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"), "guests")
}

/// What a program writes, line by line. It is read all the time, so the program
/// never waits for that.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(written: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut written = BufReader::new(written);
            let mut line = Vec::new();
            while written
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                // Also when nobody wants it any more.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        });
        Self(receiver)
    }

    /// The next one; `None` at the end.
    pub fn next(&self) -> Option<String> {
        match self.0.recv_timeout(TIMEOUT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more is written"),
        }
    }
}

/// The code that a program ends with.
pub fn code_of(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(begun.elapsed() < TIMEOUT, "it does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A host that runs until it is told to end.
pub struct Served {
    pub child: Child,
    lines: Lines,
}

impl Served {
    pub fn start(directory: &Directory, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wash-host"));
        Self::start_with(directory, command.args(args))
    }

    /// Starts a host by a command that becomes one.
    pub fn start_with(directory: &Directory, command: &mut Command) -> Self {
        let child = command
            .current_dir(directory.path())
            .env("XDG_RUNTIME_DIR", directory.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self::of(child)
    }

    /// A program whose standard error is a pipe.
    pub fn of(mut child: Child) -> Self {
        let lines = Lines::of(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// What follows `start` in the first line that has it.
    pub fn line_with(&mut self, start: &str) -> String {
        self.log_until(start).1
    }

    /// The lines before, and what follows `start` in the first that has it.
    fn log_until(&mut self, start: &str) -> (String, String) {
        let begun = Instant::now();
        let mut all = String::new();
        while let Some(line) = self.lines.next() {
            if let Some((_, rest)) = line.split_once(start) {
                let rest = rest.trim().to_owned();
                return (all, rest);
            }
            all.push_str(&line);
            assert!(begun.elapsed() < TIMEOUT, "there is no `{start}`:\n{all}");
        }
        panic!("the host ended without `{start}`:\n{all}");
    }

    pub fn addr_after(&mut self, start: &str) -> SocketAddr {
        self.addr_and_log(start).1
    }

    /// The same, with the lines before.
    pub fn addr_and_log(&mut self, start: &str) -> (String, SocketAddr) {
        let (before, line) = self.log_until(start);
        let addr = line.split(['/', '"']).next().unwrap();
        (before, addr.parse().unwrap())
    }

    /// Asks it to end, and returns its code and what else it logged. The code
    /// is 0 if it ended by the signal, and another if it failed on the way.
    pub fn terminate(mut self) -> (i32, String) {
        kill(self.child.id(), "TERM");
        let (code, log) = self.end();
        assert_ne!(code, 0, "a signal has a code of its own:\n{log}");
        (if code == TERMINATED { 0 } else { code }, log)
    }

    pub fn end(&mut self) -> (i32, String) {
        let mut rest = String::new();
        while let Some(line) = self.lines.next() {
            rest.push_str(&line);
        }
        (code_of(&mut self.child).unwrap(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // For a test that failed half way.
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

pub fn get(addr: SocketAddr, host: &str, path: &str) -> String {
    let mut stream = connect(addr);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
