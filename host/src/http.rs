//! The HTTP server that `--http` asks for.

mod router;

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use wash_plugin_loader::Untrusted;

use wash_runtime::host::http::{DevRouter, HostHandler, Ingress, Readiness, Router, TlsConfig};

use crate::{
    cli::Http,
    code::Code,
    failure::{Failure, Result},
    workload::Source,
};
use router::HostRouter;

/// A server that is bound and takes requests as soon as the host starts.
pub(crate) struct Server {
    handler: Arc<dyn HostHandler>,
    addr: SocketAddr,
    is_tls: bool,
    readiness: Readiness,
}

impl Server {
    /// To be told when the workloads that were named have started. Until then, a
    /// request that no workload takes is answered with 503 instead of 404.
    pub(crate) fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    pub(crate) fn handler(&self) -> Arc<dyn HostHandler> {
        Arc::clone(&self.handler)
    }

    /// Where it can be reached.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }
}

/// Refuses a component that waits for requests where there are none.
pub(crate) fn check(options: &Http, sources: &[Source]) -> Result<()> {
    if options.addr.is_some() {
        return Ok(());
    }
    let waiting = sources.iter().find_map(|source| {
        let is_component = source.is_bare() && source.workload.service.is_none();
        let handler = source.http_handler().filter(|_| is_component)?;
        Some((&source.workload.name, handler))
    });
    match waiting {
        Some((name, handler)) => Err(Failure::message(
            Code::Usage,
            format!("`{name}` exports `{handler}`: it serves HTTP, and there is no address to serve it at"),
        )
        .help("add --http 127.0.0.1:8000, or another address")),
        None => Ok(()),
    }
}

/// Binds the server that was asked for.
pub(crate) async fn bind(options: &Http) -> Result<Option<Server>> {
    let Some(address) = &options.addr else {
        return Ok(None);
    };
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificates), Some(key)) => Some(tls(certificates, key)?),
        _ => None,
    };
    let timeout = options.http_timeout.map(Duration::from_secs);
    let opened = address.open(async |addr| {
        let tls = tls.clone();
        match options.dev {
            true => server(DevRouter::new(), addr, timeout, tls).await,
            false => server(HostRouter::default(), addr, timeout, tls).await,
        }
    });
    opened.await.map(Some)
}

/// Reads a certificate chain and its key.
fn tls(certificates: &Path, key: &Path) -> Result<TlsConfig> {
    let read = |what: &str, path: &Path| {
        fs::read(path).map_err(|error| Failure::unreadable(what, path, error))
    };
    let pem = read("TLS certificate", certificates)?;
    let key_pem = read("TLS key", key)?;
    TlsConfig::from_pem(&pem, &key_pem).map_err(|error| {
        let what = format!(
            "cannot serve HTTPS with the certificate in {} and the key in {}",
            Untrusted::path(certificates),
            Untrusted::path(key)
        );
        Failure::new(Code::Config, error.context(what)).help(
            "give --tls-cert the PEM file of the certificate chain, and --tls-key that of its \
             private key",
        )
    })
}

async fn server<R: Router>(
    router: R,
    addr: SocketAddr,
    timeout: Option<Duration>,
    tls: Option<TlsConfig>,
) -> anyhow::Result<Server> {
    let is_tls = tls.is_some();
    let readiness = Readiness::default();
    let mut ingress = Ingress::builder(router, addr).readiness(readiness.clone());
    if let Some(timeout) = timeout {
        ingress = ingress.response_timeout(timeout);
    }
    if let Some(tls) = tls {
        ingress = ingress.tls(tls);
    }
    let ingress = ingress.build().await?;
    Ok(Server {
        addr: ingress.addr(),
        handler: Arc::new(ingress),
        is_tls,
        readiness,
    })
}
