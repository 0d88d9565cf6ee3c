//! Follows a path, and checks each step on the way.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{OFlags, StatVfsMountFlags};
use rustix::process::geteuid;

use super::{namespace, unreadable};
use crate::rejection::{Place, RejectionCause};

type Result<T> = std::result::Result<T, RejectionCause>;

/// As the operating system allows on the way to a file.
const MAX_LINKS: u32 = 40;

const GROUP: u32 = 0o020;
const OTHERS: u32 = 0o002;
/// Of a directory: only who owns an entry may replace it.
const STICKY: u32 = 0o1000;

pub(super) fn open(given: &Path) -> Result<File> {
    let path = follow(given).map_err(|cause| placed(cause, given))?;
    // Not a link any more, and if it were a pipe by now, not waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&path)
        .map_err(unreadable)?;
    check(&path, &file.metadata().map_err(unreadable)?).map_err(|cause| placed(cause, given))?;
    Ok(file)
}

pub(super) fn check_directory(path: &Path) -> Result<()> {
    follow(path).map(drop)
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
    let path = &std::path::absolute(path).map_err(unreadable)?;
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
    if mode & others != 0 && !is_sticky && !is_read_only(path) {
        return Err(RejectionCause::Writable {
            path: path.to_owned(),
            mode,
            owner: uid,
            user: geteuid().as_raw(),
            place: Place::Above,
            is_mounted: is_mounted(path),
        });
    }
    Ok(())
}

/// Whether nobody can write there, whatever the permissions say: volumes that a
/// container is given read-only often let everybody do everything.
fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether a file system is mounted at a path.
#[cfg(target_os = "linux")]
fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Nothing is said about it there.
#[cfg(not(target_os = "linux"))]
fn is_mounted(_: &Path) -> bool {
    false
}

/// Says of what stands in the way what it is to the plugin at a path, since
/// that decides what can be advised.
fn placed(mut cause: RejectionCause, given: &Path) -> RejectionCause {
    if let RejectionCause::Owner {
        path: at, place, ..
    }
    | RejectionCause::Writable {
        path: at, place, ..
    } = &mut cause
    {
        *place = place_of(at, given).unwrap_or(Place::Above);
    }
    cause
}

fn place_of(at: &Path, given: &Path) -> Option<Place> {
    let given = std::path::absolute(given).ok()?;
    let own = given.parent()?.canonicalize().ok()?;
    // Nothing is ever advised about the root of all files.
    let above = at.parent()?;
    if at.is_symlink() {
        return above.starts_with(own).then_some(Place::Link);
    }
    let file = given.canonicalize().ok()?;
    if at == file {
        return Some(Place::File);
    }
    let is_own = at.starts_with(own) || Some(at) == file.parent();
    is_own.then_some(Place::Directory)
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
    if namespace::is_nobody_known(owner) {
        return Err(RejectionCause::UnknownOwner {
            path: path.to_owned(),
        });
    }
    if owner == 0 || owner == user {
        return Ok(());
    }
    Err(RejectionCause::Owner {
        path: path.to_owned(),
        owner,
        user,
        place: Place::Above,
    })
}
