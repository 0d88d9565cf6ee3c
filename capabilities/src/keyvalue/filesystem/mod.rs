//! [`Filesystem`].

mod folder;
mod names;

use std::{fmt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use folder::Folder;

use super::{Bucket, Error, KeyValue, Page};

const PAGE: usize = 1000;

/// Buckets in folders, with a file for each key.
///
/// * A bucket is a folder below the root, whoever opens it. A name that is an
///   absolute path or leads upwards is refused.
/// * A file is named like its key; what a file's name cannot contain is spelled
///   as `%` and two hexadecimal digits, so that no key leads out of its bucket.
///   On file systems that do not tell `a` from `A`, neither does the bucket.
/// * A value is replaced at once: no reader sees half of one. When it reaches
///   the disk is up to the operating system.
/// * A new counter is decimal text. Increments are atomic among all processes
///   that use the folder on this machine.
#[derive(Clone, Debug)]
pub struct Filesystem {
    root: PathBuf,
}

impl Filesystem {
    /// Buckets below `root`, which is made when the first bucket is opened.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl KeyValue for Filesystem {
    async fn open(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        let folder = Arc::new(Folder::new(&self.root, name)?);
        let bucket = FilesystemBucket { folder };
        bucket.run(Folder::create).await?;
        Ok(Arc::new(bucket))
    }
}

struct FilesystemBucket {
    folder: Arc<Folder>,
}

impl FilesystemBucket {
    /// Does what may wait for the disk where that holds up nothing else.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || work(&folder))
            .await
            .unwrap_or_else(|error| Err(self.folder.failed("finish", &error)))
    }
}

#[async_trait]
impl Bucket for FilesystemBucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = self.folder.file(key)?;
        self.run(move |folder| folder.read(&file)).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let file = self.folder.file(key)?;
        self.run(move |folder| folder.write([(file, value)])).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let file = self.folder.file(key)?;
        self.run(move |folder| folder.remove([file])).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        let file = self.folder.file(key)?;
        self.run(move |folder| folder.has(&file)).await
    }

    async fn list_keys(&self, cursor: Option<u64>) -> Result<Page, Error> {
        let keys = self.run(Folder::keys).await?;
        Ok(Page::of(keys.iter().map(String::as_str), cursor, PAGE))
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let file = self.folder.file(key)?;
        self.run(move |folder| folder.increment(file, delta)).await
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let files = self.folder.files(keys)?;
        self.run(move |folder| files.iter().map(|file| folder.read(file)).collect())
            .await
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let entries = entries
            .into_iter()
            .map(|(key, value)| Ok((self.folder.file(&key)?, value)))
            .collect::<Result<Vec<_>, Error>>()?;
        self.run(move |folder| folder.write(entries)).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        let files = self.folder.files(keys)?;
        self.run(move |folder| folder.remove(files)).await
    }
}

impl fmt::Debug for FilesystemBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FilesystemBucket")
            .field(&self.folder)
            .finish()
    }
}
