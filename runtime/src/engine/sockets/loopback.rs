//! The loopback of one workload: which ports its guests have, and which ports
//! of the machine these really are.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::net::TcpSocket;

/// The first of the ports that are for whoever wants any.
const FIRST_FREE_PORT: u16 = 49152;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// An address, without what IPv6 adds to it.
type Endpoint = (Protocol, IpAddr, u16);

/// A port from which guests send or connect, whatever address it is bound to.
type Peer = (Protocol, bool, u16);

/// The loopback of a workload.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    ports: Mutex<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    /// What the workload's guests take for an address of its service.
    opened: HashMap<Endpoint, Opened>,
    /// By the real address, the port that guests know it by.
    known: HashMap<Endpoint, u16>,
    /// How many UDP sockets have the port, or TCP connections from it were not
    /// accepted yet.
    peers: HashMap<Peer, usize>,
}

#[derive(Debug)]
struct Opened {
    real_port: u16,
    /// How many leases there are.
    leases: usize,
    /// Keeps the real port from everybody else, for those who listen at it.
    reserved: Option<TcpSocket>,
}

impl Loopback {
    /// The real port of an address that the service has opened.
    pub(super) fn real_port(&self, protocol: Protocol, ip: IpAddr, port: u16) -> Option<u16> {
        let ports = self.lock();
        let opened = ports.opened.get(&(protocol, ip, port))?;
        Some(opened.real_port)
    }

    /// The port that guests know a real address by, if the service has it.
    pub(super) fn known_port(&self, protocol: Protocol, ip: IpAddr, port: u16) -> Option<u16> {
        self.lock().known.get(&(protocol, ip, port)).copied()
    }

    /// The service has bound a socket to this real address. `port` is what
    /// guests know it by; 0 for any.
    pub(super) fn open(self: &Arc<Self>, protocol: Protocol, real: SocketAddr, port: u16) -> Lease {
        let mut ports = self.lock();
        let port = match port {
            0 => ports.free(protocol, real),
            port => port,
        };
        let opened = (ports.opened)
            .entry((protocol, real.ip(), port))
            .or_insert_with(|| Opened {
                real_port: real.port(),
                leases: 0,
                reserved: (protocol == Protocol::Tcp).then(|| reserve(real)).flatten(),
            });
        opened.leases += 1;
        let is_reserved = opened.reserved.is_some();
        ports.known.insert((protocol, real.ip(), real.port()), port);
        Lease {
            loopback: Arc::clone(self),
            of: Leased::Opened((protocol, real.ip(), port)),
            is_reserved,
        }
    }

    /// A guest has a UDP socket with this real port.
    pub(super) fn add_udp_peer(self: &Arc<Self>, real: SocketAddr) -> Lease {
        let peer = (Protocol::Udp, real.is_ipv4(), real.port());
        self.lock().add_peer(peer);
        Lease {
            loopback: Arc::clone(self),
            of: Leased::Peer(peer),
            is_reserved: false,
        }
    }

    pub(super) fn is_udp_peer(&self, address: SocketAddr) -> bool {
        let peer = (Protocol::Udp, address.is_ipv4(), address.port());
        self.lock().peers.contains_key(&peer)
    }

    /// A guest is about to connect from this port to the service.
    pub(super) fn expect_caller(&self, real: SocketAddr) {
        self.lock()
            .add_peer((Protocol::Tcp, real.is_ipv4(), real.port()));
    }

    /// Whether who has connected is a guest of the workload. Yes once for each
    /// connection that was expected: the port is somebody else's afterwards.
    pub(super) fn take_caller(&self, address: SocketAddr) -> bool {
        self.lock()
            .remove_peer((Protocol::Tcp, address.is_ipv4(), address.port()))
    }

    fn lock(&self) -> MutexGuard<'_, Ports> {
        // No code that could panic runs under the lock.
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    /// A port for a guest that wants any: the real one, if it can be.
    fn free(&self, protocol: Protocol, real: SocketAddr) -> u16 {
        let is_free = |port: &u16| !self.opened.contains_key(&(protocol, real.ip(), *port));
        [real.port()]
            .into_iter()
            .chain(FIRST_FREE_PORT..=u16::MAX)
            .find(is_free)
            .unwrap_or(real.port())
    }

    fn add_peer(&mut self, peer: Peer) {
        *self.peers.entry(peer).or_default() += 1;
    }

    fn remove_peer(&mut self, peer: Peer) -> bool {
        let Some(count) = self.peers.get_mut(&peer) else {
            return false;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.peers.remove(&peer);
        }
        true
    }

    fn close(&mut self, endpoint: Endpoint) {
        let Some(opened) = self.opened.get_mut(&endpoint) else {
            return;
        };
        opened.leases = opened.leases.saturating_sub(1);
        if opened.leases == 0 {
            let (protocol, ip, _) = endpoint;
            self.known.remove(&(protocol, ip, opened.real_port));
            self.opened.remove(&endpoint);
        }
    }
}

/// Binds a second socket to a port. It never listens, so it is in nobody's way;
/// but as long as it is there, no other program is given the port.
///
/// Not every system allows it.
fn reserve(address: SocketAddr) -> Option<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(address).ok()?;
    Some(socket)
}

/// A port that belongs to the workload until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    loopback: Arc<Loopback>,
    of: Leased,
    is_reserved: bool,
}

#[derive(Clone, Copy, Debug)]
enum Leased {
    Opened(Endpoint),
    Peer(Peer),
}

impl Lease {
    /// Whether nobody else is given the real port, even when the socket is
    /// closed.
    fn is_reserved(&self) -> bool {
        self.is_reserved
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut ports = self.loopback.lock();
        match self.of {
            Leased::Opened(endpoint) => ports.close(endpoint),
            Leased::Peer(peer) => {
                ports.remove_peer(peer);
            }
        }
    }
}

/// How many ports a store keeps of sockets that are gone.
const MAX_KEPT: usize = 64;

/// The ports of the sockets in a store.
#[derive(Debug, Default)]
pub(crate) struct StorePorts {
    of_sockets: HashMap<(Protocol, u32), Lease>,
    kept: Vec<Lease>,
}

impl StorePorts {
    /// The port goes when the socket does, or the store.
    pub(super) fn hold(&mut self, protocol: Protocol, socket: u32, lease: Lease) {
        self.of_sockets.insert((protocol, socket), lease);
    }

    pub(super) fn holds(&self, protocol: Protocol, socket: u32) -> bool {
        self.of_sockets.contains_key(&(protocol, socket))
    }

    /// The socket was dropped. In WASI 0.3 its connections may be accepted
    /// nevertheless, from a stream of them; then its port stays until the store
    /// goes.
    pub(super) fn dropped(&mut self, protocol: Protocol, socket: u32, listens: bool) {
        let lease = self.of_sockets.remove(&(protocol, socket));
        let keeps = listens && self.kept.len() < MAX_KEPT;
        self.kept
            .extend(lease.filter(|lease| keeps && lease.is_reserved()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn real_port(loopback: &Loopback, port: u16) -> Option<u16> {
        loopback.real_port(Protocol::Udp, address("127.0.0.1:0").ip(), port)
    }

    #[test]
    fn a_port_is_known_until_its_last_lease_ends() {
        let loopback = Arc::new(Loopback::default());
        let real = address("127.0.0.1:40000");
        let first = loopback.open(Protocol::Udp, real, 7000);
        let second = loopback.open(Protocol::Udp, real, 7000);
        assert_eq!(real_port(&loopback, 7000), Some(40000));
        let known = loopback.known_port(Protocol::Udp, real.ip(), 40000);
        assert_eq!(known, Some(7000));
        drop(first);
        assert_eq!(real_port(&loopback, 7000), Some(40000));
        drop(second);
        assert_eq!(real_port(&loopback, 7000), None);
        let known = loopback.known_port(Protocol::Udp, real.ip(), 40000);
        assert_eq!(known, None);
    }

    #[test]
    fn any_port_is_one_that_is_not_taken() {
        let loopback = Arc::new(Loopback::default());
        let _taken = loopback.open(Protocol::Udp, address("127.0.0.1:40000"), 40001);
        let _same = loopback.open(Protocol::Udp, address("127.0.0.1:40002"), 0);
        let _other = loopback.open(Protocol::Udp, address("127.0.0.1:40001"), 0);
        assert_eq!(real_port(&loopback, 40001), Some(40000));
        assert_eq!(real_port(&loopback, 40002), Some(40002));
        assert_eq!(real_port(&loopback, FIRST_FREE_PORT), Some(40001));
    }

    #[test]
    fn a_caller_is_let_in_once() {
        let loopback = Loopback::default();
        let caller = address("127.0.0.1:40000");
        assert!(!loopback.take_caller(caller));
        loopback.expect_caller(address("0.0.0.0:40000"));
        assert!(!loopback.take_caller(address("[::1]:40000")));
        assert!(loopback.take_caller(caller));
        assert!(!loopback.take_caller(caller));
    }

    #[test]
    fn a_reserved_port_outlives_its_socket_if_it_was_listened_at() {
        for (listens, kept) in [(true, true), (false, false)] {
            let loopback = Arc::new(Loopback::default());
            let socket = reserve(address("127.0.0.1:0")).unwrap();
            let real = socket.local_addr().unwrap();
            let mut store = StorePorts::default();
            store.hold(Protocol::Tcp, 1, loopback.open(Protocol::Tcp, real, 7000));
            store.dropped(Protocol::Tcp, 1, listens);
            let is_open = || loopback.real_port(Protocol::Tcp, real.ip(), 7000).is_some();
            assert_eq!(is_open(), kept);
            drop(store);
            assert!(!is_open());
        }
    }
}
