//! Which sockets a guest may use.
//!
//! | | the service | a component |
//! |---|---|---|
//! | bind and listen on a loopback address | yes | no |
//! | bind and listen elsewhere | no | no |
//! | connect or send to a loopback port that the workload's service listens at | yes | yes |
//! | … to a port of `allowed_host_loopback_ports` | yes | yes |
//! | … to another loopback port | no | no |
//! | … to an address that `allowed_hosts` matches, as `tcp://` or `udp://` | yes | yes |
//! | … to another address | no | no |
//!
//! The loopback is the machine's own: two services cannot listen at the same
//! port, and other programs of the machine can connect to a service. wasmCloud's
//! own host has a loopback for each workload, which takes sockets of its own
//! making; those of `wasmtime-wasi` can be refused, not redirected.

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use http::Uri;
use wasmtime_wasi::{WasiCtxBuilder, sockets::SocketAddrUse};

use crate::types::{AllowedHost, AllowedIpName, AllowedLoopbackPort, LocalResources};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Protocol {
    Tcp,
    Udp,
}

/// The ports at which a workload's service listens.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    ports: Mutex<HashSet<(Protocol, u16)>>,
}

impl Loopback {
    fn open(&self, protocol: Protocol, port: u16) {
        self.lock().insert((protocol, port));
    }

    fn is_open(&self, protocol: Protocol, port: u16) -> bool {
        self.lock().contains(&(protocol, port))
    }

    /// Forgets the ports of a service that is gone. That one is closed while
    /// the service runs is not seen.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(Protocol, u16)>> {
        // No code that could panic runs under the lock.
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one guest may do.
pub(crate) struct SocketPolicy {
    label: Arc<str>,
    loopback: Arc<Loopback>,
    is_service: bool,
    allowed_hosts: Arc<[AllowedHost]>,
    host_ports: Arc<[AllowedLoopbackPort]>,
}

impl SocketPolicy {
    pub(crate) fn new(
        label: &Arc<str>,
        loopback: &Arc<Loopback>,
        is_service: bool,
        resources: &LocalResources,
    ) -> Self {
        Self {
            label: Arc::clone(label),
            loopback: Arc::clone(loopback),
            is_service,
            allowed_hosts: Arc::clone(&resources.allowed_hosts),
            host_ports: Arc::clone(&resources.allowed_host_loopback_ports),
        }
    }

    /// Has the guest's sockets checked.
    pub(crate) fn apply(self, wasi: &mut WasiCtxBuilder, names: &[AllowedIpName]) {
        wasi.allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(!names.is_empty());
        wasi.socket_addr_check(move |address, usage| {
            let allowed = self.allows(address, usage);
            if !allowed {
                tracing::debug!(%address, ?usage, "refused a socket of {}", self.label);
            }
            Box::pin(async move { allowed })
        });
    }

    fn allows(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        let ip = address.ip().to_canonical();
        let port = address.port();
        let listens = self.is_service && ip.is_loopback();
        match usage {
            // That of a socket that is about to connect; as it is bound
            // nowhere in particular, it may not listen.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if is_implicit(ip, port) => true,
            SocketAddrUse::TcpBind => listens,
            SocketAddrUse::TcpListen => {
                if listens {
                    self.loopback.open(Protocol::Tcp, port);
                }
                listens
            }
            SocketAddrUse::TcpAccept => listens,
            SocketAddrUse::UdpBind => {
                if listens && port != 0 {
                    self.loopback.open(Protocol::Udp, port);
                }
                listens
            }
            SocketAddrUse::TcpConnect => self.reaches(Protocol::Tcp, ip, port),
            SocketAddrUse::UdpSend => self.reaches(Protocol::Udp, ip, port),
            SocketAddrUse::UdpReceive => listens || self.reaches(Protocol::Udp, ip, port),
        }
    }

    fn reaches(&self, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
        if ip.is_loopback() || ip.is_unspecified() {
            return self.loopback.is_open(protocol, port)
                || self.host_ports.contains(&AllowedLoopbackPort(port));
        }
        let scheme = match protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let uri = format!("{scheme}://{}/", SocketAddr::new(ip, port)).parse::<Uri>();
        uri.is_ok_and(|uri| self.allowed_hosts.iter().any(|host| host.matches(&uri)))
    }
}

fn is_implicit(ip: IpAddr, port: u16) -> bool {
    ip.is_unspecified() && port == 0
}

/// Refuses a list of names that cannot be held to: a guest may resolve all
/// names or none.
pub(crate) fn check_names(names: &[AllowedIpName]) -> Result<(), String> {
    match names.iter().find(|name| name.0 != "*") {
        Some(name) => Err(format!(
            "allowed_ip_name_lookups has '{}', but this version of wash-runtime cannot tell names \
             apart: allow all with '*', or leave the list empty",
            name.0
        )),
        None => Ok(()),
    }
}

impl fmt::Debug for SocketPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketPolicy")
            .field("label", &self.label)
            .field("is_service", &self.is_service)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SocketAddrUse::{TcpAccept, TcpBind, TcpConnect, TcpListen, UdpBind, UdpReceive, UdpSend};

    struct Workload {
        service: SocketPolicy,
        component: SocketPolicy,
    }

    fn workload(hosts: &[&str], host_ports: &[u16]) -> Workload {
        let loopback = Arc::new(Loopback::default());
        let resources = LocalResources {
            allowed_hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            allowed_host_loopback_ports: host_ports
                .iter()
                .copied()
                .map(AllowedLoopbackPort)
                .collect(),
            ..LocalResources::default()
        };
        let policy =
            |is_service| SocketPolicy::new(&Arc::from("c"), &loopback, is_service, &resources);
        Workload {
            service: policy(true),
            component: policy(false),
        }
    }

    fn allows(policy: &SocketPolicy, usage: SocketAddrUse, address: &str) -> bool {
        policy.allows(address.parse().unwrap(), usage)
    }

    #[test]
    fn a_service_listens_on_the_loopback_only() {
        let workload = workload(&["*"], &[80]);
        for usage in [TcpBind, TcpListen, UdpBind] {
            for loopback in ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
                assert!(allows(&workload.service, usage, loopback), "{usage:?}");
                assert!(!allows(&workload.component, usage, loopback), "{usage:?}");
            }
            for other in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"] {
                assert!(
                    !allows(&workload.service, usage, other),
                    "{usage:?} {other}"
                );
            }
        }
        assert!(!allows(&workload.service, TcpListen, "0.0.0.0:0"));
        assert!(allows(&workload.service, TcpAccept, "127.0.0.1:4000"));
        assert!(!allows(&workload.service, TcpAccept, "192.0.2.1:4000"));
        assert!(!allows(&workload.component, TcpAccept, "127.0.0.1:4000"));
    }

    #[test]
    fn components_reach_what_their_service_listens_at() {
        let one = workload(&["*"], &[]);
        let other = workload(&["*"], &[]);
        assert!(allows(&one.component, TcpBind, "0.0.0.0:0"));
        assert!(!allows(&one.component, TcpConnect, "127.0.0.1:80"));
        assert!(allows(&one.service, TcpListen, "127.0.0.1:80"));
        for address in ["127.0.0.1:80", "[::1]:80"] {
            assert!(allows(&one.component, TcpConnect, address));
            assert!(allows(&one.service, TcpConnect, address));
            assert!(!allows(&other.component, TcpConnect, address));
        }
        assert!(
            !allows(&one.component, UdpSend, "127.0.0.1:80"),
            "another protocol"
        );
        assert!(!allows(&one.component, UdpReceive, "127.0.0.1:80"));
        assert!(allows(&one.service, UdpBind, "127.0.0.1:53"));
        assert!(allows(&one.component, UdpSend, "127.0.0.1:53"));
        assert!(allows(&one.component, UdpReceive, "127.0.0.1:53"));
        assert!(allows(&one.service, UdpReceive, "127.0.0.1:4000"));

        one.service.loopback.clear();
        assert!(
            !allows(&one.component, TcpConnect, "127.0.0.1:80"),
            "a new run"
        );
    }

    #[test]
    fn ports_of_the_host_are_reached_if_they_are_allowed() {
        let workload = workload(&[], &[5432]);
        assert!(allows(&workload.component, TcpConnect, "127.0.0.1:5432"));
        assert!(!allows(&workload.component, TcpConnect, "127.0.0.1:5433"));
    }

    #[test]
    fn other_addresses_are_reached_if_they_are_allowed() {
        let none = workload(&[], &[]);
        assert!(!allows(&none.component, TcpConnect, "192.0.2.1:80"));
        let some = workload(
            &["192.0.2.1:80", "udp://192.0.2.2", "https://192.0.2.3"],
            &[],
        );
        assert!(allows(&some.component, TcpConnect, "192.0.2.1:80"));
        assert!(allows(&some.component, TcpConnect, "[::ffff:192.0.2.1]:80"));
        assert!(!allows(&some.component, TcpConnect, "192.0.2.1:81"));
        assert!(allows(&some.component, UdpSend, "192.0.2.2:53"));
        assert!(!allows(&some.component, TcpConnect, "192.0.2.2:53"));
        assert!(!allows(&some.component, TcpConnect, "192.0.2.3:443"));
        let all = workload(&["*"], &[]);
        assert!(allows(&all.component, TcpConnect, "[2001:db8::1]:443"));
    }

    #[test]
    fn names_are_all_or_nothing() {
        let name = |name: &str| AllowedIpName(name.to_string());
        assert_eq!(check_names(&[]), Ok(()));
        assert_eq!(check_names(&[name("*")]), Ok(()));
        assert!(check_names(&[name("*"), name("a.example")]).is_err());
    }
}
