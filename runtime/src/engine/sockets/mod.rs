//! Which sockets a guest may use, and the loopback that each workload has to
//! itself.
//!
//! | | the service | a component |
//! |---|---|---|
//! | bind and listen on a loopback address | yes | no |
//! | bind and listen elsewhere | no | no |
//! | connect or send to a loopback port that the workload's service has | yes | yes |
//! | … to a port of `allowed_host_loopback_ports` | yes | yes |
//! | … to another loopback port | refused, as where nobody listens | as the service |
//! | … to an address that `allowed_hosts` matches, as `tcp://` or `udp://` | yes | yes |
//! | … to another address | no | no |
//!
//! The loopback is the workload's own. Its service may listen at port 7000
//! while other workloads' services do, and other programs of the machine; each
//! component reaches its own workload's. What the service takes for port 7000
//! of an address is some port of the machine's loopback, which [`Loopback`]
//! keeps, and the functions of `wasi:sockets` that take or return addresses
//! translate them, in [`p2`] and [`p3`]. `wasmtime-wasi` does the rest.
//!
//! A service hears of nobody else: a connection that no guest of the workload
//! has made is closed before the service sees it, and so is a datagram. Ports
//! go with their socket, and at the latest when the run of the service ends.
//!
//! Where the service has a port that `allowed_host_loopback_ports` has as well,
//! the service is meant.

mod loopback;
mod p2;
mod p3;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::Uri;
use wasmtime::component::Linker;
use wasmtime_wasi::{
    WasiCtxBuilder,
    sockets::{ErrorCode, SocketAddrUse},
};

use loopback::{Lease, Protocol};
pub(crate) use loopback::{Loopback, StorePorts};

use super::ctx::SharedCtx;
use crate::types::{AllowedHost, AllowedIpName, AllowedLoopbackPort, LocalResources};

/// Has guests see their workload's loopback: replaces functions of
/// `wasi:sockets` that are in the linker.
pub(super) fn link(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    p2::link(linker)?;
    p3::link(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What one guest may do.
#[derive(Default)]
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

    /// Has the guest's sockets checked. What is checked are real addresses.
    pub(crate) fn apply(self: &Arc<Self>, wasi: &mut WasiCtxBuilder, names: &[AllowedIpName]) {
        let this = Arc::clone(self);
        wasi.allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(!names.is_empty());
        wasi.socket_addr_check(move |address, usage| {
            let allowed = this.allows(address, usage);
            if !allowed {
                tracing::debug!(%address, ?usage, "refused a socket of {}", this.label);
            }
            Box::pin(async move { allowed })
        });
    }

    /// Where a socket is really bound that a guest wants at this address.
    fn bind_at(&self, protocol: Protocol, wanted: SocketAddr) -> Result<SocketAddr, ErrorCode> {
        if !wanted.ip().is_loopback() {
            return Ok(wanted);
        }
        if !self.is_service {
            tracing::debug!(address = %wanted, "refused a socket of {}", self.label);
            return Err(ErrorCode::AccessDenied);
        }
        // A port that the service has already may be free again, or is in use:
        // the system knows.
        let real = self
            .loopback
            .real_port(protocol, wanted.ip(), wanted.port());
        Ok(SocketAddr::new(wanted.ip(), real.unwrap_or(0)))
    }

    /// A guest has bound a socket.
    fn bound(&self, protocol: Protocol, wanted: SocketAddr, real: SocketAddr) -> Option<Lease> {
        match protocol {
            _ if wanted.ip().is_loopback() => {
                Some(self.loopback.open(protocol, real, wanted.port()))
            }
            Protocol::Udp => Some(self.loopback.add_udp_peer(real)),
            Protocol::Tcp => None,
        }
    }

    /// Where a guest really gets to with this address.
    fn reach(&self, protocol: Protocol, wanted: SocketAddr) -> Result<Reached, ErrorCode> {
        let (ip, port) = (wanted.ip(), wanted.port());
        // Port 0 is no address at all, which others will say.
        if !ip.is_loopback() || port == 0 {
            return Ok(Reached::elsewhere(wanted));
        }
        if let Some(real) = self.loopback.real_port(protocol, ip, port) {
            return Ok(Reached {
                address: SocketAddr::new(ip, real),
                is_service: true,
            });
        }
        if self.reaches_as_it_is(protocol, wanted) {
            return Ok(Reached::elsewhere(wanted));
        }
        tracing::debug!(address = %wanted, "refused a connection of {}", self.label);
        Err(ErrorCode::ConnectionRefused)
    }

    /// What a guest takes a real address for.
    fn shown(&self, protocol: Protocol, real: SocketAddr) -> SocketAddr {
        let mut shown = real;
        if let Some(port) = self.loopback.known_port(protocol, real.ip(), real.port()) {
            shown.set_port(port);
        }
        shown
    }

    fn allows(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        let ip = address.ip().to_canonical();
        let port = address.port();
        let listens = self.is_service && ip.is_loopback();
        match usage {
            // That of a socket that is about to connect; as it is bound
            // nowhere in particular, it may not listen.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if is_implicit(ip, port) => true,
            // So that the service knows who connects; see `p2` and `p3`.
            SocketAddrUse::TcpBind => listens || (ip.is_loopback() && port == 0),
            SocketAddrUse::TcpListen | SocketAddrUse::UdpBind => listens,
            SocketAddrUse::TcpAccept => listens && self.loopback.take_caller(address),
            SocketAddrUse::TcpConnect => self.reaches(Protocol::Tcp, ip, port),
            SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {
                self.reaches(Protocol::Udp, ip, port)
            }
        }
    }

    /// Whether a guest knows an address of the loopback as what it really is.
    fn reaches_as_it_is(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let is_of_host = (self.host_ports).contains(&AllowedLoopbackPort(address.port()));
        // The service answers who has sent it something.
        let is_peer = self.is_service && protocol == Protocol::Udp;
        is_of_host || (is_peer && self.loopback.is_udp_peer(address))
    }

    /// Whether a guest may have to do with a real address.
    fn reaches(&self, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
        if ip.is_loopback() || ip.is_unspecified() {
            return self.loopback.known_port(protocol, ip, port).is_some()
                || self.reaches_as_it_is(protocol, SocketAddr::new(ip, port));
        }
        let scheme = match protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let uri = format!("{scheme}://{}/", SocketAddr::new(ip, port)).parse::<Uri>();
        uri.is_ok_and(|uri| self.allowed_hosts.iter().any(|host| host.matches(&uri)))
    }
}

impl SharedCtx {
    /// The running guest has bound a socket.
    fn bound(&mut self, protocol: Protocol, socket: u32, wanted: SocketAddr, real: SocketAddr) {
        let lease = self.active_ctx.sockets.bound(protocol, wanted, real);
        if let Some(lease) = lease {
            self.ports.hold(protocol, socket, lease);
        }
    }
}

/// Where a guest gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    address: SocketAddr,
    /// It is the workload's service that is there.
    is_service: bool,
}

impl Reached {
    fn elsewhere(address: SocketAddr) -> Self {
        Self {
            address,
            is_service: false,
        }
    }
}

/// The answer to a guest, or the trap that an error means.
fn answer<T, E>(
    result: Result<T, wasmtime_wasi::TrappableError<E>>,
) -> wasmtime::Result<(Result<T, E>,)>
where
    E: std::error::Error + Send + Sync + 'static,
{
    Ok((match result {
        Ok(value) => Ok(value),
        Err(error) => Err(error.downcast()?),
    },))
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

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn allows(policy: &SocketPolicy, usage: SocketAddrUse, to: &str) -> bool {
        policy.allows(address(to), usage)
    }

    fn reach(policy: &SocketPolicy, protocol: Protocol, to: &str) -> Option<String> {
        let reached = policy.reach(protocol, address(to)).ok()?;
        Some(reached.address.to_string())
    }

    #[test]
    fn a_service_listens_on_the_loopback_only() {
        let workload = workload(&["*"], &[80]);
        for usage in [TcpBind, TcpListen, UdpBind] {
            for loopback in ["127.0.0.1:80", "[::1]:80"] {
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
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let wanted = address("127.0.0.1:0");
            assert!(workload.component.bind_at(protocol, wanted).is_err());
        }
    }

    #[test]
    fn a_service_hears_of_its_workload_only() {
        let workload = workload(&["*"], &[]);
        let peer = address("127.0.0.1:4000");
        for usage in [TcpAccept, UdpReceive] {
            assert!(!allows(&workload.service, usage, "127.0.0.1:4000"));
        }
        workload.service.loopback.expect_caller(peer);
        assert!(!allows(&workload.component, TcpAccept, "127.0.0.1:4000"));
        assert!(allows(&workload.service, TcpAccept, "127.0.0.1:4000"));
        assert!(!allows(&workload.service, TcpAccept, "127.0.0.1:4000"));
        let wanted = address("0.0.0.0:0");
        let lease = workload.component.bound(Protocol::Udp, wanted, peer);
        assert!(allows(&workload.service, UdpReceive, "127.0.0.1:4000"));
        assert!(allows(&workload.service, UdpSend, "127.0.0.1:4000"));
        assert!(!allows(&workload.component, UdpSend, "127.0.0.1:4000"));
        drop(lease);
        assert!(!allows(&workload.service, UdpReceive, "127.0.0.1:4000"));
    }

    #[test]
    fn guests_reach_what_their_service_listens_at() {
        let (one, other) = (workload(&["*"], &[]), workload(&["*"], &[]));
        for (protocol, usage) in [(Protocol::Tcp, TcpConnect), (Protocol::Udp, UdpSend)] {
            let (wanted, real) = (address("127.0.0.1:80"), address("127.0.0.1:40000"));
            assert_eq!(reach(&one.component, protocol, "127.0.0.1:80"), None);
            let lease = one.service.bound(protocol, wanted, real);
            for policy in [&one.service, &one.component] {
                let reached = reach(policy, protocol, "127.0.0.1:80");
                assert_eq!(reached.as_deref(), Some("127.0.0.1:40000"));
                assert!(allows(policy, usage, "127.0.0.1:40000"));
                assert_eq!(policy.shown(protocol, real), wanted);
                for nobody in ["127.0.0.2:80", "[::1]:80", "127.0.0.1:40000"] {
                    assert_eq!(reach(policy, protocol, nobody), None, "{nobody}");
                }
            }
            assert_eq!(reach(&other.component, protocol, "127.0.0.1:80"), None);
            assert!(!allows(&other.component, usage, "127.0.0.1:40000"));
            drop(lease);
            assert_eq!(reach(&one.component, protocol, "127.0.0.1:80"), None);
        }
    }

    #[test]
    fn ports_of_the_host_are_reached_if_they_are_allowed() {
        let workload = workload(&[], &[5432]);
        for (port, allowed) in [(5432, true), (5433, false)] {
            let to = format!("127.0.0.1:{port}");
            assert_eq!(allows(&workload.component, TcpConnect, &to), allowed);
            let reached = reach(&workload.component, Protocol::Tcp, &to);
            assert_eq!(reached, allowed.then_some(to));
        }
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
