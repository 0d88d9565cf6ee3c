//! Opens plugin files that nobody else can change: not the file, nor which file
//! its path leads to.
//!
//! A path is followed link by link, as the operating system does. Each
//! directory on the way, each link and the file has to belong to root or to the
//! user that runs the host, and nobody else may write to them. So what is found
//! at the end of it is still that when it is opened.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::rejection::RejectionCause;

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

/// A path that is told, in words that a shell takes.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
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
mod strict {
    use std::collections::VecDeque;
    use std::ffi::OsString;
    use std::fs::{self, Metadata, OpenOptions};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Component;

    use rustix::fs::OFlags;
    use rustix::process::geteuid;

    use super::*;

    type Result<T> = std::result::Result<T, RejectionCause>;

    /// As the operating system allows on the way to a file.
    const MAX_LINKS: u32 = 40;

    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    /// Of a directory: only who owns an entry may replace it.
    const STICKY: u32 = 0o1000;

    pub(super) fn open(path: &Path) -> Result<File> {
        let path = follow(&std::path::absolute(path).map_err(unreadable)?)?;
        // Not a link any more, and if it were a pipe by now, not waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&path)
            .map_err(unreadable)?;
        check(&path, &file.metadata().map_err(unreadable)?)?;
        Ok(file)
    }

    /// A step on the way.
    enum Step {
        Root,
        Up,
        Down(OsString),
    }

    fn steps(path: &Path) -> impl DoubleEndedIterator<Item = Step> + '_ {
        path.components().filter_map(|component| match component {
            Component::Prefix(_) | Component::CurDir => None,
            Component::RootDir => Some(Step::Root),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Down(name.to_owned())),
        })
    }

    /// Where a path leads to, without a link in it. All but the file is checked.
    fn follow(path: &Path) -> Result<PathBuf> {
        let mut left: VecDeque<Step> = steps(path).collect();
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(step) = left.pop_front() {
            let name = match step {
                Step::Root => {
                    at = PathBuf::from("/");
                    check(&at, &at.symlink_metadata().map_err(unreadable)?)?;
                    continue;
                }
                Step::Up => {
                    at.pop();
                    continue;
                }
                Step::Down(name) => name,
            };
            let child = at.join(name);
            let metadata = child.symlink_metadata().map_err(unreadable)?;
            if metadata.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    let source = io::Error::other("there are too many symbolic links on the way");
                    return Err(unreadable(source));
                }
                check_owner(&child, &metadata)?;
                let target = fs::read_link(&child).map_err(unreadable)?;
                for step in steps(&target).rev() {
                    left.push_front(step);
                }
                continue;
            }
            if metadata.is_dir() {
                check(&child, &metadata)?;
            }
            at = child;
        }
        Ok(at)
    }

    fn check(path: &Path, metadata: &Metadata) -> Result<()> {
        check_owner(path, metadata)?;
        let mode = metadata.mode() & 0o7777;
        let is_sticky = metadata.is_dir() && mode & STICKY != 0;
        // Many systems give each user a group, of the same number, and have it
        // write to all that the user makes. Root's has other members.
        let uid = metadata.uid();
        let is_own_group = uid != 0 && uid == metadata.gid() && !has_access_list(path);
        let others = if is_own_group { OTHERS } else { GROUP | OTHERS };
        if mode & others != 0 && !is_sticky {
            let path = path.to_owned();
            return Err(RejectionCause::Writable { path, mode });
        }
        Ok(())
    }

    /// Whether a file or directory has a POSIX access list. Then the bits of the
    /// group say what some user or group may do, whichever that is.
    #[cfg(target_os = "linux")]
    pub(super) fn has_access_list(path: &Path) -> bool {
        // Asks for its size.
        rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut [0_u8; 0]).is_ok()
    }

    /// Lists of macOS are beside the bits, and change nothing about them.
    #[cfg(not(target_os = "linux"))]
    fn has_access_list(_: &Path) -> bool {
        false
    }

    fn check_owner(path: &Path, metadata: &Metadata) -> Result<()> {
        let (owner, user) = (metadata.uid(), geteuid().as_raw());
        if owner == 0 || owner == user {
            return Ok(());
        }
        Err(RejectionCause::Owner {
            path: path.to_owned(),
            owner,
            user,
        })
    }
}

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
    }
}
