//! Whether somebody has a file open for writing: [`Lease`].
//!
//! The operating system grants a lease for reading only if nobody does, and
//! then holds up whoever opens the file for writing until the lease is given
//! back. So what is read in between is one content. It grants leases to the
//! owner of a file and to root, on file systems of this machine.
#![allow(
    unsafe_code,
    reason = "no crate that is used here has a safe function for leases"
)]

use std::fs::File;

/// What is known of those who have a file open for writing.
#[derive(Debug)]
pub(super) enum Writers<'a> {
    /// There are none as long as the lease lasts.
    None(Lease<'a>),
    /// There is at least one.
    Some,
    /// No lease can be had for the file.
    Unknown,
}

/// A promise that nobody opens a file for writing. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Lease<'a>(&'a File);

impl<'a> Lease<'a> {
    /// Asks for a lease of a file that is open for reading only.
    #[cfg(target_os = "linux")]
    pub(super) fn of(file: &'a File) -> Writers<'a> {
        // Other machines may have the file open as well, or the file system
        // says that a file is open for writing where it does not know.
        if linux::is_shared(file) {
            return Writers::Unknown;
        }
        match linux::take(file) {
            Ok(()) => Writers::None(Self(file)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Writers::Some,
            Err(_) => Writers::Unknown,
        }
    }

    /// No lease can be had there.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &'a File) -> Writers<'a> {
        Writers::Unknown
    }

    /// Whether it still lasts: whoever wants to write waits for it, but not for
    /// ever (45 seconds by default).
    pub(super) fn lasts(&self) -> bool {
        #[cfg(target_os = "linux")]
        return linux::lasts(self.0);
        #[cfg(not(target_os = "linux"))]
        true
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        linux::give_back(self.0);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    use libc::{F_GETLEASE, F_RDLCK, F_SETLEASE, F_UNLCK, SIGURG, c_int};

    /// Which signal tells that somebody wants to write. `libc` lacks it for
    /// some C libraries; the number is the kernel's, and the same everywhere.
    const F_SETSIG: c_int = 10;

    /// Numbers of file systems that other machines or programs serve.
    const SHARED: [u32; 7] = [
        0x0000_6969, // NFS
        0x6573_5546, // FUSE
        0x0102_1997, // 9P, as in virtual machines
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB 2
        0x00c3_6400, // Ceph
        0x5346_414f, // AFS
    ];

    pub(super) fn is_shared(file: &File) -> bool {
        // The number has 32 bits, in fields of different types.
        rustix::fs::fstatfs(file).is_ok_and(|found| SHARED.contains(&(found.f_type as u32)))
    }

    pub(super) fn take(file: &File) -> io::Result<()> {
        // By default it is a signal that ends the process. This one is ignored
        // unless a program asks for it.
        set(file, F_SETSIG, SIGURG)?;
        set(file, F_SETLEASE, F_RDLCK)
    }

    pub(super) fn lasts(file: &File) -> bool {
        // SAFETY: the descriptor is open as long as `file` is borrowed, and this
        // command takes no argument.
        let lease = unsafe { libc::fcntl(file.as_raw_fd(), F_GETLEASE) };
        lease == F_RDLCK
    }

    pub(super) fn give_back(file: &File) {
        // If it was taken away meanwhile, there is none to give back.
        let _ = set(file, F_SETLEASE, F_UNLCK);
    }

    fn set(file: &File, command: c_int, argument: c_int) -> io::Result<()> {
        // SAFETY: the descriptor is open as long as `file` is borrowed, and each
        // of these commands takes one number.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}
