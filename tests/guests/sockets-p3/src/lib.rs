//! As `sockets-p2`, for WASI 0.3.

use wasip3::cli::environment::get_environment;
use wasip3::sockets::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};
use wasip3::wit_stream;
use wit_bindgen::{StreamReader, spawn_local};

wit_bindgen::generate!({
    path: "../../wit/sockets",
    world: "sockets-p3",
});

struct Sockets;

export!(Sockets);
wasip3::cli::command::export!(Sockets);

const PORT: u16 = 7000;

impl wasip3::exports::cli::run::Guest for Sockets {
    async fn run() -> Result<(), ()> {
        serve().await.map_err(|error| println!("the service of sockets-p3: {error:?}"))
    }
}

impl exports::test::sockets::async_client::Guest for Sockets {
    async fn ask(protocol: String, port: u16) -> Result<String, String> {
        match protocol.as_str() {
            "tcp" => ask_by_tcp(port).await,
            _ => ask_by_udp(port).await,
        }
        .map_err(|error| format!("{error:?}"))
    }
}

async fn serve() -> Result<(), ErrorCode> {
    let environment = get_environment();
    let name = environment.iter().find(|(name, _)| name == "NAME");
    let name = name.map_or("", |(_, value)| value.as_str());
    let (_, fixed) = listen(PORT)?;
    let (any, other) = listen(0)?;
    let udp = UdpSocket::create(IpAddressFamily::Ipv4)?;
    udp.bind(at(PORT))?;
    for listener in [fixed, other] {
        let name = name.to_owned();
        spawn_local(async move { accept(listener, &name, any).await });
    }
    loop {
        let (_, from) = udp.receive().await?;
        let port = port_of(udp.get_local_address()?);
        let text = format!("{name} at {port}, any is {any}");
        udp.send(text.into_bytes(), Some(from)).await?;
    }
}

async fn accept(mut listener: StreamReader<TcpSocket>, name: &str, any: u16) {
    while let Some(socket) = listener.next().await {
        let port = socket.get_local_address().map_or(0, port_of);
        let (mut writer, reader) = wit_stream::new();
        let sent = socket.send(reader);
        writer.write_all(format!("{name} at {port}, any is {any}").into_bytes()).await;
        drop(writer);
        sent.await.ok();
    }
}

async fn ask_by_tcp(port: u16) -> Result<String, ErrorCode> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.connect(at(port)).await?;
    let (told, ended) = socket.receive();
    let told = told.collect().await;
    ended.await?;
    Ok(report(told, socket.get_remote_address()?))
}

async fn ask_by_udp(port: u16) -> Result<String, ErrorCode> {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    socket.send(b"?".to_vec(), Some(at(port))).await?;
    let (told, from) = socket.receive().await?;
    Ok(report(told, from))
}

fn report(told: Vec<u8>, from: IpSocketAddress) -> String {
    let told = String::from_utf8_lossy(&told);
    format!("{told}, from {}", port_of(from))
}

/// The port, and the connections to it, which come without the socket too.
fn listen(port: u16) -> Result<(u16, StreamReader<TcpSocket>), ErrorCode> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.bind(at(port))?;
    let connections = socket.listen()?;
    Ok((port_of(socket.get_local_address()?), connections))
}

fn at(port: u16) -> IpSocketAddress {
    let address = (127, 0, 0, 1);
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
}

fn port_of(address: IpSocketAddress) -> u16 {
    match address {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    }
}
