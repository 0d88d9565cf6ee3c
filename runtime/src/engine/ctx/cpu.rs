//! The processor time that a component may have.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::engine::epochs::TICK;

/// The time over which a component may use its whole share at once.
const PERIOD: Duration = Duration::from_millis(100);

/// What one component may use of the processors, in all of its stores together.
///
/// As with a Kubernetes CPU limit, who wants more is slowed down, not ended.
/// Time is measured by looking 100 times a second who is computing.
pub(crate) struct CpuShare {
    /// Whose share it is, for the log.
    label: Arc<str>,
    millicores: u32,
    account: Mutex<Account>,
    warned: AtomicBool,
}

struct Account {
    /// In nanoseconds. Below zero: used in advance.
    balance: i64,
    at: Instant,
}

impl CpuShare {
    /// A share in thousandths of a processor; zero or less is no limit.
    pub(crate) fn from_millicores(millicores: i32, label: &Arc<str>) -> Option<Self> {
        let millicores = u32::try_from(millicores).ok().filter(|limit| *limit > 0)?;
        let mut share = Self {
            label: Arc::clone(label),
            millicores,
            account: Mutex::new(Account {
                balance: 0,
                at: Instant::now(),
            }),
            warned: AtomicBool::new(false),
        };
        let full = share.earned(PERIOD);
        share
            .account
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .balance = full;
        Some(share)
    }

    /// Takes one tick of computing off the share, and says how long to pause
    /// before computing on.
    pub(crate) fn charge(&self, now: Instant) -> Option<Duration> {
        let debt = {
            let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
            let earned = self.earned(now.saturating_duration_since(account.at));
            account.at = now;
            account.balance = account
                .balance
                .saturating_add(earned)
                .min(self.earned(PERIOD))
                .saturating_sub(nanos(TICK));
            u64::try_from(account.balance.saturating_neg())
                .ok()
                .filter(|debt| *debt > 0)?
        };
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                cpu_limit = self.millicores,
                "{} is slowed down: it wants more processor time than its cpu_limit of {} \
                 thousandths of a processor",
                self.label,
                self.millicores,
            );
        }
        let pause = u128::from(debt) * 1000 / u128::from(self.millicores);
        Some(Duration::from_nanos(
            u64::try_from(pause).unwrap_or(u64::MAX),
        ))
    }

    /// What becomes available in some time.
    fn earned(&self, time: Duration) -> i64 {
        let earned = time.as_nanos().saturating_mul(u128::from(self.millicores)) / 1000;
        i64::try_from(earned).unwrap_or(i64::MAX)
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Debug for CpuShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuShare")
            .field("label", &self.label)
            .field("millicores", &self.millicores)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes without end for so long, as fast as the share lets it. Says
    /// how much of the time it was computing.
    fn compute(share: &CpuShare, guests: u32, time: Duration) -> Duration {
        let start = Instant::now();
        // When each guest goes on, and how long it has computed.
        let mut wake = vec![start; guests as usize];
        let mut computed = Duration::ZERO;
        loop {
            let (next, _) = wake.iter().enumerate().min_by_key(|(_, at)| **at).unwrap();
            let now = wake[next] + TICK;
            if now > start + time {
                return computed;
            }
            computed += TICK;
            wake[next] = now + share.charge(now).unwrap_or_default();
        }
    }

    fn share(millicores: i32) -> CpuShare {
        CpuShare::from_millicores(millicores, &Arc::from("component 'c'")).unwrap()
    }

    #[test]
    fn a_component_gets_its_share_however_many_guests_it_runs_as() {
        for guests in [1, 4] {
            for (millicores, seconds) in [(100, 1), (500, 5), (50, 0)] {
                let computed = compute(&share(millicores), guests, Duration::from_secs(10));
                assert_eq!(computed.as_secs(), seconds, "{millicores}, {guests} guests");
            }
        }
    }

    #[test]
    fn a_whole_processor_is_enough_for_one_guest() {
        let time = Duration::from_secs(10);
        assert_eq!(compute(&share(1000), 1, time), time);
    }

    #[test]
    fn zero_and_less_are_no_limit() {
        for limit in [0, -1, i32::MIN] {
            assert!(CpuShare::from_millicores(limit, &Arc::from("c")).is_none());
        }
    }
}
