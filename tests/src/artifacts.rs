//! Where `cargo xtask test` puts what the tests need.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The target directory: the one named, when the tests are another compiler's
/// (see `cargo xtask foreign`), or else the one that the running test lies in.
fn target() -> PathBuf {
    if let Some(named) = env::var_os("E2E_ARTIFACTS") {
        return named.into();
    }
    let test = env::current_exe().expect("a program knows where it is");
    let profile = test
        .ancestors()
        .find(|path| path.join("deps").is_dir() && path.join("build").is_dir())
        .unwrap_or_else(|| panic!("{} is in no target directory", test.display()));
    profile
        .parent()
        .expect("a profile's folder has a parent")
        .to_owned()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`",
        path.display()
    );
    path
}

fn library(folder: &str, package: &str) -> PathBuf {
    let name = package.replace('-', "_");
    existing(
        target()
            .join(folder)
            .join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}")),
    )
}

/// The library of a package in `sample-plugins/`.
pub fn plugin(package: &str) -> PathBuf {
    library("plugins", package)
}

/// The library of a package in `sample-plugins/faulty/`.
pub fn faulty(package: &str) -> PathBuf {
    library("plugins-faulty", package)
}

/// The library of a package in `tests/plugins/`.
pub fn test_plugin(package: &str) -> PathBuf {
    library("plugins-test", package)
}

/// The library of a package as other compilers built it, with their versions.
pub fn foreign(package: &str) -> Vec<(String, PathBuf)> {
    let folder = existing(target().join("foreign"));
    let name = package.replace('-', "_");
    let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(&folder)
        .expect("the folder can be read")
        .filter_map(|entry| {
            let entry = entry.expect("the folder can be read");
            let compiler = entry.file_name().to_string_lossy().into_owned();
            let library = entry.path().join(&file);
            library.is_file().then_some((compiler, library))
        })
        .collect();
    found.sort();
    found
}

/// Which compilers were left out of [`foreign`], and why.
pub fn foreign_notes() -> String {
    fs::read_to_string(target().join("foreign/README")).unwrap_or_default()
}

/// Where a guest component is.
pub fn guest_path(name: &str) -> PathBuf {
    existing(target().join("guests").join(format!("{name}.wasm")))
}

/// A guest component.
pub fn guest(name: &str) -> Vec<u8> {
    let path = guest_path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The `wash-host` program, which building the workspace puts beside the tests.
pub fn wash_host() -> PathBuf {
    existing(
        target()
            .join("debug")
            .join(format!("wash-host{EXE_SUFFIX}")),
    )
}

/// Copies a library into a folder, under a name of the caller's choice.
pub fn install(library: &Path, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}{DLL_SUFFIX}"));
    fs::copy(library, &path)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", library.display()));
    path
}
