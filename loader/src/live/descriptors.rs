//! Whether there are file descriptors for another library: [`check`].
//!
//! A library that is loaded keeps descriptors until the process ends, while
//! connections need one each. Without a reserve, the updates of a plugin would
//! end with a host that accepts no connections.

/// The share of the limit that is kept for everything but libraries: one part
/// in so many.
const RESERVED_PART: u64 = 4;

/// The smallest and the largest reserve.
const RESERVE: std::ops::RangeInclusive<u64> = 32..=1024;

/// There are too few descriptors to load another library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "fewer than {reserve} of the {limit} file descriptors of this process are free, and those are \
     kept for connections: raise the limit (`ulimit -n`, or `LimitNOFILE=` of a systemd unit) and \
     restart the host"
)]
pub(super) struct Shortage {
    /// How many descriptors the process may have.
    limit: u64,
    /// How many of them have to be free.
    reserve: u64,
}

/// Checks that another library can be loaded and connections served
/// nevertheless. Where the operating system does not tell, that is so.
pub(super) fn check() -> Result<(), Shortage> {
    match (limit(), open()) {
        (Some(limit), Some(open)) => judge(limit, open),
        _ => Ok(()),
    }
}

fn judge(limit: u64, open: u64) -> Result<(), Shortage> {
    let reserve = (limit / RESERVED_PART).clamp(*RESERVE.start(), *RESERVE.end());
    if limit.saturating_sub(open) < reserve {
        return Err(Shortage { limit, reserve });
    }
    Ok(())
}

/// Whether the process can hardly open another file.
pub(super) fn are_used_up() -> bool {
    matches!((limit(), open()), (Some(limit), Some(open)) if open + 8 > limit)
}

/// How many descriptors this process may have; `None` if there is no limit.
#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

/// How many descriptors this process has.
fn open() -> Option<u64> {
    let directory = match cfg!(target_os = "linux") {
        true => "/proc/self/fd",
        false => "/dev/fd",
    };
    let entries = std::fs::read_dir(directory).ok()?.count();
    u64::try_from(entries).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_kept_for_connections() {
        assert_eq!(judge(1024, 768), Ok(()));
        let shortage = judge(1024, 769).unwrap_err();
        assert_eq!((shortage.limit, shortage.reserve), (1024, 256));
        assert_eq!(judge(1 << 20, (1 << 20) - 1024), Ok(()));
        assert!(judge(1 << 20, (1 << 20) - 1023).is_err());
        // A limit that leaves no room at all.
        assert!(judge(20, 10).is_err());
        assert!(judge(20, 30).is_err());
        let told = shortage.to_string();
        assert!(told.contains("fewer than 256 of the 1024"), "{told}");
    }
}
