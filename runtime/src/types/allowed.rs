//! Which hosts, names and ports a guest may reach.

use std::{fmt, str::FromStr};

use http::Uri;

/// A pattern for the targets of outgoing HTTP requests.
///
/// The forms are `*` (every host), `host[:port]`, `scheme://host[:port]` and
/// `[scheme://]*.suffix[:port]`. Letter case does not matter, nor does
/// the dot that ends a fully qualified name. `*.example.com`
/// matches each name below `example.com`, not `example.com` itself. What a
/// pattern leaves out, scheme or port, matches everything.
///
/// ```
/// use wash_runtime::types::AllowedHost;
///
/// let pattern: AllowedHost = "https://*.example.com".parse()?;
/// assert!(pattern.matches(&"https://api.example.com/v1".parse()?));
/// assert!(!pattern.matches(&"https://example.com/".parse()?));
/// assert!(!pattern.matches(&"http://api.example.com/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: HostPattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum HostPattern {
    Any,
    /// Names that end in this text, which begins with a dot.
    Suffix(String),
    Exact(String),
}

/// Why a text is not an [`AllowedHost`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{pattern}' is not an allowed host: {reason}")]
pub struct AllowedHostError {
    pattern: String,
    reason: &'static str,
}

impl AllowedHost {
    /// Whether a request to `uri` is allowed by this pattern.
    ///
    /// Where the pattern has a port and the address has none, the scheme's
    /// usual port counts.
    #[must_use]
    pub fn matches(&self, uri: &Uri) -> bool {
        let Some(host) = uri.host() else {
            return false;
        };
        let scheme = uri.scheme_str().map(str::to_ascii_lowercase);
        if self.scheme.is_some() && self.scheme != scheme {
            return false;
        }
        let port = uri.port_u16().or(match scheme.as_deref() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        if self.port.is_some() && self.port != port {
            return false;
        }
        let host = host.to_ascii_lowercase();
        let host = without_last_dot(&host);
        match &self.host {
            HostPattern::Any => true,
            HostPattern::Suffix(suffix) => {
                host.len() > suffix.len() && host.ends_with(suffix.as_str())
            }
            HostPattern::Exact(exact) => host == exact,
        }
    }
}

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| AllowedHostError {
            pattern: text.to_string(),
            reason,
        };
        let pattern = text.trim().to_ascii_lowercase();
        let (scheme, authority) = match pattern.split_once("://") {
            Some(("", _)) => return Err(refuse("the scheme before '://' is empty")),
            Some((scheme, authority)) => (Some(scheme.to_string()), authority),
            None => (None, pattern.as_str()),
        };
        if authority.contains(['/', '?', '#', '@']) {
            return Err(refuse(
                "only scheme, host and port can be given, no path, query or user",
            ));
        }
        let (host, port) = split_port(authority).map_err(refuse)?;
        let host = match host {
            "" | "." => return Err(refuse("the host is empty")),
            "*" => HostPattern::Any,
            _ => match host.strip_prefix('*') {
                Some(suffix) if suffix.len() > 1 && suffix.starts_with('.') => {
                    HostPattern::Suffix(without_last_dot(suffix).to_string())
                }
                Some(_) => return Err(refuse("after '*' comes a dot and a domain")),
                None => HostPattern::Exact(without_last_dot(host).to_string()),
            },
        };
        if let HostPattern::Suffix(name) | HostPattern::Exact(name) = &host
            && name.contains('*')
        {
            return Err(refuse("'*' can only stand at the beginning"));
        }
        Ok(Self { scheme, host, port })
    }
}

/// The name without the dot that ends a fully qualified one: the same host.
fn without_last_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Splits `host:port`; an IPv6 address stands in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => {
            let (host, rest) = authority.split_at(end + 1);
            match rest {
                "" => (host, None),
                _ => (
                    host,
                    Some(
                        rest.strip_prefix(':')
                            .ok_or("after ']' comes a port or nothing")?,
                    ),
                ),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port
        .map(|port| {
            port.parse()
                .map_err(|_| "the port is not a number up to 65535")
        })
        .transpose()?;
    Ok((host, port))
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Suffix(suffix) => write!(f, "*{suffix}")?,
            HostPattern::Exact(host) => f.write_str(host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// A name that a guest may resolve to addresses.
///
/// This version of the runtime cannot tell names apart: a guest may resolve all
/// names, with `*`, or none. A workload that sets another name is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowedIpName(pub String);

/// A port of the host's loopback that a guest may connect to, besides those
/// that its workload's service listens at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllowedLoopbackPort(pub u16);
