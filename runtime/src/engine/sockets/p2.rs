//! The functions of `wasi:sockets` 0.2 that have to do with addresses.

use std::net::SocketAddr;

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceType},
};
use wasmtime_wasi::{
    p2::{
        SocketResult, TcpSocket, UdpSocket,
        bindings::sockets::{
            network::{IpSocketAddress, Network},
            tcp::HostTcpSocket,
            udp::{
                HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket,
                IncomingDatagram, IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
            },
        },
    },
    sockets::WasiSocketsView,
};

use super::{Protocol, answer};
use crate::engine::ctx::SharedCtx;

const TCP: &str = "wasi:sockets/tcp@0.2.12";
const UDP: &str = "wasi:sockets/udp@0.2.12";

type Ctx<'a> = StoreContextMut<'a, SharedCtx>;

pub(super) fn link(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    link_tcp(linker)?;
    link_udp(linker)
}

fn link_tcp(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    let mut tcp = linker.instance(TCP)?;
    tcp.func_wrap_async(
        "[method]tcp-socket.start-bind",
        |mut store: Ctx<'_>, (this, network, address): (_, _, IpSocketAddress)| {
            Box::new(async move {
                answer(tcp_bind(store.data_mut(), this, network, address.into()).await)
            })
        },
    )?;
    tcp.func_wrap_async(
        "[method]tcp-socket.start-connect",
        |mut store: Ctx<'_>, (this, network, address): (_, _, IpSocketAddress)| {
            Box::new(async move {
                answer(tcp_connect(store.data_mut(), this, network, address.into()).await)
            })
        },
    )?;
    tcp.func_wrap(
        "[method]tcp-socket.local-address",
        |mut store: Ctx<'_>, (this,): (Resource<TcpSocket>,)| {
            let address = HostTcpSocket::local_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Tcp, address))
        },
    )?;
    tcp.func_wrap(
        "[method]tcp-socket.remote-address",
        |mut store: Ctx<'_>, (this,): (Resource<TcpSocket>,)| {
            let address = HostTcpSocket::remote_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Tcp, address))
        },
    )?;
    tcp.resource(
        "tcp-socket",
        ResourceType::host::<TcpSocket>(),
        |mut store, rep| {
            let data = store.data_mut();
            data.ports.dropped(Protocol::Tcp, rep, false);
            HostTcpSocket::drop(&mut data.sockets(), Resource::new_own(rep))
        },
    )
}

fn link_udp(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    let mut udp = linker.instance(UDP)?;
    udp.func_wrap_async(
        "[method]udp-socket.start-bind",
        |mut store: Ctx<'_>, (this, network, address): (_, _, IpSocketAddress)| {
            Box::new(async move {
                answer(udp_bind(store.data_mut(), this, network, address.into()).await)
            })
        },
    )?;
    udp.func_wrap_async(
        "[method]udp-socket.stream",
        |mut store: Ctx<'_>, (this, remote): (_, Option<IpSocketAddress>)| {
            Box::new(async move { answer(udp_stream(store.data_mut(), this, remote).await) })
        },
    )?;
    udp.func_wrap(
        "[method]udp-socket.local-address",
        |mut store: Ctx<'_>, (this,): (Resource<UdpSocket>,)| {
            let address = HostUdpSocket::local_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Udp, address))
        },
    )?;
    udp.func_wrap(
        "[method]udp-socket.remote-address",
        |mut store: Ctx<'_>, (this,): (Resource<UdpSocket>,)| {
            let address = HostUdpSocket::remote_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Udp, address))
        },
    )?;
    udp.func_wrap(
        "[method]incoming-datagram-stream.receive",
        |mut store: Ctx<'_>, (this, most)| answer(udp_receive(store.data_mut(), this, most)),
    )?;
    udp.func_wrap(
        "[method]outgoing-datagram-stream.send",
        |mut store: Ctx<'_>, (this, datagrams)| answer(udp_send(store.data_mut(), this, datagrams)),
    )?;
    udp.resource(
        "udp-socket",
        ResourceType::host::<UdpSocket>(),
        |mut store, rep| {
            let data = store.data_mut();
            data.ports.dropped(Protocol::Udp, rep, false);
            HostUdpSocket::drop(&mut data.sockets(), Resource::new_own(rep))
        },
    )
}

/// The same handle for another call.
fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

fn shown(
    data: &SharedCtx,
    protocol: Protocol,
    address: SocketResult<IpSocketAddress>,
) -> SocketResult<IpSocketAddress> {
    let policy = &data.active_ctx.sockets;
    Ok(policy.shown(protocol, address?.into()).into())
}

async fn tcp_bind(
    data: &mut SharedCtx,
    this: Resource<TcpSocket>,
    network: Resource<Network>,
    wanted: SocketAddr,
) -> SocketResult<()> {
    let address = data.active_ctx.sockets.bind_at(Protocol::Tcp, wanted)?;
    let mut sockets = data.sockets();
    HostTcpSocket::start_bind(&mut sockets, again(&this), network, address.into()).await?;
    let real = HostTcpSocket::local_address(&mut sockets, again(&this))?;
    data.bound(Protocol::Tcp, this.rep(), wanted, real.into());
    Ok(())
}

async fn tcp_connect(
    data: &mut SharedCtx,
    this: Resource<TcpSocket>,
    network: Resource<Network>,
    wanted: SocketAddr,
) -> SocketResult<()> {
    let reached = data.active_ctx.sockets.reach(Protocol::Tcp, wanted)?;
    let mut sockets = data.sockets();
    if reached.is_service {
        // Bound here and now, so that the service can be told who is coming.
        let local = match HostTcpSocket::local_address(&mut sockets, again(&this)) {
            Ok(local) => local,
            Err(_) => {
                let any_port = SocketAddr::new(wanted.ip(), 0).into();
                let (socket, network) = (again(&this), again(&network));
                HostTcpSocket::start_bind(&mut sockets, socket, network, any_port).await?;
                HostTcpSocket::finish_bind(&mut sockets, again(&this))?;
                HostTcpSocket::local_address(&mut sockets, again(&this))?
            }
        };
        data.active_ctx.sockets.loopback.expect_caller(local.into());
    }
    HostTcpSocket::start_connect(&mut data.sockets(), this, network, reached.address.into())
}

async fn udp_bind(
    data: &mut SharedCtx,
    this: Resource<UdpSocket>,
    network: Resource<Network>,
    wanted: SocketAddr,
) -> SocketResult<()> {
    let address = data.active_ctx.sockets.bind_at(Protocol::Udp, wanted)?;
    let mut sockets = data.sockets();
    HostUdpSocket::start_bind(&mut sockets, again(&this), network, address.into()).await?;
    let real = HostUdpSocket::local_address(&mut sockets, again(&this))?;
    data.bound(Protocol::Udp, this.rep(), wanted, real.into());
    Ok(())
}

async fn udp_stream(
    data: &mut SharedCtx,
    this: Resource<UdpSocket>,
    remote: Option<IpSocketAddress>,
) -> SocketResult<(
    Resource<IncomingDatagramStream>,
    Resource<OutgoingDatagramStream>,
)> {
    let remote = match remote {
        Some(wanted) => {
            let policy = &data.active_ctx.sockets;
            let reached = policy.reach(Protocol::Udp, wanted.into())?;
            Some(reached.address.into())
        }
        None => None,
    };
    HostUdpSocket::stream(&mut data.sockets(), this, remote).await
}

fn udp_receive(
    data: &mut SharedCtx,
    this: Resource<IncomingDatagramStream>,
    most: u64,
) -> SocketResult<Vec<IncomingDatagram>> {
    let mut received = HostIncomingDatagramStream::receive(&mut data.sockets(), this, most)?;
    for datagram in &mut received {
        let real = datagram.remote_address.into();
        let policy = &data.active_ctx.sockets;
        datagram.remote_address = policy.shown(Protocol::Udp, real).into();
    }
    Ok(received)
}

fn udp_send(
    data: &mut SharedCtx,
    this: Resource<OutgoingDatagramStream>,
    mut datagrams: Vec<OutgoingDatagram>,
) -> SocketResult<u64> {
    let mut sendable = 0;
    for datagram in &mut datagrams {
        if let Some(wanted) = datagram.remote_address {
            match data.active_ctx.sockets.reach(Protocol::Udp, wanted.into()) {
                Ok(reached) => datagram.remote_address = Some(reached.address.into()),
                // An error is told of the first only.
                Err(_) if sendable > 0 => break,
                Err(code) => return Err(code.into()),
            }
        }
        sendable += 1;
    }
    datagrams.truncate(sendable);
    HostOutgoingDatagramStream::send(&mut data.sockets(), this, datagrams)
}
