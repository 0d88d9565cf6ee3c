//! Whether requests can be passed on to a server.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// How HTTP/2 begins, with settings that say nothing. Who speaks only HTTP/1
/// has an answer to it as well, and no workload is asked.
const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// How TLS says that something else was expected.
const ALERT: u8 = 0x15;

/// Connects, and sees whether TLS is wanted.
pub(in crate::rebuilt) async fn reach(addr: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(addr).await.context("cannot connect")?;
    stream.writable().await?;
    stream.try_write(BEGIN)?;
    let mut first = [0];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut first) {
            Ok(1) if first == [ALERT] => bail!("it wants TLS"),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("it ends the connection"),
        }
    }
}
