//! What each file held when it was last read: [`Known`].
//!
//! A verdict on a file depends on other files, on the plugins that run and on
//! the configuration. So what was read is kept, without the library's bytes,
//! and judged again whenever one of those has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::inspect::Inspected;
use crate::rejection::Rejection;

/// The contents of the files, by their paths.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<PathBuf, Held>);

#[derive(Debug)]
enum Held {
    /// A plugin, without the bytes of its library.
    Plugin(Box<Inspected>),
    /// Something that no other file and no configuration makes a plugin.
    Other(Rejection),
}

impl Held {
    /// Whether nothing follows from the one that does not follow from the other.
    fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plugin(one), Self::Plugin(other)) => one.sha256() == other.sha256(),
            (Self::Other(one), Self::Other(other)) => {
                one.facts() == other.facts() && one.to_string() == other.to_string()
            }
            _ => false,
        }
    }
}

impl Known {
    /// Notes a plugin that was read, without its bytes. Returns whether that is
    /// news.
    pub(super) fn plugin_read(&mut self, plugin: &mut Inspected) -> bool {
        let outline = Box::new(plugin.outline());
        self.note(plugin.path().to_owned(), Held::Plugin(outline))
    }

    /// Notes a file that is no plugin, whatever the others are. Returns whether
    /// that is news.
    pub(super) fn other_read(&mut self, rejection: Rejection) -> bool {
        self.note(rejection.path().to_owned(), Held::Other(rejection))
    }

    fn note(&mut self, path: PathBuf, held: Held) -> bool {
        let is_news = !matches!(self.0.get(&path), Some(known) if known.says_the_same(&held));
        self.0.insert(path, held);
        is_news
    }

    /// Forgets the files that are gone. Returns whether there were any.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Path) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|path, _| !is_gone(path));
        self.0.len() < before
    }

    /// The plugin in a file.
    pub(super) fn plugin(&self, path: &Path) -> Option<&Inspected> {
        match self.0.get(path)? {
            Held::Plugin(plugin) => Some(plugin),
            Held::Other(_) => None,
        }
    }

    /// The plugins, in the order of their paths.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Inspected> {
        self.0.values().filter_map(|held| match held {
            Held::Plugin(plugin) => Some(&**plugin),
            Held::Other(_) => None,
        })
    }

    /// The files that are no plugins, in the order of their paths.
    pub(super) fn others(&self) -> impl Iterator<Item = &Rejection> {
        self.0.values().filter_map(|held| match held {
            Held::Plugin(_) => None,
            Held::Other(rejection) => Some(rejection),
        })
    }

    /// How many files are known.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
