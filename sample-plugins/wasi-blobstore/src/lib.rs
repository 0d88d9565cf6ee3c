//! `wasi:blobstore` as a plugin library, with containers in memory or in
//! folders.
//!
//! ```toml
//! # plugins.toml
//! [plugins.wasi-blobstore]
//! backend = "filesystem" # or in-memory, which needs no root
//! root = "/var/lib/blobs"
//! ```
//!
//! In memory, each workload has containers of its own, gone when it stops. In
//! folders they are shared by all workloads. Objects stream in both directions:
//! none is in memory as a whole, but where that is the store.

mod outgoing;
mod stores;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::AsyncReadExt as _;
use wash_capabilities::blobstore::{BlobStore, Content, Error, ObjectId};
use wash_plugin_abi::{Call, Interface, Plugin, Workload, tracing};

use exports::wasi::blobstore::blobstore;
use exports::wasi::blobstore::container::{
    self, Container, GuestContainer, GuestStreamObjectNames, StreamObjectNames,
};
use exports::wasi::blobstore::types::{
    self, ContainerMetadata, GuestIncomingValue, GuestOutgoingValue, IncomingValue, ObjectMetadata,
    OutgoingValue, OutgoingValueBorrow,
};
use outgoing::Outgoing;
use stores::{Config, Stores};
use wash_plugin_abi::io::{InputStream, OutputStream};

wash_plugin_abi::bindgen!({ async: true });

type Result<T, E = String> = std::result::Result<T, E>;

/// The plugin.
struct WasiBlobstore {
    stores: Stores,
}

impl Plugin for WasiBlobstore {
    type Config = Config;

    fn new(config: Config) -> wash_plugin_abi::Result<Self> {
        let stores = Stores::new(config)?;
        Ok(Self { stores })
    }

    async fn workload_bound(
        &self,
        workload: &Workload,
        _: &[Interface],
    ) -> wash_plugin_abi::Result<()> {
        // Whatever an earlier workload of this id left.
        self.stores.forget(&workload.id);
        Ok(())
    }

    async fn workload_unbound(&self, workload_id: &str) -> wash_plugin_abi::Result<()> {
        self.stores.forget(workload_id);
        Ok(())
    }
}

/// An error as the component sees it. It cannot mend a store that is away, so
/// the host's log has that, too.
async fn answer<T>(call: &Call<'_>, work: impl Future<Output = Result<T, Error>>) -> Result<T> {
    work.await.map_err(|error| {
        if matches!(error, Error::Store { .. }) {
            tracing::warn!(
                workload_id = call.workload_id(),
                component_id = call.component_id(),
                "{error}",
            );
        }
        error.to_string()
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl From<blobstore::ObjectId> for ObjectId {
    fn from(id: blobstore::ObjectId) -> Self {
        Self::new(id.container, id.object)
    }
}

impl blobstore::Guest for WasiBlobstore {
    async fn create_container(&self, call: &Call<'_>, name: &str) -> Result<Container> {
        let store = self.stores.of(call.workload_id());
        answer(call, store.create_container(name)).await?;
        Ok(Container::new(Opened::new(store, name)))
    }

    async fn get_container(&self, call: &Call<'_>, name: &str) -> Result<Container> {
        let opened = Opened::new(self.stores.of(call.workload_id()), name);
        answer(call, opened.created_at()).await?;
        Ok(Container::new(opened))
    }

    async fn delete_container(&self, call: &Call<'_>, name: &str) -> Result<()> {
        let store = self.stores.of(call.workload_id());
        answer(call, store.delete_container(name)).await
    }

    async fn container_exists(&self, call: &Call<'_>, name: &str) -> Result<bool> {
        let store = self.stores.of(call.workload_id());
        Ok(answer(call, store.container(name)).await?.is_some())
    }

    async fn copy_object(
        &self,
        call: &Call<'_>,
        src: blobstore::ObjectId,
        dest: blobstore::ObjectId,
    ) -> Result<()> {
        let store = self.stores.of(call.workload_id());
        answer(call, store.copy(&src.into(), &dest.into())).await
    }

    async fn move_object(
        &self,
        call: &Call<'_>,
        src: blobstore::ObjectId,
        dest: blobstore::ObjectId,
    ) -> Result<()> {
        let store = self.stores.of(call.workload_id());
        answer(call, store.rename(&src.into(), &dest.into())).await
    }
}

impl types::Guest for WasiBlobstore {
    type OutgoingValue = Outgoing;
    type IncomingValue = Incoming;
}

impl GuestOutgoingValue<WasiBlobstore> for Outgoing {
    async fn new_outgoing_value(_: &WasiBlobstore, _: &Call<'_>) -> OutgoingValue {
        OutgoingValue::new(Self::default())
    }

    async fn outgoing_value_write_body(
        &self,
        plugin: &WasiBlobstore,
        call: &Call<'_>,
    ) -> Result<OutputStream, ()> {
        self.body(plugin.stores.of(call.workload_id())).await
    }

    async fn finish(_: &WasiBlobstore, _: &Call<'_>, this: OutgoingValue) -> Result<()> {
        let value = this.get::<Self>().ok_or("the value is none")?;
        Self::finish(value).await
    }
}

/// An `incoming-value`: an object, or a part of one, that is open.
struct Incoming {
    size: u64,
    content: Mutex<Option<Content>>,
}

impl Incoming {
    fn take(this: &IncomingValue) -> Result<Content> {
        let value = this.get::<Self>().ok_or("the value is none")?;
        let content = lock(&value.content).take();
        content.ok_or_else(|| String::from("the value was consumed"))
    }
}

impl GuestIncomingValue<WasiBlobstore> for Incoming {
    async fn incoming_value_consume_sync(
        _: &WasiBlobstore,
        _: &Call<'_>,
        this: IncomingValue,
    ) -> Result<Vec<u8>> {
        let mut content = Self::take(&this)?;
        let mut bytes = Vec::new();
        let read = content.reader.read_to_end(&mut bytes).await;
        read.map_err(|error| format!("the object cannot be read: {error}"))?;
        Ok(bytes)
    }

    async fn incoming_value_consume_async(
        _: &WasiBlobstore,
        _: &Call<'_>,
        this: IncomingValue,
    ) -> Result<InputStream> {
        Ok(InputStream::new(Self::take(&this)?.reader))
    }

    async fn size(&self, _: &WasiBlobstore, _: &Call<'_>) -> u64 {
        self.size
    }
}

/// A container that is open.
struct Opened {
    store: Arc<dyn BlobStore>,
    name: String,
}

impl Opened {
    fn new(store: Arc<dyn BlobStore>, name: &str) -> Self {
        let name = name.to_owned();
        Self { store, name }
    }

    fn id(&self, object: &str) -> ObjectId {
        ObjectId::new(&self.name, object)
    }

    async fn created_at(&self) -> Result<SystemTime, Error> {
        let name = self.name.clone();
        let found = self.store.container(&name).await?;
        found.ok_or(Error::NoContainer { name })
    }
}

impl container::Guest for WasiBlobstore {
    type Container = Opened;
    type StreamObjectNames = Names;
}

impl GuestContainer<WasiBlobstore> for Opened {
    async fn name(&self, _: &WasiBlobstore, _: &Call<'_>) -> Result<String> {
        Ok(self.name.clone())
    }

    async fn info(&self, _: &WasiBlobstore, call: &Call<'_>) -> Result<ContainerMetadata> {
        let created_at = answer(call, self.created_at()).await?;
        Ok(ContainerMetadata {
            name: self.name.clone(),
            created_at: seconds(created_at),
        })
    }

    async fn get_data(
        &self,
        _: &WasiBlobstore,
        call: &Call<'_>,
        name: &str,
        start: u64,
        end: u64,
    ) -> Result<IncomingValue> {
        let content = answer(call, self.store.read(&self.id(name), start, end)).await?;
        Ok(IncomingValue::new(Incoming {
            size: content.size,
            content: Mutex::new(Some(content)),
        }))
    }

    async fn write_data(
        &self,
        _: &WasiBlobstore,
        call: &Call<'_>,
        name: &str,
        data: OutgoingValueBorrow<'_>,
    ) -> Result<()> {
        // What cannot be written is told before the body is.
        answer(call, self.store.info(&self.id(name))).await?;
        let value = data.get::<Outgoing>().ok_or("the value is none")?;
        value.set_target(Arc::clone(&self.store), self.id(name))
    }

    async fn list_objects(&self, _: &WasiBlobstore, call: &Call<'_>) -> Result<StreamObjectNames> {
        let names = answer(call, self.store.list(&self.name)).await?;
        Ok(StreamObjectNames::new(Names(Mutex::new(names.into()))))
    }

    async fn delete_object(&self, _: &WasiBlobstore, call: &Call<'_>, name: &str) -> Result<()> {
        let names = [name.to_owned()];
        answer(call, self.store.delete(&self.name, &names)).await
    }

    async fn delete_objects(
        &self,
        _: &WasiBlobstore,
        call: &Call<'_>,
        names: Vec<&str>,
    ) -> Result<()> {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        answer(call, self.store.delete(&self.name, &names)).await
    }

    async fn has_object(&self, _: &WasiBlobstore, call: &Call<'_>, name: &str) -> Result<bool> {
        let info = answer(call, self.store.info(&self.id(name))).await?;
        Ok(info.is_some())
    }

    async fn object_info(
        &self,
        _: &WasiBlobstore,
        call: &Call<'_>,
        name: &str,
    ) -> Result<ObjectMetadata> {
        let info = answer(call, self.store.info(&self.id(name))).await?;
        let info = info.ok_or_else(|| {
            let container = self.name.clone();
            let object = name.to_owned();
            Error::NoObject { container, object }.to_string()
        })?;
        Ok(ObjectMetadata {
            name: name.to_owned(),
            container: self.name.clone(),
            created_at: seconds(info.created_at),
            size: info.size,
        })
    }

    async fn clear(&self, _: &WasiBlobstore, call: &Call<'_>) -> Result<()> {
        answer(call, self.store.clear(&self.name)).await
    }
}

/// Names of objects that were not read yet.
struct Names(Mutex<VecDeque<String>>);

impl Names {
    /// The next names, at most as many as told, and whether they are the last.
    fn next(&self, len: u64) -> (Vec<String>, bool) {
        let mut names = lock(&self.0);
        let some = names.len().min(usize::try_from(len).unwrap_or(usize::MAX));
        let next = names.drain(..some).collect();
        (next, names.is_empty())
    }
}

impl GuestStreamObjectNames<WasiBlobstore> for Names {
    async fn read_stream_object_names(
        &self,
        _: &WasiBlobstore,
        _: &Call<'_>,
        len: u64,
    ) -> Result<(Vec<String>, bool)> {
        Ok(self.next(len))
    }

    async fn skip_stream_object_names(
        &self,
        _: &WasiBlobstore,
        _: &Call<'_>,
        num: u64,
    ) -> Result<(u64, bool)> {
        let (skipped, last) = self.next(num);
        Ok((skipped.len() as u64, last))
    }
}

/// No code panics while it holds one of these, so a poisoned one is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

wash_plugin_abi::export!(WasiBlobstore);
