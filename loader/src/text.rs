//! Text files that people write: [`read_text`].

use std::{fs, io, path::Path};

/// Reads a text file in UTF-8. A byte-order mark at its start is left out.
///
/// # Errors
///
/// The operating system's, if the file cannot be read. If the file is not
/// UTF-8, an error of the kind [`io::ErrorKind::InvalidData`] that says what it
/// is instead, where, and what to do.
pub fn read_text(path: &Path) -> io::Result<String> {
    decode(fs::read(path)?).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))
}

/// Turns the bytes of a text file into text.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let utf16 = matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    // Without a mark, the zeros of UTF-16 give it away: no text file has them.
    let has_zeros = bytes.contains(&0);
    if utf16 || (has_zeros && looks_like_utf16(&bytes)) {
        return Err(
            "it is UTF-16 text, as some Windows programs write it: save it as UTF-8".to_owned(),
        );
    }
    if has_zeros {
        return Err("it is not a text file: it has zero bytes".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("it is not UTF-8 text at line {line}: save it as UTF-8")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Whether every other one of the first bytes is zero.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    let mut pairs = bytes.chunks_exact(2).take(16).peekable();
    let first = pairs.peek().copied();
    let is_like = |zero: usize| {
        bytes
            .chunks_exact(2)
            .take(16)
            .all(|pair| pair.get(zero) == Some(&0) && pair.get(1 - zero) != Some(&0))
    };
    first.is_some() && (is_like(0) || is_like(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn a_mark_is_left_out() {
        let text = decode("\u{feff}a = 1\n".into()).unwrap();
        assert_eq!(text, "a = 1\n");
    }

    #[test]
    fn other_encodings_are_named() {
        for text in ["\u{feff}[plugins.a]\n", "[plugins.a]\n"] {
            for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let problem = decode(utf16(text, to_bytes)).unwrap_err();
                assert!(problem.starts_with("it is UTF-16 text"), "{problem}");
            }
        }
        let problem = decode(b"a = 1\nb = \xff\n".to_vec()).unwrap_err();
        assert_eq!(problem, "it is not UTF-8 text at line 2: save it as UTF-8");
        let problem = decode(b"\x7fELF\x02\x01\x01\0\0\0\0".to_vec()).unwrap_err();
        assert!(problem.contains("not a text file"), "{problem}");
    }
}
