//! The operator's choice of a store.

use std::path::PathBuf;

use serde::Deserialize;
use wash_plugin_abi::ConfigSchema;
use wash_plugin_abi::anyhow::{Context, Result, bail};

/// Where buckets are kept.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The kind of store: in-memory unless it is said.
    #[serde(default)]
    backend: Kind,
    /// Of the backend `filesystem`: the folder that the buckets' folders are in.
    root: Option<PathBuf>,
    /// Of the backends `nats` and `redis`: where the server is, such as
    /// `nats://127.0.0.1:4222` or `redis://127.0.0.1:6379`.
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize, ConfigSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    InMemory,
    Filesystem,
    Nats,
    Redis,
}

/// A choice that is complete.
#[derive(Debug)]
pub(crate) enum Backend {
    InMemory,
    Filesystem(PathBuf),
    Nats(String),
    Redis(String),
}

impl Config {
    /// What each kind of store needs, and nothing that it would ignore.
    pub(crate) fn backend(self) -> Result<Backend> {
        let url = |url: Option<String>, backend, example| {
            url.with_context(|| {
                format!("the backend `{backend}` needs `url`, such as `{example}`: set it")
            })
        };
        match (self.backend, self.root, self.url) {
            (Kind::InMemory, None, None) => Ok(Backend::InMemory),
            (Kind::Filesystem, Some(root), None) => Ok(Backend::Filesystem(root)),
            (Kind::Filesystem, None, None) => {
                bail!("the backend `filesystem` needs `root`, the folder of the buckets: set it")
            }
            (Kind::Nats, None, at) => Ok(Backend::Nats(url(at, "nats", "nats://127.0.0.1:4222")?)),
            (Kind::Redis, None, at) => {
                Ok(Backend::Redis(url(at, "redis", "redis://127.0.0.1:6379")?))
            }
            (_, Some(_), _) => {
                bail!("`root` is for the backend `filesystem`: set `backend`, or remove `root`")
            }
            (_, _, Some(_)) => {
                bail!(
                    "`url` is for the backends `nats` and `redis`: set `backend`, or remove `url`"
                )
            }
        }
    }
}
