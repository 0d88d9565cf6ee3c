//! Programs that a test runs, in a folder of their own.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Checks the exit code, and that standard error has all of this in it.
    #[track_caller]
    pub fn expect(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {}", self.err);
        }
    }
}

/// Runs a program to its end. One that does not end is a failure, and is ended
/// long before the sixty seconds that the slowest plugin takes.
pub fn run(command: &mut Command) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Files, as nobody reads pipes while the program runs.
    let create = |name| File::create(folder.path().join(name)).expect("a temporary file");
    let mut child = command
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(create("out"))
        .stderr(create("err"))
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let limit = Instant::now() + Duration::from_secs(40);
    let status: Option<ExitStatus> = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break Some(status);
        }
        if Instant::now() > limit {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let text = |name| read(&folder.path().join(name));
    let (out, err) = (text("out"), text("err"));
    let Some(status) = status else {
        panic!("{command:?} did not end\n{out}\n{err}");
    };
    Ended {
        code: status.code().unwrap_or(-1),
        out,
        err,
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("a temporary file")).into_owned()
}
