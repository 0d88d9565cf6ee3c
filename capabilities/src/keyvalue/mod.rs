//! Buckets of values under keys.
//!
//! [`KeyValue`] opens a [`Bucket`]; each backend implements both:
//!
//! | backend | where a bucket is | feature |
//! |---|---|---|
//! | [`Memory`] | in the process, until it is dropped | |
//! | `Filesystem` | a folder with a file for each key | `filesystem` |
//! | `Nats` | a key-value bucket of JetStream | `nats` |
//! | `Redis` | keys that begin with the bucket's name | `redis` |
//!
//! # What holds for all of them
//!
//! * A bucket exists once it is opened, and buckets never see one another's
//!   keys.
//! * A key is any text that is not empty. Where the store beneath allows less,
//!   the backend spells the key in a way that the store allows.
//! * [`list_keys`](Bucket::list_keys) may be interleaved with writes: a key
//!   that is there from the first page to the last is listed.
//! * [`increment`](Bucket::increment) is atomic, whoever else uses the store.
//!   It never turns what is no number, or would be too large, into something
//!   else: the value stays as it is, and the caller gets an error.
//!
//! # Example
//!
//! ```
//! use wash_capabilities::keyvalue::{Error, KeyValue, Memory};
//!
//! # fn main() -> Result<(), Error> {
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let bucket = Memory::new().open("visits").await?;
//! bucket.set("last", b"monday".to_vec()).await?;
//! assert_eq!(bucket.increment("count", 2).await?, 2);
//! assert_eq!(bucket.list_keys(None).await?.keys, ["count", "last"]);
//! # Ok(())
//! # })
//! # }
//! ```

mod counter;
mod error;
#[cfg(feature = "filesystem")]
mod filesystem;
mod memory;
#[cfg(feature = "nats")]
mod nats;
mod page;
#[cfg(feature = "redis")]
mod redis;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use error::Error;
#[cfg(feature = "filesystem")]
pub use filesystem::Filesystem;
pub use memory::Memory;
#[cfg(feature = "nats")]
pub use nats::Nats;
pub use page::Page;
#[cfg(feature = "redis")]
pub use redis::Redis;

/// A store of buckets.
#[async_trait]
pub trait KeyValue: fmt::Debug + Send + Sync + 'static {
    /// The bucket of this name, which is made if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidBucket`] if the store cannot have a bucket of this name,
    /// [`Error::Store`] if it cannot be reached.
    async fn open(&self, name: &str) -> Result<Arc<dyn Bucket>, Error>;
}

/// A bucket that is open.
///
/// All methods fail with [`Error::InvalidKey`] if a key is empty or too long
/// for the store, and with [`Error::Store`] if the store cannot be reached or
/// refuses. After that, the bucket can be used as before: a backend that needs
/// a connection makes another when it is next called.
#[async_trait]
pub trait Bucket: fmt::Debug + Send + Sync + 'static {
    /// The value of a key, if it has one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Gives a key a value.
    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error>;

    /// Removes a key. There may be none.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Whether the key has a value.
    async fn exists(&self, key: &str) -> Result<bool, Error>;

    /// Some of the keys: the first page, or the one that the last page's
    /// [`cursor`](Page::cursor) leads to.
    async fn list_keys(&self, cursor: Option<u64>) -> Result<Page, Error>;

    /// Adds to the number that is the key's value and returns the sum. A key
    /// without a value counts as 0.
    ///
    /// # Errors
    ///
    /// [`Error::NotANumber`], [`Error::Overflow`], and [`Error::Contended`] if
    /// others keep changing the value.
    async fn increment(&self, key: &str, delta: u64) -> Result<u64, Error>;

    /// The values of keys, in the order of `keys`.
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error>;

    /// Gives keys their values. If it fails, some may have been set.
    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error>;

    /// Removes keys. If it fails, some may have been removed.
    async fn delete_many(&self, keys: &[String]) -> Result<(), Error>;
}
