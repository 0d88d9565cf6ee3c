//! Users that have no number in the user namespace that the host runs in.
//!
//! A container may have numbers for some of the machine's users only. What
//! belongs to all others seems to belong to one user, whose number stands for
//! nobody in particular.

use std::sync::LazyLock;

/// That number, unless the machine says otherwise.
const OVERFLOW: u32 = 65534;

/// Whether a user's number stands for all those that have none here. Then
/// nothing is known of who it is, even if the host itself has that number.
pub(super) fn is_nobody_known(user: u32) -> bool {
    static NOBODY: LazyLock<Option<u32>> = LazyLock::new(|| {
        let read = |path| std::fs::read_to_string(path).ok();
        nobody(
            &read("/proc/self/uid_map")?,
            read("/proc/sys/kernel/overflowuid").as_deref(),
        )
    });
    *NOBODY == Some(user)
}

/// The number that stands for nobody, if there are users without a number.
fn nobody(map: &str, overflow: Option<&str>) -> Option<u32> {
    let has_all = map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let line = [numbers.next(), numbers.next(), numbers.next()];
        line == [Some(Ok(0)), Some(Ok(0)), Some(Ok(u32::MAX))]
    });
    if has_all {
        return None;
    }
    let number = overflow.and_then(|number| number.trim().parse().ok());
    Some(number.unwrap_or(OVERFLOW))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_somebody_where_everybody_has_a_number() {
        let all = "         0          0 4294967295\n";
        assert_eq!(nobody(all, Some("65534\n")), None);
        let one = "         0       1000          1\n";
        assert_eq!(nobody(one, Some("65533\n")), Some(65533));
        assert_eq!(nobody(one, None), Some(OVERFLOW));
        // No map was written yet.
        assert_eq!(nobody("", None), Some(OVERFLOW));
    }
}
