//! Where a request names its host, and which name counts.
#![allow(clippy::unwrap_used, reason = "tests")]

use http::{HeaderValue, Method, Request, Version, header, request::Parts, uri::Scheme};

use super::*;

fn request(method: &str, version: Version, target: &str, hosts: &[&[u8]]) -> Parts {
    let mut request = Request::builder().version(version).uri(target);
    request = request.method(Method::from_bytes(method.as_bytes()).unwrap());
    for host in hosts {
        request = request.header(header::HOST, HeaderValue::from_bytes(host).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

/// The authority, or why there is none.
fn found(request: &Parts) -> Result<String, Invalid> {
    of(request).map(|found| found.map_or_else(|| "-".to_owned(), |found| found.to_string()))
}

const ONE: Version = Version::HTTP_11;
const TWO: Version = Version::HTTP_2;

#[test]
fn the_target_counts_before_the_header() {
    let absolute = request("GET", ONE, "http://A.example.:80/x", &[b"b.example"]);
    assert_eq!(found(&absolute).as_deref(), Ok("a.example:80"));
    let origin = request("GET", ONE, "/x", &[b"B.example"]);
    assert_eq!(found(&origin).as_deref(), Ok("b.example"));
    let options = request("OPTIONS", ONE, "*", &[b"b.example"]);
    assert_eq!(found(&options).as_deref(), Ok("b.example"));
    let old = request("GET", Version::HTTP_10, "http://a.example/", &[]);
    assert_eq!(found(&old).as_deref(), Ok("a.example"));
}

#[test]
fn http_1_0_may_name_no_host() {
    let old = request("GET", Version::HTTP_10, "/", &[]);
    assert_eq!(found(&old).as_deref(), Ok("-"));
    let twice = request("GET", Version::HTTP_10, "/", &[b"a", b"a"]);
    assert_eq!(found(&twice), Err(Invalid::Repeated));
}

#[test]
fn http_2_has_one_host() {
    let target = "http://a.example/";
    for same in [&b"A.example."[..], b"a.example:80", b"a.example"] {
        let both = request("GET", TWO, target, &[same]);
        assert_eq!(found(&both).as_deref(), Ok("a.example"));
    }
    for other in [&b"b.example"[..], b"a.example:81"] {
        let both = request("GET", TWO, target, &[other]);
        assert_eq!(found(&both), Err(Invalid::Mismatch));
    }
    let secure = request("GET", TWO, "https://a.example/", &[b"a.example:443"]);
    assert_eq!(found(&secure).as_deref(), Ok("a.example"));
    assert_eq!(
        found(&request("GET", TWO, target, &[])).as_deref(),
        Ok("a.example")
    );
    assert_eq!(
        found(&request("GET", TWO, "/", &[b"a.example"])).as_deref(),
        Ok("a.example")
    );
    assert_eq!(found(&request("GET", TWO, "/", &[])), Err(Invalid::Missing));
}

#[test]
fn what_does_not_name_one_host_is_refused() {
    let absolute = "http://a.example/";
    for (target, hosts, reason) in [
        ("/", &[][..], Invalid::Missing),
        (absolute, &[], Invalid::Missing),
        ("/", &[&b"a"[..], b"a"], Invalid::Repeated),
        (absolute, &[b"a.example", b"a.example"], Invalid::Repeated),
        ("/", &[b""], Invalid::Host),
        ("/", &[b"a b"], Invalid::Host),
        ("/", &[b"user@a"], Invalid::Host),
        ("/", &["\u{e4}.example".as_bytes()], Invalid::Host),
        ("/", &[b"\xff"], Invalid::Host),
        (absolute, &[b"not a host"], Invalid::Host),
        (absolute, &[b""], Invalid::Host),
        ("http://user@a.example/", &[b"a.example"], Invalid::UserInfo),
        ("http://a..example/", &[b"a.example"], Invalid::Target),
        ("ftp://a.example/", &[b"a.example"], Invalid::Form),
        ("a.example:80", &[b"a.example"], Invalid::Form),
        ("*", &[b"a.example"], Invalid::Form),
    ] {
        let request = request("GET", ONE, target, hosts);
        assert_eq!(found(&request), Err(reason), "{target} {hosts:?}");
    }
}

#[test]
fn everybody_reads_what_was_decided() {
    for (method, version, target, host, uri) in [
        ("GET", ONE, "/x?y", "A.example.", "https://a.example/x?y"),
        ("GET", ONE, "http://a.example", "b", "https://a.example/"),
        ("OPTIONS", ONE, "*", "a.example:", "https://a.example*"),
        (
            "GET",
            TWO,
            "https://A.example/x",
            "a.example:443",
            "https://a.example/x",
        ),
    ] {
        let mut request = request(method, version, target, &[host.as_bytes()]);
        let authority = settle(&mut request, Scheme::HTTPS).unwrap().unwrap();
        assert_eq!(authority.as_str(), "a.example");
        assert_eq!(request.uri.to_string(), uri);
        assert_eq!(request.headers.get(header::HOST).unwrap(), "a.example");
        // Whoever decides again decides the same.
        assert_eq!(of(&request), Ok(Some(authority)));
    }
    let mut old = request("GET", Version::HTTP_10, "/x", &[]);
    assert_eq!(settle(&mut old, Scheme::HTTP), Ok(None));
    assert_eq!(old.uri.to_string(), "/x");
    assert!(old.headers.is_empty());
}
