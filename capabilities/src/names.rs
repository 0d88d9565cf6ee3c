//! What the folders and files of stores on disk are called.

use crate::escape::Escape;

/// A leading dot is spelled out, so that `.` and `..` are nobody's names, and
/// file names with one are free for what is no entry.
const ESCAPE: Escape = Escape {
    mark: b'%',
    allows: |name, at| match name.get(at).copied() {
        Some(b'.') => at != 0,
        Some(b'/' | b'\\') | None => false,
        Some(byte) => !byte.is_ascii_control(),
    },
};

/// What file systems commonly allow, in bytes.
const LONGEST: usize = 255;

/// The file's name for a name of any characters; what is wrong if it cannot
/// have one.
pub(crate) fn file(name: &str) -> Result<String, String> {
    let spelled = ESCAPE.encode(name);
    if spelled.len() > LONGEST {
        return Err(format!(
            "as the name of a file it has {} bytes, and may have {LONGEST}",
            spelled.len()
        ));
    }
    Ok(spelled)
}

/// The name that a file is for; `None` if it is for none.
pub(crate) fn name(file: &str) -> Option<String> {
    (!file.starts_with('.')).then(|| ESCAPE.decode(file))?
}

/// Whether someone may have meant a place outside of the store.
pub(crate) fn leads_out(name: &str) -> bool {
    let mut parts = name.split(['/', '\\']);
    name.starts_with(['/', '\\']) || parts.any(|part| part == "..")
}
