//! The directories behind a workload's volumes.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::types::{LocalResources, Volume, VolumeMount, VolumeType};

/// The volumes of one workload. The temporary ones are removed with it.
#[derive(Debug)]
pub(crate) struct Volumes {
    directories: HashMap<String, Directory>,
}

#[derive(Debug)]
enum Directory {
    Host(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    fn path(&self) -> &Path {
        match self {
            Self::Host(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

impl Volumes {
    /// Finds the host directories and creates the empty ones.
    pub(super) fn open(volumes: &[Volume]) -> anyhow::Result<Self> {
        let mut directories = HashMap::new();
        for volume in volumes {
            let name = &volume.name;
            let directory = match &volume.volume_type {
                VolumeType::HostPath(host) => {
                    let path = Path::new(&host.local_path)
                        .canonicalize()
                        .with_context(|| {
                            format!("volume '{name}': cannot open '{}'", host.local_path)
                        })?;
                    if !path.is_dir() {
                        bail!("volume '{name}': '{}' is not a directory", host.local_path);
                    }
                    Directory::Host(path)
                }
                VolumeType::EmptyDir(_) => {
                    Directory::Temporary(TempDir::with_prefix("wash-volume-").with_context(
                        || format!("volume '{name}': cannot create a temporary directory"),
                    )?)
                }
            };
            if directories.insert(name.clone(), directory).is_some() {
                bail!("volume '{name}' is declared twice; give each volume a name of its own");
            }
        }
        Ok(Self { directories })
    }

    /// The directories that an item mounts.
    pub(super) fn mounts(
        &self,
        resources: &LocalResources,
    ) -> anyhow::Result<Vec<(PathBuf, VolumeMount)>> {
        resources
            .volume_mounts
            .iter()
            .map(|mount| {
                let directory = self.directories.get(&mount.name).with_context(|| {
                    let mut known: Vec<_> = self.directories.keys().map(String::as_str).collect();
                    known.sort_unstable();
                    format!(
                        "the mount at '{}' names the volume '{}', which the workload does not \
                         declare (it declares: {})",
                        mount.mount_path,
                        mount.name,
                        if known.is_empty() {
                            "none".to_string()
                        } else {
                            known.join(", ")
                        },
                    )
                })?;
                Ok((directory.path().to_path_buf(), mount.clone()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Volumes;
    use crate::types::{EmptyDirVolume, LocalResources, Volume, VolumeMount, VolumeType};

    #[test]
    fn an_empty_directory_is_shared_and_goes_with_its_workload() {
        let volumes = Volumes::open(&[Volume {
            name: "scratch".to_string(),
            volume_type: VolumeType::EmptyDir(EmptyDirVolume {}),
        }])
        .unwrap();
        let mount = |path: &str| VolumeMount {
            name: "scratch".to_string(),
            mount_path: path.to_string(),
            read_only: false,
        };
        let mounts = volumes
            .mounts(&LocalResources {
                volume_mounts: vec![mount("/a"), mount("/b")],
                ..LocalResources::default()
            })
            .unwrap();
        assert_eq!(mounts[0].0, mounts[1].0);
        assert!(mounts[0].0.is_dir());
        drop(volumes);
        assert!(!mounts[0].0.exists());
    }
}
