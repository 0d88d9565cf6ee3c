//! Spelling a key with the characters that a store allows.

/// How a store's keys are spelled: a byte that must not appear is written as
/// the mark and two hexadecimal digits, in capitals.
///
/// The mark itself stays as it is where it could not be mistaken for the
/// beginning of such a spelling, so that ordinary keys look as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Escape {
    /// The mark, which the store allows.
    pub(crate) mark: u8,
    /// Whether the byte at an index of a key may stand there as it is.
    pub(crate) allows: fn(&[u8], usize) -> bool,
}

impl Escape {
    /// As the store has it.
    pub(crate) fn encode(self, key: &str) -> String {
        let bytes = key.as_bytes();
        let mut spelled = Vec::with_capacity(bytes.len());
        for (at, byte) in bytes.iter().copied().enumerate() {
            let mistakable = byte == self.mark && bytes.get(at + 1..).and_then(hex_pair).is_some();
            if mistakable || !(self.allows)(bytes, at) {
                spelled.extend(format!("{}{byte:02X}", char::from(self.mark)).into_bytes());
            } else {
                spelled.push(byte);
            }
        }
        // A store allows either all bytes beyond ASCII or none, so that no
        // character is cut.
        String::from_utf8_lossy(&spelled).into_owned()
    }

    /// As the caller has it; `None` if no caller could have.
    #[cfg(any(test, feature = "filesystem", feature = "nats"))]
    pub(crate) fn decode(self, spelled: &str) -> Option<String> {
        let bytes = spelled.as_bytes();
        let mut key = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            let pair = bytes.get(at + 1..).and_then(hex_pair);
            match pair.filter(|_| byte == self.mark) {
                Some(escaped) => {
                    key.push(escaped);
                    at += 3;
                }
                None => {
                    key.push(byte);
                    at += 1;
                }
            }
        }
        String::from_utf8(key).ok()
    }
}

/// The byte that the first two of these spell.
fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    match bytes {
        [high, low, ..] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Escape = Escape {
        mark: b'%',
        allows: |key, at| match key[at] {
            b'.' => at != 0 && at + 1 != key.len(),
            byte => byte.is_ascii_alphanumeric() || byte == b'%',
        },
    };

    #[test]
    fn ordinary_keys_look_as_they_are() {
        for key in ["a", "user.1", "100%", "%a", "%1", "%zz", "%2f"] {
            assert_eq!(PLAIN.encode(key), key);
        }
    }

    #[test]
    fn others_are_spelled_and_come_back() {
        for (key, spelled) in [
            (".", "%2E"),
            (".a.", "%2Ea%2E"),
            ("a/b", "a%2Fb"),
            ("%2F", "%252F"),
            ("%:", "%%3A"),
            ("%2:", "%2%3A"),
            ("%%2F", "%%252F"),
            ("a\0", "a%00"),
            ("ü", "%C3%BC"),
        ] {
            assert_eq!(PLAIN.encode(key), spelled);
            assert_eq!(PLAIN.decode(spelled).as_deref(), Some(key));
        }
    }

    #[test]
    fn no_two_keys_are_spelled_alike() {
        // All keys of up to four of the characters that matter.
        let alphabet = ['%', '2', 'F', 'f', '/', '.'];
        let mut keys = vec![String::new()];
        let mut from = 0;
        for _ in 0..4 {
            let to = keys.len();
            for at in from..to {
                for character in alphabet {
                    keys.push(format!("{}{character}", keys[at]));
                }
            }
            from = to;
        }
        let mut spelled: Vec<String> = keys.iter().map(|key| PLAIN.encode(key)).collect();
        for (key, spelled) in keys.iter().zip(&spelled) {
            assert_eq!(PLAIN.decode(spelled).as_ref(), Some(key));
        }
        spelled.sort_unstable();
        spelled.dedup();
        assert_eq!(spelled.len(), keys.len());
    }

    #[test]
    fn what_is_no_text_is_nobodys_key() {
        assert_eq!(PLAIN.decode("%FF"), None);
    }
}
