//! Which host an HTTP request is for: its *authority*, `host[:port]`.
//!
//! A request can name its host in three places: in the request target
//! (`GET http://a.example/ HTTP/1.1`), in the `Host` header, and in HTTP/2's
//! `:authority`. A server that reads one place while a router or a component
//! reads another can be made to serve a request under the wrong name. So
//! everything in this workspace that accepts requests calls [`settle`] first,
//! which decides once and writes the decision back into the request.
//!
//! | request | its authority |
//! |---|---|
//! | target with a host (absolute form) | that of the target, whatever `Host` says |
//! | HTTP/2 with `:authority` | that; a `Host` that names another host is refused |
//! | any other target, or `OPTIONS *` | that of `Host` |
//! | HTTP/1.0 with neither | none |
//!
//! A request is refused ([`Invalid`]) if `Host` is missing (HTTP/1.1), empty,
//! not a host, or there twice; if its target has a user name, another scheme
//! than `http` and `https`, or a form that its method does not have.
//!
//! The authority that is found has one spelling: lower case, without the dot
//! that ends a fully qualified name, the port as a plain number. A name with
//! percent-encoded characters or an empty label is not a host here.
//!
//! The rules are those of RFC 9112, sections 3.2 and 3.3, and RFC 9113, section
//! 8.3.1.

#![forbid(unsafe_code)]

mod canonical;

use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header,
    request::Parts,
    uri::{Authority, InvalidUriParts, PathAndQuery, Scheme},
};

use canonical::canonical;

/// Why a request does not say for which host it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// There is no `Host` header, which HTTP/1.1 requires, nor HTTP/2's
    /// `:authority`.
    #[error("the request has no Host header")]
    Missing,
    /// There are several `Host` headers.
    #[error("the request has more than one Host header")]
    Repeated,
    /// The value of `Host` is not `host[:port]`.
    #[error("the request's Host header is not a valid host")]
    Host,
    /// The host in the request target is not a valid one.
    #[error("the host in the request's target is not a valid host")]
    Target,
    /// The request target has a user name or a password.
    #[error("the request's target has a user name in it")]
    UserInfo,
    /// `Host` and HTTP/2's `:authority` name different hosts.
    #[error("the request's Host header and :authority are not the same host")]
    Mismatch,
    /// The request target has a form that the method does not have: `*` is
    /// for `OPTIONS` alone, a bare host for `CONNECT` alone.
    #[error("the request's target is not a path, nor an http or https address")]
    Form,
}

impl Invalid {
    /// Returns the status that the request is answered with, which is 400.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// Finds the authority of a request.
///
/// Returns `None` for a request of HTTP/1.0 that names no host.
///
/// # Errors
///
/// Fails if the request has to be refused: see [`Invalid`].
pub fn of(request: &Parts) -> Result<Option<Authority>, Invalid> {
    let header = host_header(&request.headers)?;
    let target = target(&request.uri, &request.method)?;
    let is_http2 = request.version >= Version::HTTP_2;
    match (target, header) {
        (Some(target), Some(header)) if is_http2 => {
            let port = default_port(&request.uri);
            match is_same(&target, &header, port) {
                true => Ok(Some(target)),
                false => Err(Invalid::Mismatch),
            }
        }
        (Some(_), None) if request.version == Version::HTTP_11 => Err(Invalid::Missing),
        (Some(target), _) => Ok(Some(target)),
        (None, Some(header)) => Ok(Some(header)),
        (None, None) if request.version < Version::HTTP_11 => Ok(None),
        (None, None) => Err(Invalid::Missing),
    }
}

/// Decides for which host a request is, and writes that into the request: into
/// its `Host` header and, with this scheme, into its target. Whoever reads the
/// request afterwards finds one and the same authority, wherever it looks.
///
/// Returns `None` for a request of HTTP/1.0 that names no host. Such a request
/// is left as it is.
///
/// # Errors
///
/// Fails if the request has to be refused: see [`Invalid`].
pub fn settle(request: &mut Parts, scheme: Scheme) -> Result<Option<Authority>, Invalid> {
    let Some(authority) = of(request)? else {
        return Ok(None);
    };
    let value = HeaderValue::from_str(authority.as_str()).map_err(|_| Invalid::Host)?;
    request.headers.insert(header::HOST, value);
    let uri = std::mem::take(&mut request.uri);
    request.uri = absolute(uri, scheme, authority.clone()).map_err(|_| Invalid::Form)?;
    Ok(Some(authority))
}

fn absolute(uri: Uri, scheme: Scheme, authority: Authority) -> Result<Uri, InvalidUriParts> {
    let mut parts = uri.into_parts();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    let slash = PathAndQuery::from_static("/");
    parts.path_and_query.get_or_insert(slash);
    Uri::from_parts(parts)
}

/// The host that the `Host` header names, if there is one.
fn host_header(headers: &HeaderMap) -> Result<Option<Authority>, Invalid> {
    let mut all = headers.get_all(header::HOST).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(Invalid::Repeated);
    }
    // Text that is not ASCII is an error here, too.
    let value = value.to_str().map_err(|_| Invalid::Host)?;
    canonical(value).map(Some).ok_or(Invalid::Host)
}

/// The host that the request target names, if it has one.
fn target(uri: &Uri, method: &Method) -> Result<Option<Authority>, Invalid> {
    let is_web = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    if uri.path() == "*" && *method != Method::OPTIONS {
        return Err(Invalid::Form);
    }
    let Some(authority) = uri.authority() else {
        return Ok(None);
    };
    match uri.scheme() {
        Some(scheme) if is_web(scheme) => {}
        None if *method == Method::CONNECT => {}
        _ => return Err(Invalid::Form),
    }
    if authority.as_str().contains('@') {
        return Err(Invalid::UserInfo);
    }
    canonical(authority.as_str())
        .map(Some)
        .ok_or(Invalid::Target)
}

fn default_port(uri: &Uri) -> u16 {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    }
}

/// Whether two canonical authorities are the same host and port.
fn is_same(one: &Authority, other: &Authority, default_port: u16) -> bool {
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    one.host() == other.host() && port(one) == port(other)
}

#[cfg(test)]
mod tests;
