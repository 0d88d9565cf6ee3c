//! `cargo xtask setup` on machines that lack something, with stand-ins for the
//! programs that it asks and that it installs with.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip1"];

/// A machine with a Rust compiler, a C compiler and what the tests use, but no
/// compiler for WebAssembly.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let root = machine.root();
        for folder in ["bin", "lib", "usr/sbin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let rustc = format!(
            "case \"$*\" in *target-libdir*--target*) echo {}/lib/$4;; *) echo rustc 1.95.0;; esac",
            root.display()
        );
        machine.program("rustc", &rustc);
        for program in ["cc", "curl", "redis-server", "nats-server", "patchelf"] {
            machine.program(program, "");
        }
        machine
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a program: what it is called with goes into a file, then it runs a
    /// script.
    fn program(&self, name: &str, script: &str) {
        let path = self.root().join("bin").join(name);
        let calls = self.calls_of(name);
        let text = format!("#!/bin/sh\necho \"$*\" >> {}\n{script}\n", calls.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(self, program: &str) -> Self {
        fs::remove_file(self.root().join("bin").join(program)).unwrap();
        self
    }

    fn with_rustup(self) -> Self {
        let script = format!(
            "shift 2; for target; do mkdir -p {0}/lib/$target; : > {0}/lib/$target/libstd-1.rlib; done",
            self.root().display()
        )
        .replace("mkdir", "/bin/mkdir");
        self.program("rustup", &script);
        self
    }

    /// Adds a package manager that installs nothing, and the user that runs it.
    fn with_apt(self, user: u32) -> Self {
        let policy = self.root().join("usr/sbin/policy-rc.d");
        let script = format!(
            "[ -x {0} ] && echo policy >> {0}.seen; true",
            policy.display()
        );
        self.program("apt-get", &script);
        self.program("id", &format!("echo {user}"));
        self
    }

    fn calls_of(&self, program: &str) -> PathBuf {
        self.root().join(format!("{program}.calls"))
    }

    /// What a program was called with, a line for each time.
    fn calls(&self, program: &str) -> Vec<String> {
        let text = fs::read_to_string(self.calls_of(program)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn setup(&self, purpose: &str, more: &[(&str, &str)]) -> (Output, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["setup", purpose])
            .env_clear()
            .env("PATH", self.root().join("bin"))
            .env("XTASK_SYSTEM_ROOT", self.root())
            .envs(more.iter().copied())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr.clone()).unwrap();
        (output, told)
    }
}

#[test]
fn the_demonstration_needs_no_compiler_for_webassembly() {
    let machine = Machine::new().with_rustup().with_apt(0);
    let (output, told) = machine.setup("demo", &[]);
    assert!(output.status.success(), "{told}");
    assert_eq!(told, "");
    assert!(machine.calls("rustup").is_empty());
    assert!(machine.calls("apt-get").is_empty());
}

#[test]
fn rustup_adds_the_targets_once() {
    let machine = Machine::new().with_rustup().with_apt(0);
    let (output, told) = machine.setup("tests", &[]);
    assert!(output.status.success(), "{told}");
    assert!(
        told.starts_with("setup: adding the WebAssembly targets"),
        "{told}"
    );
    let expected = format!("target add {}", TARGETS.join(" "));
    assert!(
        told.contains(&format!("rustup {expected}")),
        "it is said what runs: {told}"
    );
    assert_eq!(machine.calls("rustup"), [expected.as_str()]);

    let (again, told) = machine.setup("tests", &[]);
    assert!(again.status.success(), "{told}");
    assert_eq!(told, "", "nothing is missing any more");
    assert_eq!(machine.calls("rustup").len(), 1);
    assert!(machine.calls("apt-get").is_empty());
}

#[test]
fn where_rustup_cannot_debians_packages_are_installed() {
    let machine = Machine::new().with_apt(0);
    machine.program("rustup", "exit 1");
    let (output, told) = machine.setup("guests", &[]);
    let install = "install -y -q --no-install-recommends rustc-web rust-web-src wasi-libc";
    assert_eq!(machine.calls("apt-get"), ["update -q", install]);
    assert!(
        told.contains("setup: installing Debian packages: rustc-web"),
        "{told}"
    );
    // While that ran, no server would have been started; the policy is gone again.
    let policy = machine.root().join("usr/sbin/policy-rc.d");
    assert!(policy.with_extension("d.seen").exists());
    assert!(!policy.exists());
    // The stand-in installs nothing, so the command cannot go on, and says why.
    assert!(!output.status.success());
    assert!(
        told.contains("rustup target add wasm32-unknown-unknown"),
        "{told}"
    );
}

#[test]
fn all_that_is_missing_is_one_error_where_nothing_can_be_installed() {
    let machine = Machine::new().with_apt(1000).without("curl").without("cc");
    let (output, told) = machine.setup("tests", &[]);
    assert!(!output.status.success());
    assert!(machine.calls("apt-get").is_empty(), "only root may");
    let (_, error) = told.split_once("this machine lacks:").expect(&told);
    for missing in [
        "`cc`",
        "apt-get install gcc libc6-dev",
        "`curl`",
        "rustup target add",
    ] {
        assert!(error.contains(missing), "{missing}: {error}");
    }
}

#[test]
fn what_is_optional_is_a_note() {
    let machine = Machine::new()
        .with_rustup()
        .with_apt(1000)
        .without("redis-server");
    let (output, told) = machine.setup("tests", &[]);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("going on without `redis-server` (on Debian"),
        "{told}"
    );
}

#[test]
fn nothing_is_installed_where_that_is_forbidden() {
    let machine = Machine::new().with_rustup().with_apt(0).without("curl");
    let (output, told) = machine.setup("tests", &[("XTASK_NO_INSTALL", "1")]);
    assert!(!output.status.success());
    assert!(machine.calls("rustup").is_empty());
    assert!(machine.calls("apt-get").is_empty());
    assert!(told.contains("`curl`"), "{told}");
}
