//! HTTP/1.1 and HTTP/2, with TLS and without.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use wash_runtime::host::http::{DevRouter, Ingress, TlsConfig};

use crate::support::{Client, any_port, dev, get, hello, host, start};

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let (host, ingress) = dev().await;
    for mut client in [
        Client::connect(ingress.addr()).await,
        Client::connect_h2c(ingress.addr()).await,
    ] {
        for _ in 0..3 {
            assert_eq!(client.answer(get("/")).await.0, StatusCode::OK);
        }
    }
    host.stop().await.unwrap();
}

#[tokio::test]
async fn clients_that_say_nothing_are_not_kept() {
    let (host, ingress) = dev().await;
    // From here on the clock goes on when there is nothing else to do.
    tokio::time::pause();
    for said in ["", "PRI * HTT"] {
        let mut client = TcpStream::connect(ingress.addr()).await.unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(600), read).await;
        // How it ends does not matter.
        let _ = read.expect("it is not kept");
        assert_eq!(answer, b"", "{said}");
    }
    tokio::time::resume();
    host.stop().await.unwrap();
}

struct Certificate {
    certificate: String,
    key: String,
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    Certificate {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

async fn connect(
    addr: std::net::SocketAddr,
    certificate: &Certificate,
    alpn: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(addr).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn tls_serves_both_versions() {
    let made = certificate();
    let tls = TlsConfig::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
    let ingress = Ingress::new_with_tls(DevRouter::new(), any_port(), tls)
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "hello", hello()).await;

    let stream = connect(ingress.addr(), &made, b"http/1.1").await;
    let mut http1 = Client::http1(stream).await;
    assert_eq!(http1.answer(get("/")).await.0, StatusCode::OK);

    let stream = connect(ingress.addr(), &made, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let mut http2 = Client::http2(stream).await;
    assert_eq!(http2.answer(get("/")).await.0, StatusCode::OK);

    // A client that says nothing holds up neither the server nor its end.
    let _silent = TcpStream::connect(ingress.addr()).await.unwrap();
    host.stop().await.unwrap();
    assert_eq!(ingress.tasks(), 0);
}

#[test]
fn an_unusable_certificate_is_refused_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate_file, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let made = certificate();
    let other = certificate();

    let missing = TlsConfig::from_files(&certificate_file, &key).unwrap_err();
    assert!(format!("{missing:#}").contains("c.pem"), "{missing:#}");

    std::fs::write(&certificate_file, "nothing").unwrap();
    std::fs::write(&key, &made.key).unwrap();
    let empty = TlsConfig::from_files(&certificate_file, &key).unwrap_err();
    assert!(
        format!("{empty:#}").contains("BEGIN CERTIFICATE"),
        "{empty:#}"
    );

    std::fs::write(&certificate_file, &other.certificate).unwrap();
    let wrong = TlsConfig::from_files(&certificate_file, &key).unwrap_err();
    assert!(
        format!("{wrong:#}").contains("do not go together"),
        "{wrong:#}"
    );
}
