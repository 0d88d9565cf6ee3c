//! [`Memory`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{Bucket, Error, KeyValue, Page, counter::Encoding, error::check_key};

const PAGE: usize = 100;

/// Buckets in the memory of this process. They are gone when the last reference
/// to them is.
///
/// A new counter is eight bytes, the lowest first.
#[derive(Debug, Default)]
pub struct Memory {
    buckets: Mutex<HashMap<String, Arc<MemoryBucket>>>,
}

impl Memory {
    /// No buckets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl KeyValue for Memory {
    async fn open(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        let mut buckets = lock(&self.buckets);
        let bucket = buckets
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(MemoryBucket::new(name)));
        Ok(Arc::clone(bucket) as _)
    }
}

#[derive(Debug)]
struct MemoryBucket {
    name: String,
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryBucket {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            values: Mutex::default(),
        }
    }

    /// The values, once all `keys` are known to be possible.
    fn values<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<MutexGuard<'_, BTreeMap<String, Vec<u8>>>, Error> {
        for key in keys {
            check_key(&self.name, key)?;
        }
        Ok(lock(&self.values))
    }
}

#[async_trait]
impl Bucket for MemoryBucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.values([key])?.get(key).cloned())
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.values([key])?.insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.values([key])?.remove(key);
        Ok(())
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.values([key])?.contains_key(key))
    }

    async fn list_keys(&self, cursor: Option<u64>) -> Result<Page, Error> {
        let values = self.values([])?;
        Ok(Page::of(values.keys().map(String::as_str), cursor, PAGE))
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let mut values = self.values([key])?;
        let old = values.get(key).map(Vec::as_slice);
        let (sum, value) = Encoding::LittleEndian.add(&self.name, key, old, delta)?;
        values.insert(key.to_owned(), value);
        Ok(sum)
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let values = self.values(keys.iter().map(String::as_str))?;
        Ok(keys.iter().map(|key| values.get(key).cloned()).collect())
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.values(entries.iter().map(|(key, _)| key.as_str()))?
            .extend(entries);
        Ok(())
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        let mut values = self.values(keys.iter().map(String::as_str))?;
        for key in keys {
            values.remove(key);
        }
        Ok(())
    }
}

/// No code panics while it holds a lock of these, so a poisoned one is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
