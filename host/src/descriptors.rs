//! How many files and connections the host may have open at once.

/// More than any host needs. Some systems have a hard limit of a thousand
/// times that, and some programs that a plugin may start close every number up
/// to the limit.
#[cfg(unix)]
const ENOUGH: u64 = 1 << 20;

/// Raises the limit of file descriptors of this process to what the operating
/// system allows, at most about a million. Shells and service managers set a
/// lower one, 1024 as a rule, for programs that cannot have more; each
/// connection and each version of a plugin takes some.
#[cfg(unix)]
pub(crate) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let Some(soft) = now.current else {
        return;
    };
    let wanted = now.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if wanted <= soft {
        return;
    }
    let limit = Rlimit {
        current: Some(wanted),
        maximum: now.maximum,
    };
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => tracing::debug!(from = soft, to = wanted, "raised the limit of open files"),
        Err(error) => tracing::warn!(
            "the limit of open files stays at {soft}: raising it to {wanted} failed ({error})"
        ),
    }
}

#[cfg(not(unix))]
pub(crate) fn raise_limit() {}
