//! The one spelling of `host[:port]`.

use std::net::Ipv6Addr;

use http::uri::Authority;

/// What a host name may have in it, besides letters, digits and dots: RFC 3986,
/// section 3.2.2, without percent-encoding.
const MARKS: &[u8] = b"-_~!$&'()*+,;=";

/// Returns the canonical spelling of `host[:port]`, or `None` if the text is
/// something else.
///
/// The canonical spelling of a canonical spelling is itself: hosts behind a
/// front see what the front saw.
pub(crate) fn canonical(text: &str) -> Option<Authority> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (format!("[{address}]"), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (host_name(name)?, port)
        }
    };
    let text = match port {
        // A port may be empty, and is then the scheme's own.
        "" | ":" => host,
        _ => format!("{host}:{}", number(port.strip_prefix(':')?)?),
    };
    Authority::try_from(text).ok()
}

fn host_name(text: &str) -> Option<String> {
    // The dot at the end of a fully qualified name.
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || MARKS.contains(&b))
    };
    name.split('.')
        .all(is_label)
        .then(|| name.to_ascii_lowercase())
}

fn number(text: &str) -> Option<u16> {
    // A number may have a sign for the parser, not here.
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn one_host_has_one_spelling() {
        for (text, expected) in [
            ("a.example", "a.example"),
            ("A.Example", "a.example"),
            ("a.example.", "a.example"),
            ("A.EXAMPLE.:0080", "a.example:80"),
            ("a.example:", "a.example"),
            ("my_service:8080", "my_service:8080"),
            ("127.0.0.1:8137", "127.0.0.1:8137"),
            ("[::1]:8000", "[::1]:8000"),
            ("[0:0::1]", "[::1]"),
            ("[2001:DB8::A]:", "[2001:db8::a]"),
            ("a!$&'()*+,;=~", "a!$&'()*+,;=~"),
        ] {
            let found = canonical(text).map(|found| found.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
            assert_eq!(canonical(expected), canonical(text), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not_a_host() {
        for text in [
            "",
            ".",
            ":80",
            "..",
            "a..",
            "a..b",
            ".a",
            "a b",
            "a\tb",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%41",
            "user@a",
            "http://a",
            "a:b",
            "a:80:80",
            "a:+80",
            "a:-1",
            "a:65536",
            "a: 80",
            "::1",
            "[::1",
            "[::1]80",
            "[a]",
            "[::1%25eth0]",
            "[v1.x]",
            "\u{e4}.example",
        ] {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }
}
