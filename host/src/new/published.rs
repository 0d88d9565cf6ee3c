//! The packages whose interfaces `--interface` names: [`Published`].

use anyhow::{Context as _, Result, anyhow};
use wit_parser::{PackageId, Resolve, SourceMap};

use super::source::interfaces_of;

/// A published package, with those that it needs before it.
pub(super) struct Published {
    /// As `namespace:package`.
    pub(super) name: &'static str,
    /// The files of each package.
    packages: &'static [&'static [(&'static str, &'static str)]],
    /// The interfaces that components serve. A plugin calls those of them that
    /// are marked.
    pub(super) of_components: &'static [(&'static str, bool)],
}

/// A file of the plugins in this repository.
macro_rules! file {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!("../../../sample-plugins/", $path)),
        )
    };
}

impl Published {
    /// The packages that `--interface` knows.
    pub(super) const ALL: &[Self] = &[
        Self {
            name: "wasi:logging",
            packages: &[&[file!("custom-logger/wit/logging.wit")]],
            of_components: &[],
        },
        Self {
            name: "wasi:config",
            packages: &[&[
                file!("wasi-config/wit/deps/config/store.wit"),
                file!("wasi-config/wit/deps/config/world.wit"),
            ]],
            of_components: &[],
        },
        Self {
            name: "wasi:keyvalue",
            packages: &[&[
                file!("wasi-keyvalue/wit/deps/keyvalue/store.wit"),
                file!("wasi-keyvalue/wit/deps/keyvalue/atomic.wit"),
                file!("wasi-keyvalue/wit/deps/keyvalue/batch.wit"),
                file!("wasi-keyvalue/wit/deps/keyvalue/watch.wit"),
                file!("wasi-keyvalue/wit/deps/keyvalue/world.wit"),
            ]],
            of_components: &[("watcher", false)],
        },
        Self {
            name: "wasi:blobstore",
            packages: &[
                &[file!("wasi-blobstore/wit/deps/io/io.wit")],
                &[
                    file!("wasi-blobstore/wit/deps/blobstore/types.wit"),
                    file!("wasi-blobstore/wit/deps/blobstore/container.wit"),
                    file!("wasi-blobstore/wit/deps/blobstore/blobstore.wit"),
                ],
            ],
            of_components: &[],
        },
        Self {
            name: "wasmcloud:messaging",
            packages: &[&[file!(
                "wasmcloud-messaging/wit/deps/messaging/messaging.wit"
            )]],
            of_components: &[("handler", true)],
        },
    ];

    /// Returns the package of this name, without its version.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|known| known.name == name)
    }

    /// Reads the package's WIT.
    ///
    /// # Errors
    ///
    /// Fails if it is not well-formed.
    pub(super) fn load(&self) -> Result<(Resolve, PackageId)> {
        let mut resolve = Resolve::default();
        let mut last = None;
        for files in self.packages {
            let mut sources = SourceMap::default();
            for (path, text) in *files {
                sources.push_str(path, *text);
            }
            let group = sources.parse().map_err(|(_, error)| anyhow!("{error}"))?;
            last = Some(
                resolve
                    .push_group(group)
                    .map_err(|error| anyhow!("{error}"))?,
            );
        }
        Ok((resolve, last.context("the package has no files")?))
    }
}

/// That an interface is not here.
pub(super) fn unknown(wanted: &str) -> anyhow::Error {
    let mut known = Vec::new();
    for published in Published::ALL {
        if let Ok((resolve, package)) = published.load() {
            let interfaces = interfaces_of(&resolve, package).into_iter();
            known.extend(interfaces.filter_map(|id| resolve.id_of(id)));
        }
    }
    anyhow!(
        "`{wanted}` is not known; there are `{}`",
        known.join("`, `")
    )
}
