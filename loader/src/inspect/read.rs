//! Reads a plugin's file once, and whole: [`read`].
//!
//! A file that somebody writes at the moment, or left half written, looks like
//! any other. So it is read while nobody has it open for writing, where the
//! operating system can promise that; elsewhere it is read twice if it was
//! changed a moment ago. What was reserved and never written is found, too.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use object::FileKind;
use sha2::{Digest, Sha256};

use super::lease::{Lease, Writers};
use crate::access;
use crate::allow::Allow;
use crate::rejection::RejectionCause;

/// Larger files are refused.
pub const MAX_FILE_LEN: u64 = 1 << 30;

/// How many bytes of plugins' files a process has in memory at once: those that
/// are inspected and not loaded yet. What would exceed it is refused.
pub const MAX_TOTAL_LEN: u64 = 2 << 30;

/// What is known of a file's kind is known from its beginning.
const HEAD_LEN: usize = 4096;
/// How often a file is read that changes meanwhile.
const ATTEMPTS: u32 = 4;
/// Between two attempts: a program that is being started has the files of the
/// one that starts it for a moment.
const PAUSE: Duration = Duration::from_millis(10);
/// A file that was changed so shortly ago may be about to change again.
const RECENT: Duration = Duration::from_secs(2);
/// A time so far in the future is a clock that is wrong.
const FAR: Duration = Duration::from_secs(3600);
/// Between two readings that have to be equal.
const APART: Duration = Duration::from_millis(250);

type Result<T> = std::result::Result<T, RejectionCause>;

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Contents {
    /// It may be a library: all of its bytes.
    Library {
        bytes: Vec<u8>,
        /// What they take of [`MAX_TOTAL_LEN`], as long as they are kept.
        share: Share,
    },
    /// It is none. Its bytes were not kept.
    Other {
        /// Its beginning.
        head: Vec<u8>,
        /// The digest of all of it.
        sha256: [u8; 32],
    },
}

/// Reads the file at a path. What is checked and what runs is this one reading.
///
/// # Errors
///
/// If it cannot be read or somebody else can change it, it is being changed, is
/// not whole, or too large.
pub(super) fn read(path: &Path, allow: Allow) -> Result<Contents> {
    let mut failed = RejectionCause::Changed;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(PAUSE);
        }
        let contents = access::open(path, allow.insecure_permissions).and_then(|file| once(&file));
        match contents {
            Ok(Some(contents)) => return Ok(contents),
            // A link on the way was changed to lead to another file.
            Err(RejectionCause::Unreadable { source })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                failed = unreadable(source);
            }
            Err(RejectionCause::BeingWritten) => failed = RejectionCause::BeingWritten,
            Ok(None) => failed = RejectionCause::Changed,
            Err(cause) => return Err(cause),
        }
    }
    Err(failed)
}

/// Reads a file that is open, or nothing if it changed meanwhile.
fn once(file: &File) -> Result<Option<Contents>> {
    let before = file.metadata().map_err(unreadable)?;
    if !before.is_file() {
        return Err(RejectionCause::NotAFile {
            kind: "no longer a regular file",
        });
    }
    if before.len() > MAX_FILE_LEN {
        return Err(RejectionCause::TooLarge);
    }
    let lease = match Lease::of(file) {
        Writers::None(lease) => Some(lease),
        Writers::Some => return Err(RejectionCause::BeingWritten),
        Writers::Unknown => None,
    };
    check_pieces(file, before.len())?;
    let contents = contents(file, before.len())?;
    let is_same = || {
        file.metadata()
            .map(|after| is_same(&before, &after))
            .map_err(unreadable)
    };
    if !is_same()? {
        return Ok(None);
    }
    match lease {
        Some(lease) => Ok(lease.lasts().then_some(contents)),
        None if !is_recent(&before) => Ok(Some(contents)),
        None => {
            sleep(APART);
            let is_equal = digest(file)? == contents.digest() && is_same()?;
            Ok(is_equal.then_some(contents))
        }
    }
}

/// The bytes of a library, or what is said of something else. `len` is how
/// many there are, unless that changes while they are read.
fn contents(mut file: &File, len: u64) -> Result<Contents> {
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(HEAD_LEN as u64)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if FileKind::parse(bytes.as_slice()).is_err() {
        return Ok(Contents::Other {
            sha256: digest(file)?,
            head: bytes,
        });
    }
    let share = Share::take(len)?;
    usize::try_from(len)
        .ok()
        .and_then(|len| {
            bytes
                .try_reserve_exact(len.saturating_sub(bytes.len()) + 1)
                .ok()
        })
        .ok_or_else(|| unreadable(io::ErrorKind::OutOfMemory.into()))?;
    let rest = len.saturating_sub(bytes.len() as u64);
    file.take(rest)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(Contents::Library { bytes, share })
}

impl Contents {
    fn digest(&self) -> [u8; 32] {
        match self {
            Self::Library { bytes, .. } => Sha256::digest(bytes).into(),
            Self::Other { sha256, .. } => *sha256,
        }
    }
}

/// The digest of a file, without keeping its bytes.
fn digest(mut file: &File) -> Result<[u8; 32]> {
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut left = MAX_FILE_LEN;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(len) => {
                // It grows faster than it is read.
                left = left
                    .checked_sub(len as u64)
                    .ok_or(RejectionCause::TooLarge)?;
                digest.update(buffer.get(..len).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}

/// Checks that the end of a file, and most of it, was written. File systems know
/// what was only reserved, and say so before it is read.
///
/// Between the parts of a library there may be room that nobody wrote to.
fn check_pieces(file: &File, len: u64) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{SeekFrom, seek};

        /// A file in more pieces is not looked at piece by piece.
        const MAX_PIECES: u32 = 1 << 16;

        let mut written = 0;
        let mut end = 0;
        let mut pieces = 0;
        // There is an error where nothing follows, and where a file system does
        // not know.
        while end < len
            && let Ok(start) = seek(file, SeekFrom::Data(end))
            && let Ok(next) = seek(file, SeekFrom::Hole(start))
        {
            written += next.saturating_sub(start);
            end = next;
            pieces += 1;
            if pieces == MAX_PIECES {
                return Ok(());
            }
        }
        let is_known = end > 0 || seek(file, SeekFrom::Hole(0)) == Ok(0);
        // The pieces are as large as the file system's blocks.
        if is_known && len > 0 && (end < len || written < len / 2) {
            return Err(RejectionCause::NotWhole {
                missing: len.saturating_sub(written),
                len,
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, len);
    Ok(())
}

/// Whether a file's metadata say that its content is the same.
fn is_same(before: &Metadata, after: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let times = |of: &Metadata| (of.ctime(), of.ctime_nsec());
        if times(before) != times(after) {
            return false;
        }
    }
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Whether a file was changed a moment ago.
fn is_recent(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        // Nobody sets this time: copying a file with its times sets the other.
        u64::try_from(metadata.ctime())
            .ok()
            .and_then(|seconds| std::time::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
    };
    #[cfg(not(unix))]
    let changed = metadata.modified().ok();
    changed.is_some_and(|changed| match changed.elapsed() {
        Ok(age) => age < RECENT,
        Err(ahead) => ahead.duration() < FAR,
    })
}

fn unreadable(source: io::Error) -> RejectionCause {
    RejectionCause::Unreadable { source }
}

/// How many bytes are in memory.
static TOTAL: AtomicU64 = AtomicU64::new(0);

/// What a file takes of [`MAX_TOTAL_LEN`], as long as this lives.
#[derive(Debug)]
pub(super) struct Share(u64);

impl Share {
    fn take(len: u64) -> Result<Self> {
        let add = |total: u64| {
            total
                .checked_add(len)
                .filter(|total| *total <= MAX_TOTAL_LEN)
        };
        match TOTAL.fetch_update(Ordering::AcqRel, Ordering::Acquire, add) {
            Ok(_) => Ok(Self(len)),
            Err(_) => Err(RejectionCause::TooMuch { len }),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        TOTAL.fetch_sub(self.0, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_memory_is_bounded() {
        let kept = Share::take(MAX_FILE_LEN).unwrap();
        let second = Share::take(MAX_FILE_LEN).unwrap();
        assert!(matches!(
            Share::take(1),
            Err(RejectionCause::TooMuch { len: 1 })
        ));
        drop(kept);
        drop(Share::take(MAX_FILE_LEN).unwrap());
        drop(second);
    }
}
