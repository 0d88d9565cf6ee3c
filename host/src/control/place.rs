//! Where the sockets of a user's hosts are.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Only for its owner.
const PRIVATE: u32 = 0o700;

/// The user's runtime directory, or else a directory of the user's own.
fn base() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path).join("wash-host"),
        None => env::temp_dir().join(format!("wash-host-{}", user())),
    }
}

/// The directory, made if it is not there, and certain to be the user's own.
pub(super) fn make() -> io::Result<PathBuf> {
    let path = base();
    match fs::DirBuilder::new().mode(PRIVATE).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => check(&path).map(|()| path),
    }
}

/// The directory, if it is there.
pub(super) fn existing() -> io::Result<Option<PathBuf>> {
    let path = base();
    match fs::symlink_metadata(&path) {
        Ok(_) => check(&path).map(|()| Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// In a directory that others can write to, another user may have been faster.
fn check(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let is_private = metadata.permissions().mode() & 0o077 == 0;
    if metadata.is_dir() && metadata.uid() == user() && is_private {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} is not a directory that only this user can enter",
        path.display()
    )))
}

/// Tells a file from another at the same path.
pub(super) type Identity = (u64, u64);

/// Of the file that is at a path.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// The number of the user that this process runs as.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
