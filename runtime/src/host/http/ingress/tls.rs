//! [`TlsConfig`].

use std::{fmt, path::Path, sync::Arc};

use anyhow::{Context, ensure};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// The certificate that a server shows, and its key.
#[derive(Clone)]
pub struct TlsConfig {
    server: Arc<ServerConfig>,
}

impl TlsConfig {
    /// The certificate chain, the server's own first, and the private key, both
    /// in PEM files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or what is in it cannot be used; the error
    /// names the file.
    pub fn from_files(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> anyhow::Result<Self> {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (certificates, key) = (certificates.as_ref(), key.as_ref());
        Self::from_pem(&read(certificates)?, &read(key)?).with_context(|| {
            format!(
                "cannot serve TLS with the certificate in {} and the key in {}",
                certificates.display(),
                key.display()
            )
        })
    }

    /// As [`from_files`](Self::from_files), with what is in the files.
    ///
    /// # Errors
    ///
    /// If there is no certificate or no key, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> anyhow::Result<Self> {
        let certificates = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .context("the certificate is not valid PEM")?;
        ensure!(
            !certificates.is_empty(),
            "there is no certificate: expected PEM with 'BEGIN CERTIFICATE'"
        );
        let key = PrivateKeyDer::from_pem_slice(key)
            .context("there is no private key: expected PEM with 'BEGIN PRIVATE KEY'")?;
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .context("certificate and key do not go together")?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            server: Arc::new(server),
        })
    }

    pub(super) fn acceptor(self) -> TlsAcceptor {
        TlsAcceptor::from(self.server)
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}
