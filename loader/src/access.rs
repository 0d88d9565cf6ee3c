//! Opens plugin files that nobody else can change: not the file, nor which file
//! its path leads to.
//!
//! A path is followed link by link, as the operating system does. Each
//! directory on the way, each link and the file has to belong to root or to the
//! user that runs the host, and nobody else may write to them. So what is found
//! at the end of it is still that when it is opened. Permissions do not count
//! where nobody can write whatever they say: on what is mounted read-only.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::rejection::RejectionCause;
use crate::untrusted::is_hazardous;

/// Opens a file to read it. With `is_lenient`, whoever may change it.
///
/// # Errors
///
/// If it cannot be opened, or somebody else can change it.
pub(crate) fn open(path: &Path, is_lenient: bool) -> Result<File, RejectionCause> {
    #[cfg(unix)]
    return match is_lenient {
        true => lenient::open(path),
        false => strict::open(path),
    };
    // Who may change a file is said in another way there.
    #[cfg(not(unix))]
    {
        let _ = is_lenient;
        File::open(path).map_err(unreadable)
    }
}

fn unreadable(source: io::Error) -> RejectionCause {
    RejectionCause::Unreadable { source }
}

/// Checks that nobody else can change a directory, or what leads to it.
///
/// # Errors
///
/// If somebody can, or it is not there.
#[cfg(unix)]
pub(crate) fn check_directory(path: &Path) -> Result<(), RejectionCause> {
    strict::check_directory(path)
}

/// Returns a path as a word that a shell takes, for advice to be copied.
///
/// What must not reach a terminal is written as bytes of `$'…'`, which most
/// shells take.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    if !text.contains(is_hazardous) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = "$'".to_owned();
    for c in text.chars() {
        match c {
            '\'' | '\\' => word.extend(['\\', c]),
            _ if is_hazardous(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    word.push_str(&format!("\\x{byte:02x}"));
                }
            }
            _ => word.push(c),
        }
    }
    word.push('\'');
    word
}

#[cfg(unix)]
mod lenient {
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    use super::*;

    pub(super) fn open(path: &Path) -> Result<File, RejectionCause> {
        // If it is a pipe, it is not waited for who writes to it.
        OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path)
            .map_err(unreadable)
    }
}

#[cfg(unix)]
mod namespace;
#[cfg(unix)]
mod strict;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn an_access_list_is_found() {
        use rustix::fs::{XattrFlags, setxattr};

        // Owner, user 7, group, mask and others: tag, permissions and id of each.
        let entries: [(u16, u16, u32); 5] = [
            (0x01, 6, u32::MAX),
            (0x02, 6, 7),
            (0x04, 4, u32::MAX),
            (0x10, 6, u32::MAX),
            (0x20, 4, u32::MAX),
        ];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(permissions.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!strict::has_access_list(file.path()));
        let name = "system.posix_acl_access";
        match setxattr(file.path(), name, &list, XattrFlags::CREATE) {
            Ok(()) => assert!(strict::has_access_list(file.path())),
            Err(rustix::io::Errno::OPNOTSUPP) => eprintln!("skipped: no access lists here"),
            Err(error) => panic!("{error}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.so");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        let (opened, is_opened) = std::sync::mpsc::channel();
        std::thread::spawn(move || opened.send(open(&path, true)));
        let opened = is_opened.recv_timeout(std::time::Duration::from_secs(60));
        assert!(!opened.unwrap().unwrap().metadata().unwrap().is_file());
    }

    #[test]
    fn paths_can_be_copied_to_a_shell() {
        assert_eq!(quoted(Path::new("/a/b-1.so")), "/a/b-1.so");
        assert_eq!(quoted(Path::new("/a b/it's.so")), r"'/a b/it'\''s.so'");
        let hazardous = Path::new("/a\n\u{202e}it's\\.so");
        assert_eq!(quoted(hazardous), r"$'/a\x0a\xe2\x80\xaeit\'s\\.so'");
    }
}
