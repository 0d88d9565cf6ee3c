//! Which workload a request is for.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, bail};
use async_trait::async_trait;
use http::{StatusCode, request::Parts};

use crate::{engine::workload::ResolvedWorkload, wit::WitInterface};

/// Why a request reaches no workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The request says not for which host it is.
    #[error("the request has no valid Host header")]
    NoHost,
    /// No workload takes it.
    #[error("no workload takes this request")]
    NotFound,
}

impl RouteError {
    /// The status to answer the request with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

/// Finds the workload that a request is for.
#[async_trait]
pub trait Router: Send + Sync + 'static {
    /// A workload takes requests.
    ///
    /// # Errors
    ///
    /// An error ends the workload's start.
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()>;

    /// The workload takes no more requests.
    ///
    /// # Errors
    ///
    /// An error is logged.
    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()>;

    /// The id of the workload that a request is for.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn route(&self, request: &Parts) -> Result<String, RouteError>;
}

/// Sends every request to the workload that was started last.
#[derive(Debug, Default)]
pub struct DevRouter {
    last: RwLock<Option<String>>,
}

impl DevRouter {
    /// A router with no workload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn set(&self, workload_id: &str) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(workload_id.to_string());
    }

    fn clear(&self, workload_id: &str) {
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.take_if(|last| last == workload_id);
    }
}

#[async_trait]
impl Router for DevRouter {
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        _component_id: &str,
    ) -> anyhow::Result<()> {
        self.set(workload.id());
        Ok(())
    }

    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()> {
        self.clear(workload_id);
        Ok(())
    }

    fn route(&self, _request: &Parts) -> Result<String, RouteError> {
        self.last
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(RouteError::NotFound)
    }
}

/// Sends a request to a workload that takes requests for its host: the one in
/// the request's target or else in its `Host` header, without the port. Letter
/// case and the dot that ends a fully qualified name make no difference.
///
/// A workload names its host in the configuration of its `wasi:http`
/// interface: `host`, and `host-aliases` for further ones, separated by
/// commas. Several workloads of one host take turns.
#[derive(Default)]
pub struct DynamicRouter {
    workloads: RwLock<BTreeMap<String, Vec<String>>>,
    turn: AtomicUsize,
}

impl DynamicRouter {
    /// A router with no workload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn add(&self, workload_id: &str, hosts: Vec<String>) {
        let mut workloads = self
            .workloads
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for host in hosts {
            let ids = workloads.entry(host).or_default();
            if !ids.iter().any(|id| id == workload_id) {
                ids.push(workload_id.to_string());
            }
        }
    }

    fn remove(&self, workload_id: &str) {
        let mut workloads = self
            .workloads
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        workloads.retain(|_, ids| {
            ids.retain(|id| id != workload_id);
            !ids.is_empty()
        });
    }
}

#[async_trait]
impl Router for DynamicRouter {
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        _component_id: &str,
    ) -> anyhow::Result<()> {
        let hosts = configured_hosts(workload.host_interfaces())
            .with_context(|| format!("workload '{}'", workload.name()))?;
        self.add(workload.id(), hosts);
        Ok(())
    }

    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()> {
        self.remove(workload_id);
        Ok(())
    }

    fn route(&self, request: &Parts) -> Result<String, RouteError> {
        let authority = wash_authority::of(request).map_err(|_| RouteError::NoHost)?;
        let authority = authority.ok_or(RouteError::NoHost)?;
        let workloads = self
            .workloads
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let ids = workloads
            .get(authority.host())
            .ok_or(RouteError::NotFound)?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(ids.len())
            .and_then(|index| ids.get(index))
            .cloned()
            .ok_or(RouteError::NotFound)
    }
}

impl fmt::Debug for DynamicRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicRouter")
            .field("workloads", &self.workloads)
            .finish_non_exhaustive()
    }
}

/// The host that a workload asks for, and its aliases.
fn configured_hosts(interfaces: &[WitInterface]) -> anyhow::Result<Vec<String>> {
    let config = interfaces
        .iter()
        .find(|interface| interface.is_incoming_http_handler())
        .map(|interface| &interface.config);
    let host = config.and_then(|config| config.get("host")).context(
        "no host header found: set 'host' in the configuration of its wasi:http interface",
    )?;
    let Some(host) = host_name(host) else {
        bail!("'{host}' is not a valid host name");
    };
    let aliases = config
        .and_then(|config| config.get("host-aliases"))
        .map(String::as_str)
        .unwrap_or_default();
    let mut hosts = vec![host];
    for alias in aliases
        .split(',')
        .map(str::trim)
        .filter(|alias| !alias.is_empty())
    {
        match host_name(alias) {
            Some(alias) => hosts.push(alias),
            None => tracing::warn!(alias, "ignoring a host alias that is not a valid host name"),
        }
    }
    Ok(hosts)
}

/// Returns a host name as requests are routed by it: in lower case, and without
/// the dot that ends a fully qualified name. `None` if it is not a host name by
/// RFC 1123: labels of letters, digits and inner hyphens, joined by dots.
fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (name.len() <= 253 && name.split('.').all(label)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn request(host: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri("/");
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn interface(config: &[(&str, &str)]) -> WitInterface {
        let mut interface = WitInterface::from("wasi:http/incoming-handler");
        interface.config = config
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        interface
    }

    #[test]
    fn the_dev_router_ignores_the_host_and_takes_the_last_workload() {
        let router = DevRouter::new();
        assert_eq!(router.route(&request(None)), Err(RouteError::NotFound));
        router.set("one");
        router.set("two");
        router.clear("one");
        assert_eq!(router.route(&request(Some("any"))), Ok("two".to_string()));
        router.clear("two");
        assert_eq!(router.route(&request(None)), Err(RouteError::NotFound));
    }

    #[test]
    fn the_dynamic_router_goes_by_the_host_without_port() {
        let router = DynamicRouter::new();
        router.add("one", vec!["a.example".to_string()]);
        for host in ["a.example", "A.Example", "a.example.", "a.example:8080"] {
            assert_eq!(
                router.route(&request(Some(host))),
                Ok("one".to_string()),
                "{host}"
            );
        }
        assert_eq!(
            router.route(&request(Some("b.example"))),
            Err(RouteError::NotFound)
        );
        assert_eq!(router.route(&request(None)), Err(RouteError::NoHost));
        router.remove("one");
        assert_eq!(
            router.route(&request(Some("a.example"))),
            Err(RouteError::NotFound)
        );
    }

    #[test]
    fn workloads_of_one_host_take_turns() {
        let router = DynamicRouter::new();
        router.add("one", vec!["h".to_string()]);
        router.add("two", vec!["h".to_string()]);
        let routed: Vec<_> = (0..4)
            .map(|_| router.route(&request(Some("h"))).unwrap())
            .collect();
        assert_eq!(routed, ["one", "two", "one", "two"]);
    }

    #[test]
    fn hosts_come_from_the_configuration() {
        let hosts = configured_hosts(&[interface(&[
            ("host", "Main.example"),
            ("host-aliases", "Other.example., -bad-, ..., "),
        ])]);
        assert_eq!(hosts.unwrap(), ["main.example", "other.example"]);

        let missing = configured_hosts(&[interface(&[])]).unwrap_err().to_string();
        assert!(missing.contains("no host header found"), "{missing}");
        let invalid = configured_hosts(&[interface(&[("host", "a b")])]).unwrap_err();
        assert_eq!(invalid.to_string(), "'a b' is not a valid host name");
    }

    #[test]
    fn errors_have_a_status() {
        assert_eq!(RouteError::NoHost.status(), StatusCode::BAD_REQUEST);
        assert_eq!(RouteError::NotFound.status(), StatusCode::NOT_FOUND);
    }
}
