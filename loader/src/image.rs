//! Gives the dynamic linker exactly the bytes that were checked.
//!
//! A path can name another file by the time it is opened again, and a file
//! can change under a mapping. So the bytes go into a sealed memory file, or,
//! where a machine denies those or has no `/proc` to reach them by, into a copy
//! that only this user can reach.
#![allow(unsafe_code, reason = "opening a library runs its constructors")]

use crate::untrusted::Untrusted;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use libloading::Library;

/// Why a library is not open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ImageError {
    /// There is no way to hand its bytes to the dynamic linker: what was tried.
    NoPlace(Vec<Tried>),
    /// The dynamic linker refuses it, in its own words.
    Linker(String),
}

/// A way that did not work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Why, as a sentence without an end.
    pub(crate) reason: String,
    /// What an operator can do about it.
    pub(crate) advice: &'static str,
}

impl Tried {
    fn new(reason: impl Into<String>, advice: &'static str) -> Self {
        Self {
            reason: reason.into(),
            advice,
        }
    }
}

/// Opens a library of these bytes.
///
/// The result must be leaked, not dropped; the caller does.
///
/// # Errors
///
/// If no way leads to the dynamic linker, or it refuses the library.
pub(crate) fn open(bytes: &[u8]) -> Result<Library, ImageError> {
    let mut tried = Vec::new();
    #[cfg(target_os = "linux")]
    match memory::open(bytes) {
        Ok(library) => return library.map_err(ImageError::Linker),
        Err(reason) => tried.push(reason),
    }
    for place in copy::places() {
        match copy::open(bytes, &place) {
            Ok(library) => {
                for Tried { reason, .. } in &tried {
                    tracing::debug!(
                        "{reason}; a copy of the plugin in {} is used",
                        Untrusted::path(&place)
                    );
                }
                return library.map_err(ImageError::Linker);
            }
            Err(reason) => tried.push(reason),
        }
    }
    Err(ImageError::NoPlace(tried))
}

/// Opens the library at a path that nobody else can change.
fn dlopen(path: &Path) -> Result<Library, String> {
    #[cfg(unix)]
    {
        use libloading::os::unix;
        // Now: a symbol that is missing is an error here, not in a call.
        // Local: two plugins' symbols do not meet.
        // SAFETY: admission is the operator's consent to run the library's
        // constructors; the bytes are those that were admitted.
        let library = unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL) };
        library
            .map(Library::from)
            .map_err(|error| describe(&error, path))
    }
    #[cfg(not(unix))]
    {
        // SAFETY: as above.
        unsafe { Library::new(path) }.map_err(|error| describe(&error, path))
    }
}

/// What the linker says, without the path that nobody has given it but this.
fn describe(error: &libloading::Error, path: &Path) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.replace(&format!("{}: ", path.to_string_lossy()), "")
}

#[cfg(target_os = "linux")]
mod memory {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use rustix::io::Errno;

    use super::*;

    const DENIED: &str = "let the host use memory files: allow the system call `memfd_create` in \
                          the container's seccomp profile, and keep the setting \
                          `vm.memfd_noexec` below 2";
    const NO_PROC: &str = "mount `/proc` in the host's container";
    const NO_MEMORY: &str = "give the host more memory";

    /// What the linker says where a file must not be mapped to run.
    const NOT_TO_BE_MAPPED: &str = "failed to map segment";

    /// The linker's answer, or why it could not be asked.
    pub(super) fn open(bytes: &[u8]) -> Result<Result<Library, String>, Tried> {
        let file = create()?;
        let mut file = File::from(file);
        file.write_all(bytes).map_err(|error| {
            Tried::new(
                format!("a memory file cannot be written: {error}"),
                NO_MEMORY,
            )
        })?;
        fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
        )
        .map_err(|error| Tried::new(format!("a memory file cannot be sealed: {error}"), DENIED))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let is_there = || {
            let (there, here) = (fs::metadata(&path).ok()?, file.metadata().ok()?);
            Some((there.dev(), there.ino()) == (here.dev(), here.ino()))
        };
        if is_there() != Some(true) {
            return Err(Tried::new(
                "a memory file cannot be reached, as `/proc` is not mounted",
                NO_PROC,
            ));
        }
        match dlopen(&path) {
            Err(reason) if reason.contains(NOT_TO_BE_MAPPED) => Err(Tried::new(
                format!("a memory file must not be mapped to run: {reason}"),
                DENIED,
            )),
            library => {
                // Never closed: the linker remembers libraries by path, and would
                // return this one for the next file that is given the same number.
                std::mem::forget(file);
                Ok(library)
            }
        }
    }

    fn create() -> Result<std::os::fd::OwnedFd, Tried> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know the flag, and need none.
        match memfd_create("wash-plugin", flags | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => memfd_create("wash-plugin", flags),
            other => other,
        }
        .map_err(|error| Tried::new(format!("a memory file cannot be made: {error}"), DENIED))
    }
}

mod copy {
    use super::*;

    const CHOOSE: &str = "set TMPDIR to a directory that only root or the host's user can change, \
                          on a file system that programs can run from";

    /// The directories for copies, the best first.
    pub(super) fn places() -> Vec<PathBuf> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let mut places: Vec<PathBuf> = runtime.into_iter().filter(|p| p.is_absolute()).collect();
        places.push(std::env::temp_dir());
        places
    }

    /// The linker's answer, or why it could not be asked.
    pub(super) fn open(bytes: &[u8], place: &Path) -> Result<Result<Library, String>, Tried> {
        let name = Untrusted::path(place);
        let failed = |error: io::Error| {
            Tried::new(
                format!("a private copy in {name} cannot be made: {error}"),
                CHOOSE,
            )
        };
        check(place).map_err(|reason| {
            Tried::new(
                format!("a private copy in {name} is out of the question: {reason}"),
                CHOOSE,
            )
        })?;
        let mut folder = tempfile::Builder::new();
        folder.prefix("wash-plugin-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            folder.permissions(Permissions::from_mode(0o700));
        }
        // A fresh folder, and so a fresh path each time: the linker remembers
        // libraries by path. It is removed once the library is mapped.
        let folder = folder.tempdir_in(place).map_err(failed)?;
        let path = folder
            .path()
            .join(format!("plugin{}", std::env::consts::DLL_SUFFIX));
        write(&path, bytes).map_err(failed)?;
        let library = dlopen(&path);
        if cfg!(not(unix)) {
            // A file that is mapped cannot be removed there.
            let _ = folder.keep();
        }
        Ok(library)
    }

    fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file: File = options.open(path)?;
        file.write_all(bytes)?;
        // Written to no more.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.set_permissions(Permissions::from_mode(0o500))?;
        }
        Ok(())
    }

    /// Whether nobody else can change what is in a directory, and libraries can
    /// be loaded from there.
    #[cfg(unix)]
    fn check(place: &Path) -> Result<(), String> {
        use rustix::fs::StatVfsMountFlags;

        crate::access::check_directory(place).map_err(|cause| cause.to_string())?;
        let mount = rustix::fs::statvfs(place).map_err(|error| error.to_string())?;
        match mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            true => Err(String::from("it is mounted with `noexec`")),
            false => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn check(_: &Path) -> Result<(), String> {
        Ok(())
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        /// A library that every machine with tests has.
        fn library() -> Option<Vec<u8>> {
            let maps = fs::read_to_string("/proc/self/maps").ok()?;
            let path = maps
                .lines()
                .filter_map(|line| line.find('/').map(|at| &line[at..]))
                .find(|path| path.contains("/libgcc_s.so") || path.contains("/libm.so"))?;
            fs::read(path).ok()
        }

        #[test]
        fn a_copy_is_loaded_and_leaves_nothing() {
            let Some(bytes) = library() else {
                eprintln!("skipped: nothing to load");
                return;
            };
            let folder = tempfile::tempdir().unwrap();
            let library = open(&bytes, folder.path()).unwrap().unwrap();
            std::mem::forget(library);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }

        #[test]
        fn a_copy_is_not_made_where_others_can_change_it() {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
            let tried = open(b"", folder.path()).unwrap_err();
            assert!(tried.reason.contains("its mode is 0777"), "{tried:?}");
            assert!(tried.advice.contains("TMPDIR"), "{tried:?}");
            let missing = open(b"", &folder.path().join("nowhere")).unwrap_err();
            assert!(missing.reason.contains("nowhere"), "{missing:?}");
        }
    }
}
