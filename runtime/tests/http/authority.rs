//! For which host a request is: RFC 9112, section 3.2.

use std::net::SocketAddr;

use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wash_runtime::host::http::{DevRouter, DynamicRouter, Ingress};

use crate::support::{Client, PATIENCE, any_port, get, guest, hello, hello_at, host, start};

/// The status and the body of the answer to these bytes.
async fn exchange(addr: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut response))
        .await
        .expect("the connection is closed")
        .unwrap();
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    (
        status,
        if is_chunked {
            joined(body)
        } else {
            body.to_string()
        },
    )
}

/// The chunks of a body, as one text.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let (chunk, rest) = rest.split_at(usize::from_str_radix(size, 16).unwrap());
        body.push_str(chunk);
        chunks = rest.strip_prefix("\r\n").unwrap();
    }
    body
}

#[tokio::test]
async fn a_request_is_for_one_host() {
    let ingress = Ingress::new(DynamicRouter::new(), any_port())
        .await
        .unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "one", hello_at("One.example.")).await;
    for (line, hosts, answer) in [
        // What the component sees is what the request was routed by.
        (
            "GET /authority HTTP/1.1",
            &["one.example"][..],
            Ok("one.example"),
        ),
        (
            "GET /authority HTTP/1.1",
            &["ONE.Example."],
            Ok("one.example"),
        ),
        (
            "GET /authority HTTP/1.1",
            &["one.example.:80"],
            Ok("one.example:80"),
        ),
        (
            "GET /authority HTTP/1.0",
            &["one.example"],
            Ok("one.example"),
        ),
        // The host in the target counts before the header.
        (
            "GET http://one.example/authority HTTP/1.1",
            &["other.example"],
            Ok("one.example"),
        ),
        (
            "GET http://One.Example.:8/authority HTTP/1.1",
            &["o"],
            Ok("one.example:8"),
        ),
        (
            "GET http://one.example/authority HTTP/1.0",
            &[],
            Ok("one.example"),
        ),
        (
            "GET http://other.example/ HTTP/1.1",
            &["one.example"],
            Err(404),
        ),
        ("GET / HTTP/1.1", &["other.example"], Err(404)),
        ("OPTIONS * HTTP/1.1", &["one.example"], Err(404)),
        // None, several, or not a host.
        ("GET / HTTP/1.1", &[], Err(400)),
        ("GET http://one.example/ HTTP/1.1", &[], Err(400)),
        ("GET / HTTP/1.0", &[], Err(400)),
        ("GET / HTTP/1.1", &["one.example", "one.example"], Err(400)),
        (
            "GET / HTTP/1.1",
            &["one.example", "other.example"],
            Err(400),
        ),
        ("GET / HTTP/1.1", &[""], Err(400)),
        ("GET / HTTP/1.1", &["one.example other.example"], Err(400)),
        ("GET / HTTP/1.1", &["one.example/"], Err(400)),
        ("GET / HTTP/1.1", &["user@one.example"], Err(400)),
        ("GET / HTTP/1.1", &["one.example:x"], Err(400)),
        ("GET / HTTP/1.1", &["\u{f6}ne.example"], Err(400)),
        (
            "GET http://user@one.example/ HTTP/1.1",
            &["one.example"],
            Err(400),
        ),
        (
            "GET ftp://one.example/ HTTP/1.1",
            &["one.example"],
            Err(400),
        ),
        ("GET one.example HTTP/1.1", &["one.example"], Err(400)),
        ("GET * HTTP/1.1", &["one.example"], Err(400)),
        (
            "CONNECT one.example:80 HTTP/1.1",
            &["one.example"],
            Err(501),
        ),
    ] {
        let mut request = format!("{line}\r\nConnection: close\r\n");
        for host in hosts {
            request.push_str(&format!("Host: {host}\r\n"));
        }
        request.push_str("\r\n");
        let (status, body) = exchange(ingress.addr(), request.as_bytes()).await;
        match answer {
            Ok(authority) => assert_eq!((status, body.as_str()), (200, authority), "{request}"),
            Err(expected) => assert_eq!(status, expected, "{request}{body}"),
        }
    }
    // Not even text.
    let bytes = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: \xff\r\n\r\n";
    let (status, body) = exchange(ingress.addr(), bytes).await;
    assert_eq!(
        (status, body.as_str()),
        (400, "the request's Host header is not a valid host\n")
    );
    host.stop().await.unwrap();
}

/// Sends a request of HTTP/2 with `:authority` and, if it is not empty, `Host`.
async fn over_http2(addr: SocketAddr, uri: &str, host: &str) -> (StatusCode, String) {
    let Client::Http2(mut sender) = Client::connect_h2c(addr).await else {
        panic!("it is HTTP/2");
    };
    let mut request = Request::get(uri).version(Version::HTTP_2);
    if !host.is_empty() {
        request = request.header("host", host);
    }
    let request = request.body(Empty::new().boxed_unsync()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_names_one_host_as_well() {
    let ingress = Ingress::new(DynamicRouter::new(), any_port())
        .await
        .unwrap();
    let (running, ingress) = host(ingress).await;
    start(&running, "one", hello_at("one.example")).await;
    let url = "http://One.example./authority";
    for (uri, host, expected) in [
        (url, "", Ok("one.example")),
        (url, "one.EXAMPLE", Ok("one.example")),
        (url, "one.example:80", Ok("one.example")),
        (
            "https://one.example:443/authority",
            "one.example",
            Ok("one.example:443"),
        ),
        (url, "other.example", Err(StatusCode::BAD_REQUEST)),
        (url, "one.example:81", Err(StatusCode::BAD_REQUEST)),
        (
            "http://other.example/",
            "one.example",
            Err(StatusCode::BAD_REQUEST),
        ),
        ("http://user@one.example/", "", Err(StatusCode::BAD_REQUEST)),
        ("http://other.example/", "", Err(StatusCode::NOT_FOUND)),
    ] {
        let (status, body) = over_http2(ingress.addr(), uri, host).await;
        match expected {
            Ok(authority) => {
                assert_eq!((status.as_u16(), body.as_str()), (200, authority), "{uri}")
            }
            Err(expected) => assert_eq!(status, expected, "{uri} {host} {body}"),
        }
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_component_always_has_a_host() {
    let ingress = Ingress::new(DevRouter::new(), any_port()).await.unwrap();
    let (host, ingress) = host(ingress).await;
    start(&host, "p2", hello()).await;
    let old = b"GET /authority HTTP/1.0\r\n\r\n";
    assert_eq!(
        exchange(ingress.addr(), old).await,
        (200, "localhost".to_string())
    );
    // A router that asks for no host gets no request with two of them, either.
    let twice = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: a\r\nHost: b\r\n\r\n";
    assert_eq!(exchange(ingress.addr(), twice).await.0, 400);

    let mut p3 = hello();
    for component in &mut p3.components {
        component.bytes = guest("http-p3");
        component.digest = Some("http-p3".to_string());
    }
    start(&host, "p3", p3).await;
    let old = b"GET / HTTP/1.0\r\n\r\n";
    assert_eq!(
        exchange(ingress.addr(), old).await,
        (200, "Hello, localhost!\n".to_string())
    );
    let absolute = b"GET http://A.example./ HTTP/1.1\r\nConnection: close\r\nHost: b\r\n\r\n";
    assert_eq!(
        exchange(ingress.addr(), absolute).await,
        (200, "Hello, a.example!\n".to_string())
    );
    let mut client = Client::connect(ingress.addr()).await;
    assert_eq!(client.answer(get("/")).await.1, "Hello, test.example!\n");
    host.stop().await.unwrap();
}
