//! [`Memory`].

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Cursor},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::{BlobStore, Content, Error, Info, ObjectId, Upload, clamp, error::check_name};

/// Containers in the memory of this process. They are gone when the last
/// reference to them is.
#[derive(Clone, Debug)]
pub struct Memory {
    containers: Arc<Mutex<HashMap<String, Container>>>,
    limit: u64,
}

#[derive(Debug)]
struct Container {
    created_at: SystemTime,
    objects: BTreeMap<String, Object>,
}

#[derive(Clone, Debug)]
struct Object {
    created_at: SystemTime,
    bytes: Bytes,
}

impl Memory {
    /// No containers yet; an object may have `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            containers: Arc::default(),
            limit,
        }
    }

    /// No code panics while it holds the lock, so a poisoned one is sound.
    fn containers(&self) -> MutexGuard<'_, HashMap<String, Container>> {
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn within<R>(
        &self,
        container: &str,
        work: impl FnOnce(&mut BTreeMap<String, Object>) -> R,
    ) -> Result<R, Error> {
        check_name("container", container)?;
        let mut containers = self.containers();
        let found = containers.get_mut(container);
        let found = found.ok_or_else(|| Error::no_container(container))?;
        Ok(work(&mut found.objects))
    }

    fn object(&self, id: &ObjectId) -> Result<Object, Error> {
        check_name("object", &id.object)?;
        let found = self.within(&id.container, |objects| objects.get(&id.object).cloned())?;
        found.ok_or_else(|| Error::no_object(id))
    }

    fn put(&self, id: &ObjectId, bytes: Bytes) -> Result<(), Error> {
        check_name("object", &id.object)?;
        let object = Object {
            created_at: SystemTime::now(),
            bytes,
        };
        self.within(&id.container, |objects| {
            objects.insert(id.object.clone(), object);
        })
    }
}

#[async_trait]
impl BlobStore for Memory {
    async fn create_container(&self, name: &str) -> Result<(), Error> {
        check_name("container", name)?;
        let mut containers = self.containers();
        containers
            .entry(name.to_owned())
            .or_insert_with(|| Container {
                created_at: SystemTime::now(),
                objects: BTreeMap::new(),
            });
        Ok(())
    }

    async fn container(&self, name: &str) -> Result<Option<SystemTime>, Error> {
        check_name("container", name)?;
        Ok(self.containers().get(name).map(|found| found.created_at))
    }

    async fn delete_container(&self, name: &str) -> Result<(), Error> {
        check_name("container", name)?;
        self.containers().remove(name);
        Ok(())
    }

    async fn clear(&self, container: &str) -> Result<(), Error> {
        self.within(container, BTreeMap::clear)
    }

    async fn list(&self, container: &str) -> Result<Vec<String>, Error> {
        self.within(container, |objects| objects.keys().cloned().collect())
    }

    async fn info(&self, id: &ObjectId) -> Result<Option<Info>, Error> {
        match self.object(id) {
            Ok(object) => Ok(Some(Info {
                created_at: object.created_at,
                size: object.bytes.len() as u64,
            })),
            Err(Error::NoObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, id: &ObjectId, start: u64, end: u64) -> Result<Content, Error> {
        let bytes = self.object(id)?.bytes;
        let (start, size) = clamp(bytes.len() as u64, start, end)?;
        // Both lie within the bytes, whose number is a `usize`.
        let from = start as usize;
        let part = bytes.slice(from..from + size as usize);
        Ok(Content {
            size,
            reader: Box::pin(Cursor::new(part)),
        })
    }

    async fn upload(&self) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(MemoryUpload {
            store: self.clone(),
            bytes: Vec::new(),
        }))
    }

    async fn delete(&self, container: &str, objects: &[String]) -> Result<(), Error> {
        for object in objects {
            check_name("object", object)?;
        }
        self.within(container, |there| {
            for object in objects {
                there.remove(object);
            }
        })
    }

    async fn copy(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error> {
        let object = self.object(from)?;
        self.put(to, object.bytes)
    }

    async fn rename(&self, from: &ObjectId, to: &ObjectId) -> Result<(), Error> {
        self.copy(from, to).await?;
        if from != to {
            self.delete(&from.container, std::slice::from_ref(&from.object))
                .await?;
        }
        Ok(())
    }
}

struct MemoryUpload {
    store: Memory,
    bytes: Vec<u8>,
}

impl AsyncWrite for MemoryUpload {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let limit = self.store.limit;
        if (self.bytes.len() + buf.len()) as u64 > limit {
            return Poll::Ready(Err(io::Error::other(Error::TooLarge { limit })));
        }
        self.bytes.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn commit(self: Box<Self>, to: &ObjectId) -> Result<(), Error> {
        self.store.put(to, self.bytes.into())
    }
}
