//! Gives the dynamic linker exactly the bytes that were checked.
//!
//! A path can name another file by the time it is opened again, and a file
//! can change under a mapping. So the bytes go into a sealed memory file, or,
//! where there is none, into a copy that only this user can reach.
#![allow(unsafe_code, reason = "opening a library runs its constructors")]

use libloading::Library;

/// Opens a library of these bytes.
///
/// The result must be leaked, not dropped; the caller does.
pub(crate) fn open(bytes: &[u8]) -> Result<Library, String> {
    #[cfg(target_os = "linux")]
    return memory::open(bytes);
    #[cfg(not(target_os = "linux"))]
    return copy::open(bytes);
}

/// Opens the library at a path that nobody else can change.
fn dlopen(path: &std::path::Path) -> Result<Library, String> {
    #[cfg(unix)]
    {
        use libloading::os::unix;
        // Now: a symbol that is missing is an error here, not in a call.
        // Local: two plugins' symbols do not meet.
        // SAFETY: admission is the operator's consent to run the library's
        // constructors; the bytes are those that were admitted.
        let library = unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL) };
        library.map(Library::from).map_err(|error| describe(&error))
    }
    #[cfg(not(unix))]
    {
        // SAFETY: as above.
        unsafe { Library::new(path) }.map_err(|error| describe(&error))
    }
}

fn describe(error: &libloading::Error) -> String {
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
    text
}

#[cfg(target_os = "linux")]
mod memory {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use libloading::Library;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    pub(super) fn open(bytes: &[u8]) -> Result<Library, String> {
        let say = |what: &str, error: &dyn std::fmt::Display| {
            format!("a memory file for it cannot be {what}: {error}")
        };
        let file = memfd_create(
            "wash-plugin",
            MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
        )
        .map_err(|error| say("made", &error))?;
        let mut file = File::from(file);
        file.write_all(bytes)
            .map_err(|error| say("written", &error))?;
        fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
        )
        .map_err(|error| say("sealed", &error))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let library = super::dlopen(&path)?;
        // Never closed: the linker remembers libraries by path, and would
        // return this one for the next file that is given the same number.
        std::mem::forget(file);
        Ok(library)
    }
}

#[cfg(not(target_os = "linux"))]
mod copy {
    use libloading::Library;

    pub(super) fn open(bytes: &[u8]) -> Result<Library, String> {
        let say = |error: std::io::Error| format!("a private copy of it cannot be made: {error}");
        // A fresh folder of mode 0700, and so a fresh path each time: the
        // linker remembers libraries by path. It stays as long as the process.
        let folder = tempfile::Builder::new()
            .prefix("wash-plugin-")
            .tempdir()
            .map_err(say)?
            .keep();
        let path = folder.join(format!("plugin{}", std::env::consts::DLL_SUFFIX));
        std::fs::write(&path, bytes).map_err(say)?;
        super::dlopen(&path)
    }
}
