//! [`Filesystem`].

use std::{
    fs, io,
    io::{ErrorKind, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use async_trait::async_trait;
use tempfile::{Builder, NamedTempFile, TempPath};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWrite},
};

use super::{BlobStore, Content, Error, Info, ObjectId, Upload, clamp, error::check_name};
use crate::{causes::causes, names};

/// Containers in folders, with a file for each object.
///
/// * A container is a folder below the root. A name that is an absolute path or
///   leads upwards is refused.
/// * A file is named like its object; what a file's name cannot contain is
///   spelled as `%` and two hexadecimal digits.
/// * What is written goes to a file of its own in the root, and takes its
///   object's name when it is complete. When it reaches the disk is up to the
///   operating system.
#[derive(Clone, Debug)]
pub struct Filesystem {
    root: PathBuf,
}

impl Filesystem {
    /// Containers below `root`, which is made when it is first needed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn container(&self, name: &str) -> Result<Folder, Error> {
        check_name("container", name)?;
        let refused = |reason: String| invalid("container", name, reason);
        if names::leads_out(name) {
            return Err(refused(String::from(
                "a container is a folder below the store's root, so its name is no absolute path \
                 and has no '..' in it",
            )));
        }
        Ok(Folder {
            path: self.root.join(names::file(name).map_err(refused)?),
            name: name.to_owned(),
        })
    }

    fn object(&self, id: &ObjectId) -> Result<Place, Error> {
        let folder = self.container(&id.container)?;
        check_name("object", &id.object)?;
        let file = names::file(&id.object);
        let file = file.map_err(|reason| invalid("object", &id.object, reason))?;
        Ok(Place {
            path: folder.path.join(file),
            folder,
            id: id.clone(),
        })
    }
}

fn invalid(what: &'static str, name: &str, reason: String) -> Error {
    // A reader needs to recognize it, not to read all of it.
    let name = name.chars().take(80).collect();
    Error::InvalidName { what, name, reason }
}

/// Does what may wait for the disk where that holds up nothing else.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(failed("finish", &io::Error::other(error))))
}

/// The path is left out: it is no business of the guest, who gets to see this.
fn failed(action: impl Into<String>, error: &io::Error) -> Error {
    let reason = match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number).to_string(),
        None => causes(error),
    };
    Error::Store {
        store: "filesystem".to_owned(),
        action: action.into(),
        reason,
    }
}

/// A container's folder.
#[derive(Debug)]
struct Folder {
    name: String,
    path: PathBuf,
}

impl Folder {
    fn failed(&self, action: &str, error: &io::Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound => Error::no_container(&self.name),
            _ => failed(format!("{action} container {:?}", self.name), error),
        }
    }

    /// The names of its objects.
    fn list(&self) -> Result<Vec<String>, Error> {
        let failed = |error: io::Error| self.failed("list", &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let file = entry.map_err(failed)?.file_name();
            found.extend(file.to_str().and_then(names::name));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn must_exist(&self) -> Result<(), Error> {
        fs::metadata(&self.path)
            .map(drop)
            .map_err(|error| self.failed("look for", &error))
    }
}

/// An object's file.
#[derive(Debug)]
struct Place {
    folder: Folder,
    id: ObjectId,
    path: PathBuf,
}

impl Place {
    fn failed(&self, action: &str, error: &io::Error) -> Error {
        if error.kind() == ErrorKind::NotFound {
            return match self.folder.must_exist() {
                Ok(()) => Error::no_object(&self.id),
                Err(error) => error,
            };
        }
        let ObjectId { container, object } = &self.id;
        failed(
            format!("{action} object {object:?} of container {container:?}"),
            error,
        )
    }

    fn remove(&self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed("delete", &error)),
            _ => self.folder.must_exist(),
        }
    }
}

/// A file that will take an object's name.
fn temporary(root: &Path) -> Result<NamedTempFile, Error> {
    let make = || {
        fs::create_dir_all(root)?;
        Builder::new().prefix(".upload-").tempfile_in(root)
    };
    make().map_err(|error| failed("begin to write an object", &error))
}

#[async_trait]
impl BlobStore for Filesystem {
    async fn create_container(&self, name: &str) -> Result<(), Error> {
        let folder = self.container(name)?;
        run(move || fs::create_dir_all(&folder.path).map_err(|error| folder.failed("make", &error)))
            .await
    }

    async fn container(&self, name: &str) -> Result<Option<SystemTime>, Error> {
        let folder = self.container(name)?;
        run(move || {
            let found = fs::metadata(&folder.path)
                .and_then(|found| found.created().or_else(|_| found.modified()));
            match found {
                Ok(at) => Ok(Some(at)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(folder.failed("look for", &error)),
            }
        })
        .await
    }

    async fn delete_container(&self, name: &str) -> Result<(), Error> {
        let folder = self.container(name)?;
        run(move || match fs::remove_dir_all(&folder.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(folder.failed("delete", &error))
            }
            _ => Ok(()),
        })
        .await
    }

    async fn clear(&self, container: &str) -> Result<(), Error> {
        let objects = self.list(container).await?;
        self.delete(container, &objects).await
    }

    async fn list(&self, container: &str) -> Result<Vec<String>, Error> {
        let folder = self.container(container)?;
        run(move || folder.list()).await
    }

    async fn info(&self, id: &ObjectId) -> Result<Option<Info>, Error> {
        let place = self.object(id)?;
        run(move || {
            let found = fs::metadata(&place.path).and_then(|found| {
                Ok(Info {
                    created_at: found.modified()?,
                    size: found.len(),
                })
            });
            match found.map_err(|error| place.failed("look for", &error)) {
                Ok(info) => Ok(Some(info)),
                Err(Error::NoObject { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn read(&self, id: &ObjectId, start: u64, end: u64) -> Result<Content, Error> {
        let place = self.object(id)?;
        let failed = |error: io::Error| place.failed("read", &error);
        let mut file = File::open(&place.path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        let (start, size) = clamp(size, start, end)?;
        file.seek(SeekFrom::Start(start)).await.map_err(failed)?;
        Ok(Content {
            size,
            reader: Box::pin(file.take(size)),
        })
    }

    async fn upload(&self) -> Result<Box<dyn Upload>, Error> {
        let root = self.root.clone();
        let (file, path) = run(move || Ok(temporary(&root)?.into_parts())).await?;
        Ok(Box::new(FileUpload {
            store: self.clone(),
            file: File::from_std(file),
            path,
        }))
    }

    async fn delete(&self, container: &str, objects: &[String]) -> Result<(), Error> {
        let places = objects
            .iter()
            .map(|object| self.object(&ObjectId::new(container, object)))
            .collect::<Result<Vec<_>, _>>()?;
        let folder = self.container(container)?;
        run(move || {
            folder.must_exist()?;
            places.iter().try_for_each(Place::remove)
        })
        .await
    }

    async fn copy(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error> {
        let (from, to, root) = (self.object(from)?, self.object(to)?, self.root.clone());
        run(move || {
            to.folder.must_exist()?;
            let failed = |error: io::Error| from.failed("copy", &error);
            let mut source = fs::File::open(&from.path).map_err(failed)?;
            let mut copy = temporary(&root)?;
            io::copy(&mut source, copy.as_file_mut()).map_err(failed)?;
            persist(copy.into_temp_path(), &to)
        })
        .await
    }

    async fn rename(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error> {
        let (from, to) = (self.object(from)?, self.object(to)?);
        run(move || {
            to.folder.must_exist()?;
            fs::rename(&from.path, &to.path).map_err(|error| from.failed("move", &error))
        })
        .await
    }
}

/// Gives a file its object's name.
fn persist(file: TempPath, to: &Place) -> Result<(), Error> {
    file.persist(&to.path)
        .map_err(|error| to.failed("write", &error.error))
}

struct FileUpload {
    store: Filesystem,
    file: File,
    path: TempPath,
}

impl AsyncWrite for FileUpload {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.file).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_shutdown(cx)
    }
}

#[async_trait]
impl Upload for FileUpload {
    async fn commit(self: Box<Self>, to: &ObjectId) -> Result<(), Error> {
        let to = self.store.object(to)?;
        let path = self.path;
        run(move || {
            to.folder.must_exist()?;
            persist(path, &to)
        })
        .await
    }
}
