//! What the tests have in common.
#![allow(unreachable_pub, reason = "one program's, and read like a library")]

#[path = "../../../loader/tests/common/elf.rs"]
#[allow(dead_code, reason = "of another's tests, of which a part is used here")]
mod elf;
pub mod served;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};

pub use elf::{Elf, Note};

pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Longer than a run takes on a busy machine: what hangs is to fail.
const TIMEOUT: Duration = Duration::from_secs(60);

fn wash_host(directory: &Path, args: &[&str]) -> Run {
    let child = Command::new(env!("CARGO_BIN_EXE_wash-host"))
        .args(args)
        .current_dir(directory)
        // Its own hosts are the only ones that it finds.
        .env("XDG_RUNTIME_DIR", directory)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(TIMEOUT) else {
        kill(id, "KILL");
        panic!("`wash-host {}` does not end", args.join(" "));
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: status.code().unwrap(),
        out: text(stdout),
        err: text(stderr),
    }
}

pub fn kill(id: u32, signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &id.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Asks until a condition holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub struct Directory(tempfile::TempDir);

impl Directory {
    pub fn new() -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(directory.path().join("plugins")).unwrap();
        directory
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Puts a file there at once, as if it had been finished long ago.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        let new = path.with_extension("new");
        std::fs::write(&new, bytes).unwrap();
        let file = std::fs::File::options().append(true).open(&new).unwrap();
        file.set_modified(SystemTime::now() - TIMEOUT).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    pub fn component(&self, name: &str, text: &str) -> PathBuf {
        self.write(name, wat::parse_str(text).unwrap())
    }

    pub fn run(&self, args: &[&str]) -> Run {
        wash_host(self.path(), args)
    }
}

pub fn logger() -> Note {
    Note::new("custom-logger", "wasi:logging")
}
