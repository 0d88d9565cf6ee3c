//! Numbers as the values of keys.
//!
//! A new counter is written the way its backend always wrote counters. One that
//! a guest has set, as decimal text, stays decimal text: the guest goes on
//! reading it as it wrote it.

use super::Error;

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Eight bytes, the lowest first.
    LittleEndian,
    /// Eight bytes, the highest first.
    #[cfg(any(test, feature = "nats"))]
    BigEndian,
    /// Decimal digits.
    #[cfg(any(test, feature = "filesystem"))]
    Decimal,
}

impl Encoding {
    /// Adds `delta` to a value and returns the sum, and the value that says so.
    /// `self` is how the backend writes new counters.
    pub(super) fn add(
        self,
        bucket: &str,
        key: &str,
        value: Option<&[u8]>,
        delta: u64,
    ) -> Result<(u64, Vec<u8>), Error> {
        let not_a_number = || Error::NotANumber {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        let overflow = || Error::Overflow {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            delta,
            limit: u64::MAX,
        };
        // Digits first: eight of them are meant as digits, as the binary number
        // that they would be is beyond what anything counts to.
        let (old, is_text) = match value {
            None => (0, false),
            Some(value) if is_decimal(value) => (decimal(value).ok_or_else(overflow)?, true),
            Some(value) => (self.binary(value).ok_or_else(not_a_number)?, false),
        };
        let sum = old.checked_add(delta).ok_or_else(overflow)?;
        let value = if is_text {
            sum.to_string().into_bytes()
        } else {
            self.write(sum)
        };
        Ok((sum, value))
    }

    fn binary(self, value: &[u8]) -> Option<u64> {
        match self {
            Self::LittleEndian => Some(u64::from_le_bytes(value.try_into().ok()?)),
            #[cfg(any(test, feature = "nats"))]
            Self::BigEndian => Some(u64::from_be_bytes(value.try_into().ok()?)),
            #[cfg(any(test, feature = "filesystem"))]
            Self::Decimal => None,
        }
    }

    fn write(self, number: u64) -> Vec<u8> {
        match self {
            Self::LittleEndian => number.to_le_bytes().to_vec(),
            #[cfg(any(test, feature = "nats"))]
            Self::BigEndian => number.to_be_bytes().to_vec(),
            #[cfg(any(test, feature = "filesystem"))]
            Self::Decimal => number.to_string().into_bytes(),
        }
    }
}

fn is_decimal(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

fn decimal(value: &[u8]) -> Option<u64> {
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [
        Encoding::LittleEndian,
        Encoding::BigEndian,
        Encoding::Decimal,
    ];

    fn add(encoding: Encoding, value: Option<&[u8]>, delta: u64) -> Result<(u64, Vec<u8>), Error> {
        encoding.add("b", "k", value, delta)
    }

    #[test]
    fn a_new_counter_is_written_as_the_backend_does() {
        let written = ALL.map(|encoding| add(encoding, None, 258).unwrap());
        assert_eq!(
            written,
            [
                (258, vec![2, 1, 0, 0, 0, 0, 0, 0]),
                (258, vec![0, 0, 0, 0, 0, 0, 1, 2]),
                (258, b"258".to_vec()),
            ]
        );
    }

    #[test]
    fn a_counter_reads_back() {
        for encoding in ALL {
            let (_, value) = add(encoding, None, 40).unwrap();
            assert_eq!(add(encoding, Some(&value), 2).unwrap().0, 42);
        }
    }

    #[test]
    fn decimal_text_stays_decimal_text_even_if_it_has_eight_digits() {
        for encoding in ALL {
            for (text, sum) in [("41", 42), ("10000000", 10_000_001), ("007", 8)] {
                assert_eq!(
                    add(encoding, Some(text.as_bytes()), 1).unwrap(),
                    (sum, sum.to_string().into_bytes())
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for encoding in ALL {
            for value in ["", "no", "-1", "+1", "1.5", " 1", "123456789x"] {
                let error = add(encoding, Some(value.as_bytes()), 1).unwrap_err();
                assert!(matches!(error, Error::NotANumber { .. }), "{value}");
            }
        }
    }

    #[test]
    fn too_large_a_sum_is_refused() {
        for encoding in ALL {
            let (sum, value) = add(encoding, None, u64::MAX).unwrap();
            assert_eq!(sum, u64::MAX);
            assert_eq!(add(encoding, Some(&value), 0).unwrap().0, u64::MAX);
            for value in [value.as_slice(), b"99999999999999999999"] {
                let error = add(encoding, Some(value), 1).unwrap_err();
                assert!(matches!(error, Error::Overflow { .. }), "{error}");
            }
        }
    }
}
