//! Where the sockets of a user's hosts are.

use std::{
    env, fs, io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};
use wash_plugin_loader::Untrusted;

use rustix::process::Pid;

/// Only for its owner.
const PRIVATE: u32 = 0o700;

/// How long the path of a socket may be, in bytes.
const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What to do where no directory can be used.
pub(super) const HELP: &str =
    "set XDG_RUNTIME_DIR to a directory of your own, such as one that `mktemp -d` makes";

/// The user's runtime directory, or else the one for temporary files.
struct Base {
    path: PathBuf,
    /// Who says that it is there.
    source: &'static str,
    /// The name of the directory in it.
    name: String,
}

impl Base {
    fn of_environment() -> Self {
        match env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
            Some(path) => Self {
                path: PathBuf::from(path),
                source: "XDG_RUNTIME_DIR",
                name: "wash-host".to_owned(),
            },
            None => Self {
                path: env::temp_dir(),
                source: "the directory for temporary files",
                name: format!("wash-host-{}", user()),
            },
        }
    }

    fn directory(&self) -> PathBuf {
        self.path.join(&self.name)
    }

    /// Whoever can rename what is in it could answer in place of the host.
    fn check(&self) -> io::Result<()> {
        let path = Untrusted::path(&self.path);
        let metadata = fs::metadata(&self.path).map_err(|error| {
            let reason = format!("{path} ({}) cannot be used: {error}", self.source);
            io::Error::new(error.kind(), reason)
        })?;
        let (owner, user) = (metadata.uid(), user());
        if owner != user && owner != 0 {
            return Err(io::Error::other(format!(
                "{path} ({}) belongs to user {owner}, and this process runs as user {user}",
                self.source
            )));
        }
        // Where the sticky bit is set, each owns what they have made.
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(io::Error::other(format!(
                "{path} ({}) can be changed by other users (its mode is {mode:04o})",
                self.source
            )));
        }
        Ok(())
    }
}

/// The directory, made if it is not there, and certain to be the user's own.
pub(super) fn make() -> io::Result<PathBuf> {
    let base = Base::of_environment();
    base.check()?;
    let path = base.directory();
    match fs::DirBuilder::new().mode(PRIVATE).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let reason = format!("{} cannot be made: {error}", Untrusted::path(&path));
            Err(io::Error::new(error.kind(), reason))
        }
        _ => check(&path).map(|()| path),
    }
}

/// The directory, if it is there.
pub(super) fn existing() -> io::Result<Option<PathBuf>> {
    let base = Base::of_environment();
    let path = base.directory();
    match fs::symlink_metadata(&path) {
        Ok(_) => {
            base.check()?;
            check(&path).map(|()| Some(path))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let reason = format!("{} cannot be looked at: {error}", Untrusted::path(&path));
            Err(io::Error::new(error.kind(), reason))
        }
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
        Untrusted::path(path)
    )))
}

/// The path of the socket of a process.
pub(super) fn socket(directory: &Path, pid: u32) -> io::Result<PathBuf> {
    let path = directory.join(format!("{pid}.sock"));
    let length = path.as_os_str().len();
    if length > MAX_PATH {
        return Err(io::Error::other(format!(
            "the path of its socket, {}, has {length} bytes, and may have {MAX_PATH}",
            Untrusted::path(&path)
        )));
    }
    Ok(path)
}

/// The hosts that answer, by their process numbers. What hosts that were killed
/// have left in the directory is removed.
pub(super) fn hosts(directory: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let unreadable = |error: io::Error| {
        let reason = format!("{} cannot be read: {error}", Untrusted::path(directory));
        io::Error::new(error.kind(), reason)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some((pid, suffix)) = name.and_then(|name| name.split_once('.')) else {
            continue;
        };
        let Ok(pid) = pid.parse::<u32>() else {
            continue;
        };
        match suffix {
            "sock" if answers(&path) => found.push((pid, path)),
            // A host that starts has this one for a moment.
            "new" if !is_alive(pid) => {
                let _ = fs::remove_file(&path);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether somebody serves a socket. One that nobody serves is removed.
fn answers(path: &Path) -> bool {
    let before = identity(path);
    match UnixStream::connect(path) {
        Ok(_) => true,
        Err(error) => {
            // Its host was killed. Another may have its number by now. With any
            // other error it ends just now, or is another user's.
            if error.kind() == io::ErrorKind::ConnectionRefused && identity(path) == before {
                let _ = fs::remove_file(path);
            }
            false
        }
    }
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Tells a file from another at the same path.
pub(super) type Identity = (u64, u64);

/// The identity of the file that is at a path.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// The number of the user that this process runs as.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::net::UnixListener;

    use super::*;

    fn base(path: &Path) -> Base {
        Base {
            path: path.to_owned(),
            source: "XDG_RUNTIME_DIR",
            name: "wash-host".to_owned(),
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        base(path).check().unwrap();
        let mode = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o777);
        let error = base(path).check().unwrap_err().to_string();
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
        assert!(error.contains("its mode is 0777"), "{error}");
        mode(0o1777);
        base(path).check().unwrap();
        mode(0o700);

        let missing = path.join("missing");
        let error = base(&missing).check().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("missing (XDG_RUNTIME_DIR)"));

        if std::os::unix::fs::chown(path, Some(12345), None).is_err() {
            println!("skipped: only root can give a directory away");
            return;
        }
        let error = base(path).check().unwrap_err().to_string();
        assert!(error.contains("belongs to user 12345"), "{error}");
    }

    #[test]
    fn a_path_that_is_too_long_is_told_as_it_is() {
        let directory = PathBuf::from("/").join("x".repeat(MAX_PATH));
        let error = socket(&directory, 1).unwrap_err().to_string();
        assert!(error.contains("xxx/1.sock, has"), "{error}");
        assert!(socket(Path::new("/run/user/1000/wash-host"), 1).is_ok());
    }

    /// The largest number of a process is far lower.
    const NOBODY: u32 = i32::MAX as u32;

    #[test]
    fn what_killed_hosts_leave_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: String| folder.path().join(name);
        let me = std::process::id();
        let lives = at(format!("{me}.sock"));
        let listener = UnixListener::bind(&lives).unwrap();
        let starts = at(format!("{me}.new"));
        drop(UnixListener::bind(&starts).unwrap());
        let dead = [at(format!("{NOBODY}.sock")), at(format!("{NOBODY}.new"))];
        for path in &dead {
            drop(UnixListener::bind(path).unwrap());
        }
        let other = at("notes.txt".to_owned());
        fs::write(&other, "").unwrap();

        assert_eq!(hosts(folder.path()).unwrap(), [(me, lives.clone())]);
        for path in &dead {
            assert!(!path.exists(), "{}", Untrusted::path(path));
        }
        assert!(lives.exists() && starts.exists() && other.exists());
        drop(listener);
    }
}
