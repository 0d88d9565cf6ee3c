//! The implementations, each as a store that can be opened again.

use std::sync::Arc;

use tempfile::TempDir;
use wash_capabilities::keyvalue::{Filesystem, KeyValue, Memory, Nats, Redis};

use crate::servers::Server;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Memory,
    Filesystem,
    Nats,
    Redis,
}

/// A place for buckets, and who opens them.
pub(crate) struct Backend {
    pub(crate) kind: Kind,
    pub(crate) server: Option<Server>,
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<dyn KeyValue>,
}

impl Backend {
    /// `None` where what it needs is not installed.
    pub(crate) async fn new(kind: Kind) -> Option<Self> {
        let server = match kind {
            Kind::Nats => Some(Server::nats()?),
            Kind::Redis => Some(Server::redis()?),
            _ => None,
        };
        let mut backend = Self {
            kind,
            server,
            folder: TempDir::new().unwrap(),
            store: Arc::new(Memory::new()),
        };
        if kind != Kind::Memory {
            backend.reopen().await;
        }
        Some(backend)
    }

    /// The same place as another process would see it.
    pub(crate) async fn reopen(&mut self) {
        let url = self.server.as_ref().map(Server::url).unwrap_or_default();
        self.store = match self.kind {
            Kind::Memory => panic!("memory does not last"),
            Kind::Filesystem => Arc::new(Filesystem::new(self.folder.path().join("root"))),
            Kind::Nats => Arc::new(Nats::new(&async_nats::connect(url).await.unwrap())),
            Kind::Redis => Arc::new(Redis::from_url(&url).unwrap()),
        };
    }

    /// The largest number it counts to.
    pub(crate) fn limit(&self) -> u64 {
        match self.kind {
            Kind::Redis => i64::MAX.cast_unsigned(),
            _ => u64::MAX,
        }
    }
}

/// Runs a test with a backend.
pub(crate) async fn with(kind: Kind, test: impl AsyncFnOnce(&mut Backend)) {
    if let Some(mut backend) = Backend::new(kind).await {
        test(&mut backend).await;
    }
}

/// A module of tests for each implementation, from functions that take a
/// [`Backend`].
macro_rules! on_each {
    ([$($module:ident $kind:ident),*] $tests:tt) => {
        $(on_each!(@ $module $kind $tests);)*
    };
    (@ $module:ident $kind:ident [$($test:ident),* $(,)?]) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::backend::with(crate::backend::Kind::$kind, super::$test).await;
                }
            )*
        }
    };
}
pub(crate) use on_each;
