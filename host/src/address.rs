//! Addresses to listen at: [`Address`].

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// A host, by its name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let example = "give a host and a port, such as 127.0.0.1:8000 or localhost:8000";
        if text.contains("://") || text.contains('/') {
            return Err(format!("it is a URL: {example}"));
        }
        // An IPv6 address stands in brackets, as its colons are no port's.
        if text.parse::<IpAddr>().is_ok() {
            return Err(match text.contains(':') {
                true => format!("it has no port: add one, as in [{text}]:8000"),
                false => format!("it has no port: add one, as in {text}:8000"),
            });
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(match text.parse::<u16>() {
                Ok(port) => format!(
                    "it has no host: use 127.0.0.1:{port}, or 0.0.0.0:{port} for all networks"
                ),
                Err(_) => format!("it has no port: {example}"),
            });
        };
        let Ok(port) = port.parse::<u16>() else {
            return Err(format!(
                "`{port}` is no port: a port is a number from 0 to 65535"
            ));
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) if address.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => address,
            Some(_) => return Err(format!("`{host}` is no IPv6 address: {example}")),
            None if host.is_empty() => {
                return Err(format!(
                    "it has no host: use 127.0.0.1:{port}, or 0.0.0.0:{port} for all networks"
                ));
            }
            None if host.contains([':', ' ', '[', ']']) => {
                return Err(format!("`{host}` is no host: {example}"));
            }
            None => host,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Address {
    /// Finds the addresses of the host. Those of IPv4 come first: what asks
    /// for a name tries both, and what asks for `127.0.0.1` only one.
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let unknown = |error: io::Error| {
            let what = format!("the host name `{}` has no address", self.host);
            Failure::new(Code::Io, anyhow::Error::new(error).context(what))
                .help("correct the name, or use an address such as 127.0.0.1")
        };
        let mut addresses: Vec<SocketAddr> = found.map_err(unknown)?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        if addresses.is_empty() {
            return Err(unknown(io::Error::from(io::ErrorKind::NotFound)));
        }
        Ok(addresses)
    }

    /// Opens something at the first address of the host where that works.
    ///
    /// # Errors
    ///
    /// If it works at none: why not at the first.
    pub(crate) async fn open<T>(
        &self,
        open: impl AsyncFn(SocketAddr) -> anyhow::Result<T>,
    ) -> Result<T> {
        let mut first = None;
        for address in self.resolve().await? {
            match open(address).await {
                Ok(opened) => return Ok(opened),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let error = first.unwrap_or_else(|| anyhow::anyhow!("cannot listen at {self}"));
        let kind = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<io::Error>())
            .map(io::Error::kind);
        let help = match kind {
            Some(io::ErrorKind::PermissionDenied) => {
                "choose a port from 1024 on, or give the program the right to lower ones \
                 (CAP_NET_BIND_SERVICE)"
            }
            Some(io::ErrorKind::AddrNotAvailable) => "choose an address of this machine",
            _ => "choose another address, or port 0 for any free one",
        };
        Err(Failure::new(Code::Io, error).help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for text in [
            "127.0.0.1:8000",
            "localhost:0",
            "[::1]:80",
            "my-host.example:65535",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for (text, expected) in [
            ("8000", "use 127.0.0.1:8000"),
            (":8000", "use 127.0.0.1:8000"),
            ("localhost", "it has no port"),
            ("127.0.0.1", "as in 127.0.0.1:8000"),
            ("::1", "as in [::1]:8000"),
            ("localhost:http", "`http` is no port"),
            ("localhost:70000", "`70000` is no port"),
            ("http://localhost:80", "it is a URL"),
            ("[localhost]:80", "is no IPv6 address"),
            ("a b:80", "`a b` is no host"),
        ] {
            let told = text.parse::<Address>().unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }

    #[tokio::test]
    async fn localhost_is_found() {
        let address: Address = "localhost:80".parse().unwrap();
        let found = address.resolve().await.unwrap();
        assert!(
            found.iter().all(|address| address.ip().is_loopback()),
            "{found:?}"
        );
        let nobody: Address = "no-such-host.invalid:80".parse().unwrap();
        let failure = nobody.resolve().await.unwrap_err();
        assert_eq!(
            failure.text(),
            "the host name `no-such-host.invalid` has no address"
        );
    }
}
