//! Containers of objects of any size, behind `wasi:blobstore`: [`Memory`] and
//! [`Filesystem`].
//!
//! An object is written by an [`Upload`], a piece at a time, and seen by others
//! once that is committed, at once and whole. Whoever reads an object goes on
//! reading it as it was, whatever becomes of it meanwhile.
//!
//! ```
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use wash_capabilities::blobstore::{BlobStore, Memory, ObjectId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = Memory::new(1_000_000);
//! store.create_container("pictures").await?;
//! let id = ObjectId::new("pictures", "sun");
//! let mut upload = store.upload().await?;
//! upload.write_all(b"round").await?;
//! upload.commit(&id).await?;
//!
//! let mut object = store.read(&id, 1, 2).await?;
//! let mut text = String::new();
//! object.reader.read_to_string(&mut text).await?;
//! assert_eq!((object.size, text.as_str()), (2, "ou"));
//! # Ok(())
//! # })
//! # }
//! ```

mod error;
#[cfg(feature = "filesystem")]
mod filesystem;
mod memory;

use std::{fmt, pin::Pin, time::SystemTime};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

pub use error::Error;
#[cfg(feature = "filesystem")]
pub use filesystem::Filesystem;
pub use memory::Memory;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectId {
    /// The container's name.
    pub container: String,
    /// The object's name in it.
    pub object: String,
}

impl ObjectId {
    /// An object of a container.
    pub fn new(container: impl Into<String>, object: impl Into<String>) -> Self {
        Self {
            container: container.into(),
            object: object.into(),
        }
    }
}

/// What is known of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// When it got its present contents.
    pub created_at: SystemTime,
    /// Its size in bytes.
    pub size: u64,
}

/// An object, or a part of one, to be read.
pub struct Content {
    /// How many bytes there are.
    pub size: u64,
    /// Reads them.
    pub reader: Pin<Box<dyn AsyncRead + Send>>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// An object that is being written. Dropped before it is committed, it leaves
/// nothing behind.
#[async_trait]
pub trait Upload: AsyncWrite + Send + Unpin {
    /// Puts what was written in its place, instead of what was there. All of
    /// it has to be flushed.
    ///
    /// # Errors
    ///
    /// As those of [`BlobStore`].
    async fn commit(self: Box<Self>, to: &ObjectId) -> Result<(), Error>;
}

/// A store of containers.
///
/// All methods fail with [`Error::InvalidName`] if the store can have nothing
/// of a name, with [`Error::NoContainer`] or [`Error::NoObject`] where there is
/// none, unless they say otherwise, and with [`Error::Store`] if the store
/// cannot be reached or refuses.
#[async_trait]
pub trait BlobStore: fmt::Debug + Send + Sync + 'static {
    /// Makes a container. One that exists stays as it is.
    async fn create_container(&self, name: &str) -> Result<(), Error>;

    /// When a container was made; `None` if there is none.
    async fn container(&self, name: &str) -> Result<Option<SystemTime>, Error>;

    /// Deletes a container with all that is in it. There may be none.
    async fn delete_container(&self, name: &str) -> Result<(), Error>;

    /// Deletes all objects of a container.
    async fn clear(&self, container: &str) -> Result<(), Error>;

    /// The names of all objects of a container, sorted.
    async fn list(&self, container: &str) -> Result<Vec<String>, Error>;

    /// What is known of an object; `None` if there is none.
    async fn info(&self, id: &ObjectId) -> Result<Option<Info>, Error>;

    /// Opens an object to be read from the byte at `start` to that at `end`,
    /// both included, as far as there are so many.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRange`] if it ends before it starts.
    async fn read(&self, id: &ObjectId, start: u64, end: u64) -> Result<Content, Error>;

    /// Begins to write an object.
    async fn upload(&self) -> Result<Box<dyn Upload>, Error>;

    /// Deletes objects. They may not exist. If it fails, some may be deleted.
    async fn delete(&self, container: &str, objects: &[String]) -> Result<(), Error>;

    /// Copies an object over another, or to where there is none.
    async fn copy(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error>;

    /// Moves an object over another, or to where there is none. If it fails,
    /// the object is where it was.
    async fn rename(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error>;
}

/// The offset and the number of bytes of a range of an object of this size.
fn clamp(size: u64, start: u64, end: u64) -> Result<(u64, u64), Error> {
    if start > end {
        return Err(Error::InvalidRange { start, end });
    }
    let start = start.min(size);
    Ok((start, end.saturating_add(1).min(size) - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_their_end_and_stop_at_the_objects() {
        for (start, end, expected) in [
            (0, 0, (0, 1)),
            (0, 9, (0, 10)),
            (0, 10, (0, 10)),
            (3, u64::MAX, (3, 7)),
            (10, 10, (10, 0)),
            (99, 100, (10, 0)),
        ] {
            assert_eq!(clamp(10, start, end).unwrap(), expected, "{start} {end}");
        }
        assert_eq!(clamp(0, 0, 0).unwrap(), (0, 0));
        let error = clamp(10, 4, 3).unwrap_err();
        assert_eq!(error, Error::InvalidRange { start: 4, end: 3 });
    }
}
