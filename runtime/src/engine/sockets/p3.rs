//! The functions of `wasi:sockets` 0.3 that have to do with addresses.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    task::{Context, Poll, Waker},
};

use wasmtime::{
    StoreContextMut,
    component::{Accessor, Linker, Resource, ResourceType},
};
use wasmtime_wasi::{
    p3::{
        bindings::sockets::types::{
            ErrorCode, HostTcpSocket, HostTcpSocketWithStore, HostUdpSocket,
            HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress, TcpSocket, UdpSocket,
        },
        sockets::SocketResult,
    },
    sockets::{WasiSockets, WasiSocketsView},
};

use super::{Protocol, answer};
use crate::engine::ctx::SharedCtx;

const TYPES: &str = "wasi:sockets/types@0.3.0";

type Ctx<'a> = StoreContextMut<'a, SharedCtx>;

pub(super) fn link(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    link_tcp(linker)?;
    link_udp(linker)
}

fn link_tcp(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]tcp-socket.bind",
        |mut store: Ctx<'_>, (this, address): (_, IpSocketAddress)| {
            Box::new(async move { answer(tcp_bind(store.data_mut(), this, address.into()).await) })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]tcp-socket.connect",
        |accessor: &Accessor<SharedCtx>, (this, address)| {
            Box::pin(async move { answer(tcp_connect(accessor, this, address).await) })
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.get-local-address",
        |mut store: Ctx<'_>, (this,): (Resource<TcpSocket>,)| {
            let address = HostTcpSocket::get_local_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Tcp, address))
        },
    )?;
    types.func_wrap(
        "[method]tcp-socket.get-remote-address",
        |mut store: Ctx<'_>, (this,): (Resource<TcpSocket>,)| {
            let address = HostTcpSocket::get_remote_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Tcp, address))
        },
    )?;
    types.resource(
        "tcp-socket",
        ResourceType::host::<TcpSocket>(),
        |mut store, rep| {
            let data = store.data_mut();
            let listens = data.ports.holds(Protocol::Tcp, rep)
                && HostTcpSocket::get_is_listening(&mut data.sockets(), Resource::new_borrow(rep))?;
            data.ports.dropped(Protocol::Tcp, rep, listens);
            HostTcpSocket::drop(&mut data.sockets(), Resource::new_own(rep))
        },
    )
}

fn link_udp(linker: &mut Linker<SharedCtx>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]udp-socket.bind",
        |mut store: Ctx<'_>, (this, address): (Resource<UdpSocket>, IpSocketAddress)| {
            Box::new(async move { answer(udp_bind(store.data_mut(), &this, address.into()).await) })
        },
    )?;
    types.func_wrap_async(
        "[method]udp-socket.connect",
        |mut store: Ctx<'_>, (this, address): (_, IpSocketAddress)| {
            Box::new(
                async move { answer(udp_connect(store.data_mut(), this, address.into()).await) },
            )
        },
    )?;
    types.func_wrap_concurrent(
        "[method]udp-socket.send",
        |accessor: &Accessor<SharedCtx>, (this, data, remote)| {
            Box::pin(async move { answer(udp_send(accessor, this, data, remote).await) })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]udp-socket.receive",
        |accessor: &Accessor<SharedCtx>, (this,)| {
            Box::pin(async move { answer(udp_receive(accessor, this).await) })
        },
    )?;
    types.func_wrap(
        "[method]udp-socket.get-local-address",
        |mut store: Ctx<'_>, (this,): (Resource<UdpSocket>,)| {
            let address = HostUdpSocket::get_local_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Udp, address))
        },
    )?;
    types.func_wrap(
        "[method]udp-socket.get-remote-address",
        |mut store: Ctx<'_>, (this,): (Resource<UdpSocket>,)| {
            let address = HostUdpSocket::get_remote_address(&mut store.data_mut().sockets(), this);
            answer(shown(store.data_mut(), Protocol::Udp, address))
        },
    )?;
    types.resource(
        "udp-socket",
        ResourceType::host::<UdpSocket>(),
        |mut store, rep| {
            let data = store.data_mut();
            data.ports.dropped(Protocol::Udp, rep, false);
            HostUdpSocket::drop(&mut data.sockets(), Resource::new_own(rep))
        },
    )
}

fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

/// What a future gives that never waits: those of binding wait for nothing but
/// the check of the address, which is ours. The store cannot be left meanwhile.
fn at_once<T>(future: impl Future<Output = SocketResult<T>>) -> SocketResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorCode::Other(None).into()),
    }
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
    wanted: SocketAddr,
) -> SocketResult<()> {
    let address = data.active_ctx.sockets.bind_at(Protocol::Tcp, wanted)?;
    let mut sockets = data.sockets();
    HostTcpSocket::bind(&mut sockets, again(&this), address.into()).await?;
    let real = HostTcpSocket::get_local_address(&mut sockets, again(&this))?;
    data.bound(Protocol::Tcp, this.rep(), wanted, real.into());
    Ok(())
}

async fn tcp_connect(
    accessor: &Accessor<SharedCtx>,
    this: Resource<TcpSocket>,
    wanted: IpSocketAddress,
) -> SocketResult<()> {
    let real = accessor.with(|mut access| announce(access.data_mut(), &this, wanted.into()))?;
    let sockets = accessor.with_getter::<WasiSockets>(SharedCtx::sockets);
    WasiSockets::connect(&sockets, this, real.into()).await
}

/// Where the guest gets to. The workload's service is told that it is coming,
/// for which the socket is bound here and now.
fn announce(
    data: &mut SharedCtx,
    this: &Resource<TcpSocket>,
    wanted: SocketAddr,
) -> SocketResult<SocketAddr> {
    let reached = data.active_ctx.sockets.reach(Protocol::Tcp, wanted)?;
    if reached.is_service {
        let mut sockets = data.sockets();
        let local = match HostTcpSocket::get_local_address(&mut sockets, again(this)) {
            Ok(local) => local,
            Err(_) => {
                let any_port = SocketAddr::new(wanted.ip(), 0).into();
                at_once(HostTcpSocket::bind(&mut sockets, again(this), any_port))?;
                HostTcpSocket::get_local_address(&mut sockets, again(this))?
            }
        };
        data.active_ctx.sockets.loopback.expect_caller(local.into());
    }
    Ok(reached.address)
}

async fn udp_bind(
    data: &mut SharedCtx,
    this: &Resource<UdpSocket>,
    wanted: SocketAddr,
) -> SocketResult<()> {
    let address = data.active_ctx.sockets.bind_at(Protocol::Udp, wanted)?;
    let mut sockets = data.sockets();
    HostUdpSocket::bind(&mut sockets, again(this), address.into()).await?;
    let real = HostUdpSocket::get_local_address(&mut sockets, again(this))?;
    data.bound(Protocol::Udp, this.rep(), wanted, real.into());
    Ok(())
}

/// Where the guest gets to. Its socket is bound if it is not yet, so that it is
/// known as one of the workload's before anything is sent from it.
fn reach_by_udp(
    data: &mut SharedCtx,
    this: &Resource<UdpSocket>,
    wanted: IpSocketAddress,
) -> SocketResult<IpSocketAddress> {
    let policy = &data.active_ctx.sockets;
    let reached = policy.reach(Protocol::Udp, wanted.into())?;
    if !data.ports.holds(Protocol::Udp, this.rep()) {
        let family = HostUdpSocket::get_address_family(&mut data.sockets(), again(this));
        let any: IpAddr = match family.map_err(wasmtime_wasi::TrappableError::trap)? {
            IpAddressFamily::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            IpAddressFamily::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        at_once(udp_bind(data, this, SocketAddr::new(any, 0)))?;
    }
    Ok(reached.address.into())
}

async fn udp_connect(
    data: &mut SharedCtx,
    this: Resource<UdpSocket>,
    wanted: SocketAddr,
) -> SocketResult<()> {
    let real = reach_by_udp(data, &this, wanted.into())?;
    HostUdpSocket::connect(&mut data.sockets(), this, real).await
}

async fn udp_send(
    accessor: &Accessor<SharedCtx>,
    this: Resource<UdpSocket>,
    data: Vec<u8>,
    remote: Option<IpSocketAddress>,
) -> SocketResult<()> {
    let remote = match remote {
        Some(wanted) => {
            Some(accessor.with(|mut access| reach_by_udp(access.data_mut(), &this, wanted))?)
        }
        None => None,
    };
    let sockets = accessor.with_getter::<WasiSockets>(SharedCtx::sockets);
    <WasiSockets as HostUdpSocketWithStore<_>>::send(&sockets, this, data, remote).await
}

async fn udp_receive(
    accessor: &Accessor<SharedCtx>,
    this: Resource<UdpSocket>,
) -> SocketResult<(Vec<u8>, IpSocketAddress)> {
    let sockets = accessor.with_getter::<WasiSockets>(SharedCtx::sockets);
    let (data, from) = <WasiSockets as HostUdpSocketWithStore<_>>::receive(&sockets, this).await?;
    accessor.with(|mut access| {
        let from = shown(access.data_mut(), Protocol::Udp, Ok(from))?;
        Ok((data, from))
    })
}
