//! [`HostConfig`].

use std::{path::PathBuf, time::Duration};

/// How a host fetches components from registries.
///
/// Fields are added over time: build it with `..Default::default()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Whether registries without TLS are allowed.
    pub allow_oci_insecure: bool,
    /// How long a pull may take, 30 seconds by default.
    pub oci_pull_timeout: Option<Duration>,
    /// Where pulled artifacts are kept.
    pub oci_cache_dir: Option<PathBuf>,
    /// More certificate authorities to trust, as PEM files.
    pub oci_ca_paths: Vec<PathBuf>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            allow_oci_insecure: false,
            oci_pull_timeout: Some(Duration::from_secs(30)),
            oci_cache_dir: None,
            oci_ca_paths: Vec::new(),
        }
    }
}
