//! How to compile a guest with what is installed: the active compiler where it
//! has a WebAssembly standard library, else Debian's, else an error that says how
//! to get either.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};

use crate::cmd;

/// Where Debian's packages put what is needed, below the system's root.
const DEBIAN_RUSTC: &str = "usr/bin/rustc";
const DEBIAN_WASI_LIBC: &str = "usr/lib/wasm32-wasi";

/// Returns where Debian's packages are installed: `/`, or what `XTASK_SYSTEM_ROOT`
/// names, which tests of a bare machine set.
pub(crate) fn system_root() -> PathBuf {
    std::env::var_os("XTASK_SYSTEM_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

fn debian_rustc() -> PathBuf {
    system_root().join(DEBIAN_RUSTC)
}

fn debian_wasi_libc() -> PathBuf {
    system_root().join(DEBIAN_WASI_LIBC)
}

/// What the guest needs of its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A library that exports functions and needs nothing of WASI.
    Library,
    /// A program with a `main`.
    Command,
}

impl Kind {
    /// The targets that do, best first.
    fn targets(self) -> &'static [&'static str] {
        match self {
            Kind::Library => &["wasm32-unknown-unknown"],
            Kind::Command => &["wasm32-wasip1", "wasm32-wasip2"],
        }
    }

    /// The target to install where there is none.
    pub(crate) fn target(self) -> &'static str {
        self.targets().first().copied().unwrap_or_default()
    }
}

/// A way to compile one kind of guest.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) target: &'static str,
    /// What the compiler says about itself.
    compiler: String,
    how: How,
}

#[derive(Debug)]
enum How {
    /// The active compiler has the target's standard library.
    Installed,
    /// Debian's compiler builds it from Debian's sources, and the linker is the
    /// active compiler's.
    Debian { linker: PathBuf, wasi: bool },
}

impl Recipe {
    pub(crate) fn find(kind: Kind) -> Result<Self> {
        let installed = kind.targets().iter().find(|target| {
            let mut ask = cmd::rustc();
            ask.args(["--print", "target-libdir", "--target", target]);
            cmd::probe(&mut ask).is_some_and(|folder| holds_std(Path::new(folder.trim())))
        });
        if let Some(target) = installed {
            return Ok(Self {
                target,
                compiler: version(cmd::rustc())?,
                how: How::Installed,
            });
        }
        let target = kind.target();
        let wasi = kind == Kind::Command;
        let linker = debian(wasi).map_err(|missing| {
            anyhow!(
                "no Rust compiler for {target} ({missing}): run `rustup target add {}`, or on \
                 Debian `apt-get install --no-install-recommends rustc-web rust-web-src wasi-libc`",
                [Kind::Library, Kind::Command].map(Kind::target).join(" ")
            )
        })?;
        Ok(Self {
            target,
            compiler: version(Command::new(debian_rustc()))?,
            how: How::Debian { linker, wasi },
        })
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> String {
        let compiler = self.compiler.lines().next().unwrap_or_default();
        // Without the commit.
        let compiler = compiler.split(" (").next().unwrap_or(compiler);
        match self.how {
            How::Installed => format!("{compiler} for {}", self.target),
            How::Debian { .. } => format!(
                "{compiler} from Debian for {}; the first time takes minutes",
                self.target
            ),
        }
    }

    /// Everything about the recipe that the result depends on.
    pub(crate) fn identity(&self) -> String {
        let Self {
            target, compiler, ..
        } = self;
        format!("{target}\n{compiler}\n{}", self.flags().join("\n"))
    }

    /// Adds the recipe to a `cargo build`, and takes away what is meant for the
    /// host's own compiler.
    pub(crate) fn apply(&self, command: &mut Command) -> Result<()> {
        for variable in [
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ] {
            command.env_remove(variable);
        }
        command
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags().join("\x1f"))
            .args(["--release", "--target", self.target]);
        if let How::Debian { linker, .. } = &self.how {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = std::env::join_paths(
                std::iter::once(linker.clone()).chain(std::env::split_paths(&path)),
            )
            .with_context(|| format!("cannot put {} on the path", linker.display()))?;
            command
                .env("PATH", path)
                .env("RUSTC", debian_rustc())
                // The standard library is built from source, which a stable
                // cargo does for nobody else.
                .env("RUSTC_BOOTSTRAP", "1")
                .arg("-Zbuild-std=std,panic_abort");
        }
        Ok(())
    }

    fn flags(&self) -> Vec<String> {
        match self.how {
            How::Debian { wasi: true, .. } => {
                let libc = debian_wasi_libc();
                let libc = libc.display();
                vec![
                    "-Clink-self-contained=no".to_owned(),
                    "-Clinker=rust-lld".to_owned(),
                    format!("-Lnative={libc}"),
                    format!("-Clink-arg={libc}/crt1-command.o"),
                    "-Clink-arg=-lc".to_owned(),
                ]
            }
            How::Debian { wasi: false, .. } | How::Installed => Vec::new(),
        }
    }
}

/// The folder with the linker if Debian's packages are installed, else what is
/// missing.
fn debian(wasi: bool) -> Result<PathBuf, &'static str> {
    let sysroot = sysroot(Command::new(debian_rustc()))
        .ok_or("neither the active compiler's nor Debian's is installed")?;
    if !sysroot
        .join("lib/rustlib/src/rust/library/std/Cargo.toml")
        .is_file()
    {
        return Err("Debian's rust-web-src is not installed");
    }
    if wasi && !debian_wasi_libc().join("crt1-command.o").is_file() {
        return Err("Debian's wasi-libc is not installed");
    }
    [cmd::rustc(), Command::new(debian_rustc())]
        .into_iter()
        .filter_map(linker_folder)
        .next()
        .ok_or("no compiler here comes with rust-lld")
}

/// Where the compiler keeps its own linker, if it has one.
fn linker_folder(mut rustc: Command) -> Option<PathBuf> {
    rustc.args(["--print", "target-libdir"]);
    let libraries = PathBuf::from(cmd::probe(&mut rustc)?.trim());
    let folder = libraries.parent()?.join("bin");
    folder.join("rust-lld").is_file().then_some(folder)
}

fn sysroot(mut rustc: Command) -> Option<PathBuf> {
    rustc.args(["--print", "sysroot"]);
    Some(PathBuf::from(cmd::probe(&mut rustc)?.trim()))
}

fn version(mut rustc: Command) -> Result<String> {
    cmd::stdout(rustc.arg("-vV"))
}

fn holds_std(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}
