//! A service and a client for the tests of sockets. As a service it listens at
//! port 7000 of 127.0.0.1, for TCP and UDP, and at any port for TCP, and tells
//! everybody its `NAME` and these ports. As a client it says what it is told.

use wasip2::cli::environment::get_environment;
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Network,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::{OutgoingDatagram, UdpSocket};
use wasip2::sockets::udp_create_socket::create_udp_socket;

wit_bindgen::generate!({
    path: "../../wit/sockets",
    world: "sockets-p2",
});

struct Sockets;

export!(Sockets);
wasip2::cli::command::export!(Sockets);

const PORT: u16 = 7000;
const LOOPBACK: (u8, u8, u8, u8) = (127, 0, 0, 1);
const ANY: (u8, u8, u8, u8) = (0, 0, 0, 0);

impl wasip2::exports::cli::run::Guest for Sockets {
    fn run() -> Result<(), ()> {
        serve().map_err(|error| println!("the service of sockets-p2: {error:?}"))
    }
}

impl exports::test::sockets::client::Guest for Sockets {
    fn ask(protocol: String, port: u16) -> Result<String, String> {
        let network = instance_network();
        match protocol.as_str() {
            "tcp" => ask_by_tcp(&network, port),
            _ => ask_by_udp(&network, port),
        }
        .map_err(|error| format!("{error:?}"))
    }
}

fn serve() -> Result<(), ErrorCode> {
    let environment = get_environment();
    let name = environment.iter().find(|(name, _)| name == "NAME");
    let name = name.map_or("", |(_, value)| value.as_str());
    let network = instance_network();
    let listeners = [listen(&network, PORT)?, listen(&network, 0)?];
    let any = port_of(listeners[1].local_address()?);
    let udp = bound(&network, LOOPBACK, PORT)?;
    let (incoming, outgoing) = udp.stream(None)?;
    let ready = [
        listeners[0].subscribe(),
        listeners[1].subscribe(),
        incoming.subscribe(),
    ];
    loop {
        poll(&ready.each_ref());
        for listener in &listeners {
            if let Ok((socket, input, output)) = listener.accept() {
                let port = port_of(socket.local_address()?);
                let text = format!("{name} at {port}, any is {any}");
                output.blocking_write_and_flush(text.as_bytes()).ok();
                drop((input, output));
            }
        }
        for datagram in incoming.receive(16)? {
            let port = port_of(udp.local_address()?);
            outgoing.check_send()?;
            outgoing.send(&[OutgoingDatagram {
                data: format!("{name} at {port}, any is {any}").into_bytes(),
                remote_address: Some(datagram.remote_address),
            }])?;
        }
    }
}

fn ask_by_tcp(network: &Network, port: u16) -> Result<String, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(network, at(LOOPBACK, port))?;
    let (input, output) = loop {
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            connected => break connected?,
        }
    };
    let mut told = Vec::new();
    loop {
        match input.blocking_read(1 << 10) {
            Ok(chunk) => told.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return Err(ErrorCode::ConnectionReset),
        }
    }
    drop((input, output));
    Ok(report(told, socket.remote_address()?))
}

fn ask_by_udp(network: &Network, port: u16) -> Result<String, ErrorCode> {
    let socket = bound(network, ANY, 0)?;
    let (incoming, outgoing) = socket.stream(None)?;
    outgoing.check_send()?;
    outgoing.send(&[OutgoingDatagram {
        data: b"?".to_vec(),
        remote_address: Some(at(LOOPBACK, port)),
    }])?;
    loop {
        incoming.subscribe().block();
        if let Some(datagram) = incoming.receive(1)?.pop() {
            return Ok(report(datagram.data, datagram.remote_address));
        }
    }
}

fn report(told: Vec<u8>, from: IpSocketAddress) -> String {
    let told = String::from_utf8_lossy(&told);
    format!("{told}, from {}", port_of(from))
}

fn listen(network: &Network, port: u16) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(network, at(LOOPBACK, port))?;
    socket.finish_bind()?;
    socket.start_listen()?;
    socket.finish_listen()?;
    Ok(socket)
}

fn bound(network: &Network, ip: (u8, u8, u8, u8), port: u16) -> Result<UdpSocket, ErrorCode> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(network, at(ip, port))?;
    socket.finish_bind()?;
    Ok(socket)
}

fn at(address: (u8, u8, u8, u8), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
}

fn port_of(address: IpSocketAddress) -> u16 {
    match address {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    }
}
