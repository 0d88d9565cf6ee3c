//! Text from outside, made safe to print: [`Untrusted`].
//!
//! File names, manifests, error messages of plugins and requests are written by
//! strangers. Printed as they are, they can move a terminal's cursor, reverse
//! the direction of what follows, or begin a line that looks like the host's
//! own. [`Untrusted`] has no way to print its text raw.

use std::fmt::{self, Display, Write};
use std::path::{self, Path};

/// A value from outside, printed on one line: line breaks, control characters
/// and characters that nobody sees are shown as escapes such as `\n` and
/// `\u{202e}`.
///
/// ```
/// use wash_plugin_loader::Untrusted;
///
/// let name = "lib\u{202e}os.so\nINFO all is well";
/// assert_eq!(Untrusted(name).to_string(), "lib\\u{202e}os.so\\nINFO all is well");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Untrusted<T>(pub T);

impl<'a> Untrusted<path::Display<'a>> {
    /// Wraps a path, to be printed on one line.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "it is printed escaped")]
    pub fn path(path: &'a Path) -> Self {
        Self(path.display())
    }
}

impl<T: Display> Display for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = false;
        write!(Escaping { to: f, lines }, "{}", self.0)
    }
}

/// Prints as [`Display`] does, so that `{:?}` cannot print the raw text either.
impl<T: Display> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A text of several lines from outside. It is printed as [`Untrusted`], but
/// keeps its line breaks and tabs; each further line is indented, so that none
/// can be taken for a line of the host's own.
///
/// ```
/// use wash_plugin_loader::UntrustedLines;
///
/// let message = "it failed\nERROR forged\u{1b}[2J";
/// assert_eq!(UntrustedLines(message).to_string(), "it failed\n    ERROR forged\\u{1b}[2J");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UntrustedLines<T>(pub T);

impl<T: Display> Display for UntrustedLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = true;
        write!(Escaping { to: f, lines }, "{}", self.0)
    }
}

/// Prints as [`Display`] does.
impl<T: Display> fmt::Debug for UntrustedLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Returns whether a character must not reach a terminal or a log as it is: a
/// control character, or one that is not seen and changes how its neighbours
/// are shown (Unicode's general categories Cc, Zl, Zp, and those of Cf that
/// order, join or hide text).
#[must_use]
pub fn is_hazardous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Escapes what is written to it.
struct Escaping<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    /// Whether line breaks and tabs are kept.
    lines: bool,
}

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_hazardous) {
            let (plain, from) = rest.split_at(at);
            self.to.write_str(plain)?;
            let mut chars = from.chars();
            match chars.next() {
                Some('\n') if self.lines => self.to.write_str("\n    ")?,
                Some('\t') if self.lines => self.to.write_char('\t')?,
                Some(c) => write!(self.to, "{}", c.escape_default())?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.to.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_anybody_can_read_stays_as_it_is() {
        for text in [
            "",
            "libcaf\u{e9}.so",
            "日本語",
            "it's \"quoted\" \\ here",
            "e\u{301}",
        ] {
            assert_eq!(Untrusted(text).to_string(), text);
            assert_eq!(UntrustedLines(text).to_string(), text);
        }
    }

    #[test]
    fn nothing_hazardous_is_left() {
        let all: String = ('\0'..='\u{ffff}')
            .chain('\u{e0000}'..='\u{e01ff}')
            .collect();
        let one_line = Untrusted(&all).to_string();
        assert!(!one_line.contains(is_hazardous));
        assert_eq!(format!("{:?}", Untrusted(&all)), one_line);
        let lines = UntrustedLines(&all).to_string();
        let left: Vec<char> = lines.chars().filter(|c| is_hazardous(*c)).collect();
        assert_eq!(left, ['\t', '\n']);
    }

    #[test]
    fn a_path_is_printed_on_one_line() {
        let shown = Untrusted::path(Path::new("/plugins/a\r\nb\u{202e}.so")).to_string();
        assert_eq!(shown, "/plugins/a\\r\\nb\\u{202e}.so");
    }
}
