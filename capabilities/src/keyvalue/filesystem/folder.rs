//! A bucket's folder, and the work in it that may wait for the disk.

use std::{
    error::Error as StdError,
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::causes::causes;
use tempfile::Builder;

use super::{
    super::{Error, counter::Encoding},
    names,
};

/// Held by whoever writes: shared to replace a value whatever it was, alone to
/// replace one that depends on what it was.
const LOCK: &str = ".lock";

#[derive(Debug)]
pub(super) struct Folder {
    bucket: String,
    path: PathBuf,
}

/// A key, and its file's name.
#[derive(Debug)]
pub(super) struct KeyFile {
    key: String,
    name: String,
}

impl Folder {
    pub(super) fn new(root: &Path, bucket: &str) -> Result<Self, Error> {
        Ok(Self {
            bucket: bucket.to_owned(),
            path: root.join(names::folder(bucket)?),
        })
    }

    pub(super) fn file(&self, key: &str) -> Result<KeyFile, Error> {
        Ok(KeyFile {
            key: key.to_owned(),
            name: names::file(&self.bucket, key)?,
        })
    }

    pub(super) fn files(&self, keys: &[String]) -> Result<Vec<KeyFile>, Error> {
        keys.iter().map(|key| self.file(key)).collect()
    }

    pub(super) fn create(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.path).map_err(|error| self.failed("make the folder of", &error))
    }

    pub(super) fn read(&self, file: &KeyFile) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(self.path.join(&file.name)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed_at("read", file, &error)),
        }
    }

    pub(super) fn has(&self, file: &KeyFile) -> Result<bool, Error> {
        let there = self.path.join(&file.name).try_exists();
        there.map_err(|error| self.failed_at("look for", file, &error))
    }

    pub(super) fn keys(&self) -> Result<Vec<String>, Error> {
        let failed = |error| self.failed("list", &error);
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            keys.extend(name.to_str().and_then(crate::names::name));
        }
        Ok(keys)
    }

    pub(super) fn write(
        &self,
        entries: impl IntoIterator<Item = (KeyFile, Vec<u8>)>,
    ) -> Result<(), Error> {
        let _lock = self.lock(File::lock_shared)?;
        for (file, value) in entries {
            self.replace(&file, &value)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, files: impl IntoIterator<Item = KeyFile>) -> Result<(), Error> {
        let _lock = self.lock(File::lock_shared)?;
        for file in files {
            match fs::remove_file(self.path.join(&file.name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(self.failed_at("delete", &file, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn increment(&self, file: KeyFile, delta: u64) -> Result<u64, Error> {
        let _lock = self.lock(File::lock)?;
        let old = self.read(&file)?;
        let (sum, value) = Encoding::Decimal.add(&self.bucket, &file.key, old.as_deref(), delta)?;
        self.replace(&file, &value)?;
        Ok(sum)
    }

    /// Replaces a file at once: a new one takes its name.
    fn replace(&self, file: &KeyFile, value: &[u8]) -> Result<(), Error> {
        let replace = || -> io::Result<()> {
            let mut new = Builder::new().prefix(".write-").tempfile_in(&self.path)?;
            new.write_all(value)?;
            new.persist(self.path.join(&file.name))
                .map_err(|error| error.error)?;
            Ok(())
        };
        replace().map_err(|error| self.failed_at("write", file, &error))
    }

    /// The lock, until the file is closed. It makes the folder, should someone
    /// have deleted it.
    fn lock(&self, how: impl Fn(&File) -> io::Result<()>) -> Result<File, Error> {
        let open = || {
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.path.join(LOCK))
        };
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.create()?;
                open()
            }
            opened => opened,
        };
        file.and_then(|file| how(&file).map(|()| file))
            .map_err(|error| self.failed("lock", &error))
    }

    /// The path is left out: it is no business of the guest, who gets to see
    /// this.
    pub(super) fn failed(&self, action: &str, error: &dyn StdError) -> Error {
        Error::Store {
            store: "filesystem".to_owned(),
            action: format!("{action} bucket {:?}", self.bucket),
            reason: causes(error),
            may_pass: false,
        }
    }

    fn failed_at(&self, action: &str, file: &KeyFile, error: &io::Error) -> Error {
        Error::Store {
            store: "filesystem".to_owned(),
            action: format!("{action} key {:?} of bucket {:?}", file.key, self.bucket),
            reason: reason(error),
            may_pass: false,
        }
    }
}

/// What is wrong, without the path that `tempfile` adds to it.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.to_string(),
        None => match error.get_ref().and_then(StdError::source) {
            Some(source) => source.to_string(),
            None => error.kind().to_string(),
        },
    }
}
