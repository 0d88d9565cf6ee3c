//! The plugins' configuration, which follows its file: [`Settings`].

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use wash_plugin_abi::manifest::Manifest;

use super::change::{Change, Reconciled};
use super::files::{Files, Fingerprint};
use crate::config::{ConfigError, PluginsConfig};
use crate::untrusted::Untrusted;

/// The configuration that is in force.
#[derive(Debug)]
pub(super) struct Settings {
    config: PluginsConfig,
    /// The state of the file that it is read from.
    file: Files,
    /// What was last said against the file.
    complaint: Option<String>,
    /// Whether somebody has asked for the file to be read.
    is_asked: bool,
}

impl Settings {
    /// The configuration that plugins were loaded with.
    pub(super) fn new(config: PluginsConfig) -> Self {
        Self {
            config,
            // The first look reads the file: it may have changed since.
            file: Files::default(),
            complaint: None,
            is_asked: false,
        }
    }

    /// The configuration of a plugin.
    pub(super) fn get(&self, id: &str) -> Value {
        self.config.get(id)
    }

    /// Checks what a plugin is given against the schema in its manifest.
    ///
    /// # Errors
    ///
    /// If it does not fit: see [`PluginsConfig::check`].
    pub(super) fn check(&self, manifest: &Manifest) -> Result<(), ConfigError> {
        self.config.check(manifest)
    }

    /// Has the next look read the file, and tell so, whether or not it has
    /// changed.
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// Reads the file if it has changed, and has stopped changing. Returns
    /// whether the configuration of a plugin has changed. A file that cannot be
    /// used leaves the previous configuration in force.
    pub(super) fn look(&mut self, settle: Duration, done: &mut Reconciled) -> bool {
        let Some(path) = self.config.source().map(Path::to_owned) else {
            return false;
        };
        let seen = self.file.look([path.clone()], settle);
        if seen.is_waiting {
            done.is_waiting = true;
            return false;
        }
        let is_there = Fingerprint::of(&path).is_some();
        if seen.ready.is_empty() && is_there && !self.is_asked {
            return false;
        }
        let is_asked = std::mem::take(&mut self.is_asked);
        match PluginsConfig::from_file(&path) {
            Ok(config) => {
                for (path, fingerprint) in seen.ready {
                    self.file.done(&path, fingerprint);
                }
                self.complaint = None;
                let plugins = self.differences(&config);
                self.config = config;
                let has_changed = !plugins.is_empty();
                if has_changed {
                    tracing::info!(
                        path = %Untrusted::path(&path),
                        plugins = plugins.join(", "),
                        "the plugins' configuration has changed"
                    );
                }
                if has_changed || is_asked {
                    done.changes.push(Change::Configured { path, plugins });
                }
                has_changed
            }
            Err(error) => {
                for (path, fingerprint) in seen.ready {
                    self.file.done(&path, fingerprint);
                }
                let reason = complaint(error);
                let is_news = self.complaint.as_ref() != Some(&reason);
                if is_news {
                    tracing::warn!("{reason}");
                }
                if is_news || is_asked {
                    let reason = reason.clone();
                    done.changes.push(Change::Unreadable { path, reason });
                }
                self.complaint = Some(reason);
                false
            }
        }
    }

    /// The ids of the plugins that another configuration has something else for.
    fn differences(&self, other: &PluginsConfig) -> Vec<String> {
        let mut ids: Vec<&str> = self.config.ids().chain(other.ids()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| self.config.get(id) != other.get(id));
        ids.into_iter().map(str::to_owned).collect()
    }
}

fn complaint(error: ConfigError) -> String {
    let hint = error.hint();
    let error = anyhow::Error::new(error);
    format!("{error:#}; the previous configuration stays in force: {hint}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Long ago, so that nothing is waited for.
    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        let file = fs::File::options().append(true).open(path).unwrap();
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(600);
        file.set_modified(long_ago).unwrap();
    }

    fn look(settings: &mut Settings) -> (bool, Vec<Change>) {
        let mut done = Reconciled::default();
        let has_changed = settings.look(Duration::from_secs(60), &mut done);
        assert!(!done.is_waiting);
        (has_changed, done.changes)
    }

    #[test]
    fn the_configuration_follows_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.toml");
        write(&path, "[plugins.a]\nk = 1\n[plugins.b]\nk = 1\n");
        let mut settings = Settings::new(PluginsConfig::from_file(&path).unwrap());
        assert_eq!(look(&mut settings), (false, vec![]));

        write(&path, "[plugins.a]\nk = 22\n[plugins.c]\nk = 1\n");
        let told = |plugins: &[&str]| Change::Configured {
            path: path.clone(),
            plugins: plugins.iter().map(|id| (*id).to_owned()).collect(),
        };
        let (has_changed, changes) = look(&mut settings);
        assert_eq!((has_changed, changes), (true, vec![told(&["a", "b", "c"])]));
        assert_eq!(settings.get("a")["k"], 22);
        assert_eq!(look(&mut settings), (false, vec![]));

        // Who asks is told that it was read, although nothing has changed.
        settings.ask();
        assert_eq!(look(&mut settings), (false, vec![told(&[])]));

        // One that cannot be used is told once, and to everybody who asks.
        write(&path, "[plugins.a]\nk = \n");
        let complaints = |changes: &[Change]| {
            let unreadable = |change: &&Change| matches!(change, Change::Unreadable { .. });
            changes.iter().filter(unreadable).count()
        };
        assert_eq!(complaints(&look(&mut settings).1), 1);
        assert_eq!(complaints(&look(&mut settings).1), 0);
        settings.ask();
        assert_eq!(complaints(&look(&mut settings).1), 1);
        assert_eq!(settings.get("a")["k"], 22);
        fs::remove_file(&path).unwrap();
        assert_eq!(complaints(&look(&mut settings).1), 1);
        assert_eq!(complaints(&look(&mut settings).1), 0);
        write(&path, "[plugins.a]\nk = 333\n");
        assert_eq!(look(&mut settings), (true, vec![told(&["a", "c"])]));
    }
}
