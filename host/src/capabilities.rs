//! The capabilities that are compiled into the host.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use wash_plugin_loader::Untrusted;
use wash_plugin_loader::{LoadedPlugin, LoadedPlugins};
use wash_runtime::plugin::{
    HostPlugin,
    wasi_config::DynamicConfig,
    wasi_keyvalue::{Error, FilesystemKeyValue, InMemoryKeyValue, NatsKeyValue, RedisKeyValue},
    wasi_logging::TracingLogger,
};

use crate::{
    code::Code,
    failure::{Failure, Result},
};

/// The id of the plugin that `--keyvalue` asks for.
const KEYVALUE: &str = "wasi-keyvalue";

/// Where `wasi:keyvalue` keeps its buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In the host, until the workload stops.
    Memory,
    /// In a folder.
    Filesystem(PathBuf),
    /// In NATS JetStream.
    Nats(Url),
    /// In Redis.
    Redis(Url),
}

/// An address that may have a password in it, which nothing should print.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The scheme, host and port. User, password, and what follows are left out.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            let scheme = self.0.split(':').next().unwrap_or_default();
            return write!(f, "{scheme}:…");
        };
        // A password may have any of these in it, if it was not encoded.
        let host = match rest.rsplit_once('@') {
            Some((_, host)) => host,
            None => rest,
        };
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        write!(f, "{scheme}://{host}")
    }
}

/// The store as `--keyvalue` names it, without a password.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Filesystem(root) => write!(f, "file:{}", Untrusted::path(root)),
            Self::Nats(url) | Self::Redis(url) => url.fmt(f),
        }
    }
}

impl FromStr for Backend {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let url = || Url(text.to_owned());
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("file", "" | "//")) => Err("file: needs a folder after it, as in file:./data"),
            Some(("file", path)) => Ok(Self::Filesystem(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            ))),
            Some(("nats" | "tls", _)) => Ok(Self::Nats(url())),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(url())),
            _ => Err(
                "it has to be memory, file:DIR, nats://HOST:PORT (or tls://…) or \
                 redis://HOST:PORT (or rediss://…)",
            ),
        }
    }
}

impl Backend {
    async fn open(&self) -> Result<Arc<dyn HostPlugin>> {
        let unreachable = |error: anyhow::Error| {
            let may_pass = matches!(
                error.downcast_ref::<Error>(),
                Some(Error::Store { may_pass: true, .. })
            );
            let error = error.context(format!("--keyvalue {self} cannot be used"));
            match may_pass {
                true => Failure::new(Code::Unavailable, error)
                    .help("check the address, and that the server runs there"),
                false => Failure::new(Code::Config, error)
                    .help("check the address, the user and the password"),
            }
        };
        Ok(match self {
            Self::Memory => Arc::new(InMemoryKeyValue::new()),
            Self::Filesystem(root) => {
                std::fs::create_dir_all(root).map_err(|error| {
                    let what = format!(
                        "--keyvalue: cannot use the folder {}",
                        Untrusted::path(root)
                    );
                    Failure::new(Code::Io, anyhow::Error::new(error).context(what))
                        .help("name a folder, or a path where one can be made")
                })?;
                Arc::new(FilesystemKeyValue::new(root))
            }
            Self::Nats(Url(url)) => {
                Arc::new(NatsKeyValue::connect(url).await.map_err(unreachable)?)
            }
            Self::Redis(Url(url)) => {
                let plugin = RedisKeyValue::from_url(url).map_err(unreachable)?;
                // Opening one connects, and makes nothing.
                let opened = plugin.store().open("default").await;
                opened.map_err(|error| unreachable(error.into()))?;
                Arc::new(plugin)
            }
        })
    }
}

/// The plugins to register beside the loaded ones.
///
/// What has an option of its own is there if it is asked for. The others are
/// there unless a library serves the same, whose operator means it to.
///
/// # Errors
///
/// If a store cannot be reached, or a library serves what is asked for, too.
pub(crate) async fn choose(
    backend: Option<&Backend>,
    loaded: &LoadedPlugins,
) -> Result<Vec<Arc<dyn HostPlugin>>> {
    let config = DynamicConfig::builder().copy_environment(true).build();
    let mut chosen: Vec<Arc<dyn HostPlugin>> =
        vec![Arc::new(config), Arc::new(TracingLogger::new())];
    chosen.retain(|plugin| match rival(plugin.as_ref(), loaded) {
        Some(other) => {
            tracing::debug!(
                "plugin `{}` takes the place of the compiled-in `{}`",
                other.id(),
                plugin.id()
            );
            false
        }
        None => true,
    });
    if let Some(backend) = backend {
        let plugin = backend.open().await?;
        if let Some(other) = rival(plugin.as_ref(), loaded) {
            return Err(Failure::message(
                Code::Config,
                format!(
                    "wasi:keyvalue is served by plugin `{}`, and --keyvalue asks for it, too",
                    other.id()
                ),
            )
            .help("leave out the plugin, or --keyvalue (and WASH_KEYVALUE)"));
        }
        chosen.push(plugin);
    }
    Ok(chosen)
}

/// The library that is in the way of a compiled-in capability.
fn rival<'a>(plugin: &dyn HostPlugin, loaded: &'a LoadedPlugins) -> Option<&'a LoadedPlugin> {
    let mut all = loaded.plugins().iter().map(AsRef::as_ref);
    all.find(|other| are_rivals(plugin, *other))
}

/// Whether two plugins serve interfaces of one package, or have one id.
fn are_rivals(one: &dyn HostPlugin, other: &dyn HostPlugin) -> bool {
    let packages = |plugin: &dyn HostPlugin| -> Vec<(String, String)> {
        let world = plugin.world();
        let interfaces = world.imports.iter().chain(&world.exports);
        interfaces
            .map(|interface| (interface.namespace.clone(), interface.package.clone()))
            .collect()
    };
    let ours = packages(one);
    one.id() == other.id() || packages(other).iter().any(|theirs| ours.contains(theirs))
}

/// What has to make room for a plugin that comes while the host runs: the ids
/// of compiled-in capabilities.
///
/// # Errors
///
/// If one of them was asked for, so that the operator has to choose.
pub(crate) fn make_room(
    plugin: &dyn HostPlugin,
    capabilities: &[Arc<dyn HostPlugin>],
) -> anyhow::Result<Vec<&'static str>> {
    let mut ids = Vec::new();
    for capability in capabilities {
        if !are_rivals(capability.as_ref(), plugin) {
            continue;
        }
        anyhow::ensure!(
            capability.id() != KEYVALUE,
            "wasi:keyvalue is served by --keyvalue: start the host without it to use plugin `{}`",
            plugin.id()
        );
        ids.push(capability.id());
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_named_by_their_kind() {
        for (text, expected) in [
            ("memory", Backend::Memory),
            ("file:data/kv", Backend::Filesystem("data/kv".into())),
            ("file:///var/kv", Backend::Filesystem("/var/kv".into())),
        ] {
            assert_eq!(text.parse::<Backend>(), Ok(expected));
        }
        assert!(matches!("tls://a:4222".parse(), Ok(Backend::Nats(_))));
        assert!(matches!("rediss://a".parse(), Ok(Backend::Redis(_))));
        for text in ["", "memory:", "file:", "file://", "disk", "http://a"] {
            assert!(text.parse::<Backend>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("redis://me:secret@a:1", "redis://a:1"),
            ("redis://me:se@cr/et@a:1/0?secret", "redis://a:1"),
            ("nats://a:4222", "nats://a:4222"),
            ("tls:secret", "tls:…"),
            ("file:data", "file:data"),
        ] {
            let backend: Backend = text.parse().unwrap();
            assert_eq!(backend.to_string(), shown);
            assert!(!format!("{backend:?}").contains("secret"));
        }
    }
}
