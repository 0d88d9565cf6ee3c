//! [`Nats`].

use std::{collections::BTreeMap, error::Error as StdError, fmt, sync::Arc, time::Duration};

use async_nats::{
    Client,
    connection::State,
    jetstream::{
        self, Context,
        kv::{Operation, Store, UpdateErrorKind},
        stream::{Config, DiscardPolicy},
    },
};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::Mutex, time::timeout};

use super::{Bucket, Error, KeyValue, Page, counter::Encoding, error::check_key};
use crate::{causes::causes, escape::Escape};

const PAGE: usize = 1000;

/// How many requests of a batch are under way at once.
const AT_ONCE: usize = 16;

/// How often an increment is tried while others change the value.
const ATTEMPTS: usize = 100;

/// How long the server may take for the next part of a listing.
const LISTING: Duration = Duration::from_secs(10);

/// Names of streams end up in subjects, whose line has a limit at the server.
const LONGEST_BUCKET: usize = 200;
const LONGEST_KEY: usize = 2048;

/// What JetStream allows in a key, which is a part of a subject: no part
/// between dots may be empty.
const ESCAPE: Escape = Escape {
    mark: b'=',
    allows: |key, at| match key.get(at).copied() {
        Some(b'.') => at != 0 && at + 1 != key.len() && key.get(at - 1) != Some(&b'.'),
        Some(b'-' | b'/' | b'_' | b'=') => true,
        Some(byte) => byte.is_ascii_alphanumeric(),
        None => false,
    },
};

/// Buckets of JetStream's key-value store, whoever opens them.
///
/// * A bucket's name has letters, digits, `_` and `-`, as JetStream demands. A
///   bucket that does not exist is made with one value for each key and no
///   limits; one that exists stays as it is.
/// * What JetStream does not allow in a key is spelled as `=` and two
///   hexadecimal digits.
/// * A new counter is eight bytes, the highest first.
/// * The client connects again by itself. Until it has, all calls fail.
pub struct Nats {
    server: Arc<Server>,
}

struct Server {
    client: Client,
    context: Context,
    /// Increments that met others wait for one another here.
    increments: Mutex<()>,
}

impl Nats {
    /// Buckets of the account that the client is connected to.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self {
            server: Arc::new(Server {
                client: client.clone(),
                context: jetstream::new(client.clone()),
                increments: Mutex::default(),
            }),
        }
    }

    /// Connects to the server of this URL, `nats://[user[:password]@]host[:port]`,
    /// or `tls://` with TLS.
    ///
    /// # Errors
    ///
    /// If it is no such URL, or no server answers there. The error does not
    /// quote the URL.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let client = async_nats::connect(url).await.map_err(|error| {
            use async_nats::ConnectErrorKind as Kind;
            Error::Store {
                store: "NATS".to_owned(),
                action: "connect".to_owned(),
                reason: causes(&error),
                may_pass: !matches!(
                    error.kind(),
                    Kind::ServerParse
                        | Kind::Authentication
                        | Kind::AuthorizationViolation
                        | Kind::Tls
                ),
            }
        })?;
        Ok(Self::new(&client))
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").finish_non_exhaustive()
    }
}

impl Server {
    /// Fails at once where a request would only run into its time limit.
    fn check_connected(&self, action: impl FnOnce() -> String) -> Result<(), Error> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            _ => Err(failed(
                action(),
                "the client is not connected, and tries to connect again".to_owned(),
            )),
        }
    }
}

#[async_trait]
impl KeyValue for Nats {
    async fn open(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > LONGEST_BUCKET || !name.bytes().all(allowed) {
            return Err(Error::InvalidBucket {
                name: name.chars().take(80).collect(),
                reason: format!(
                    "JetStream allows up to {LONGEST_BUCKET} letters, digits, '_' and '-'"
                ),
            });
        }
        let action = || format!("open bucket {name:?}");
        self.server.check_connected(action)?;
        let failed = |error: &(dyn StdError + 'static)| failed(action(), causes(error));
        let context = &self.server.context;
        let store = match context.get_key_value(name).await {
            Ok(store) => store,
            // Most likely there is none yet. If not, it cannot be made either.
            Err(_) => {
                let made = context.create_stream(stream_of(name)).await;
                made.map_err(|error| failed(&error))?;
                let store = context.get_key_value(name).await;
                store.map_err(|error| failed(&error))?
            }
        };
        Ok(Arc::new(NatsBucket {
            name: name.to_owned(),
            store,
            server: Arc::clone(&self.server),
        }))
    }
}

/// What JetStream calls a key-value bucket, as it is laid down for its clients.
/// The client's own way to make one does not understand servers before 2.10.
fn stream_of(bucket: &str) -> Config {
    Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        allow_direct: true,
        allow_rollup: true,
        deny_delete: true,
        discard: DiscardPolicy::New,
        num_replicas: 1,
        ..Config::default()
    }
}

struct NatsBucket {
    name: String,
    store: Store,
    server: Arc<Server>,
}

impl NatsBucket {
    /// The key as JetStream has it, if the server can be asked about it.
    fn key(&self, action: &str, key: &str) -> Result<String, Error> {
        check_key(&self.name, key)?;
        let spelled = ESCAPE.encode(key);
        if spelled.len() > LONGEST_KEY {
            return Err(Error::invalid_key(
                &self.name,
                key,
                format!(
                    "as a subject of NATS it has {} bytes, and may have {LONGEST_KEY}",
                    spelled.len()
                ),
            ));
        }
        self.server.check_connected(|| self.action(action))?;
        Ok(spelled)
    }

    fn keys(&self, action: &str, keys: &[String]) -> Result<Vec<String>, Error> {
        keys.iter().map(|key| self.key(action, key)).collect()
    }

    fn check_size(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let limit = self.server.client.server_info().max_payload;
        // Before the first connection, the server has not told.
        if limit != 0 && value.len() > limit {
            return Err(Error::TooLarge {
                bucket: self.name.clone(),
                key: key.to_owned(),
                size: value.len(),
                limit,
            });
        }
        Ok(())
    }

    fn action(&self, action: &str) -> String {
        format!("{action} bucket {:?}", self.name)
    }

    fn failed(&self, action: &str, error: &(dyn StdError + 'static)) -> Error {
        failed(self.action(action), causes(error))
    }

    async fn read(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        let value = self.store.get(key).await;
        let value = value.map_err(|error| self.failed("read from", &error))?;
        Ok(value.map(Vec::from))
    }

    async fn write(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        let written = self.store.put(key, value.into()).await;
        written.map_err(|error| self.failed("write to", &error))?;
        Ok(())
    }

    async fn remove(&self, key: String) -> Result<(), Error> {
        let removed = self.store.delete(key).await;
        removed.map_err(|error| self.failed("delete from", &error))
    }

    /// One attempt; `None` if the value was changed meanwhile.
    async fn try_increment(
        &self,
        key: &str,
        spelled: &str,
        delta: u64,
    ) -> Result<Option<u64>, Error> {
        let entry = self.store.entry(spelled).await;
        let entry = entry.map_err(|error| self.failed("read from", &error))?;
        // The revision of a deletion counts, too. 0 is that of nothing.
        let revision = entry.as_ref().map_or(0, |entry| entry.revision);
        let old = entry.filter(|entry| entry.operation == Operation::Put);
        let old = old.as_ref().map(|entry| entry.value.as_ref());
        let (sum, value) = Encoding::BigEndian.add(&self.name, key, old, delta)?;
        match self.store.update(spelled, value.into(), revision).await {
            Ok(_) => Ok(Some(sum)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(self.failed("increment in", &error)),
        }
    }
}

#[async_trait]
impl Bucket for NatsBucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let key = self.key("read from", key)?;
        self.read(key).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.check_size(key, &value)?;
        let key = self.key("write to", key)?;
        self.write(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let key = self.key("delete from", key)?;
        self.remove(key).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.get(key).await?.is_some())
    }

    async fn list_keys(&self, cursor: Option<u64>) -> Result<Page, Error> {
        self.server.check_connected(|| self.action("list"))?;
        let failed = |error: &(dyn StdError + 'static)| self.failed("list", error);
        let mut spelled = self.store.keys().await.map_err(|error| failed(&error))?;
        let mut keys = Vec::new();
        while let Some(key) = timeout(LISTING, spelled.next())
            .await
            .map_err(|error| failed(&error))?
        {
            let key = key.map_err(|error| failed(&error))?;
            keys.extend(ESCAPE.decode(&key));
        }
        Ok(Page::of(keys.iter().map(String::as_str), cursor, PAGE))
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let spelled = self.key("increment in", key)?;
        if let Some(sum) = self.try_increment(key, &spelled, delta).await? {
            return Ok(sum);
        }
        let _turn = self.server.increments.lock().await;
        for _ in 1..ATTEMPTS {
            if let Some(sum) = self.try_increment(key, &spelled, delta).await? {
                return Ok(sum);
            }
        }
        Err(Error::Contended {
            bucket: self.name.clone(),
            key: key.to_owned(),
            attempts: ATTEMPTS,
        })
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        stream::iter(self.keys("read from", keys)?)
            .map(|key| self.read(key))
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        // Of two values for one key, the last one stays.
        let mut last = BTreeMap::new();
        for (key, value) in entries {
            self.check_size(&key, &value)?;
            last.insert(self.key("write to", &key)?, value);
        }
        stream::iter(last)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |(key, value)| self.write(key, value))
            .await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        stream::iter(self.keys("delete from", keys)?)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |key| self.remove(key))
            .await
    }
}

impl fmt::Debug for NatsBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NatsBucket").field(&self.name).finish()
    }
}

fn failed(action: String, reason: String) -> Error {
    Error::Store {
        store: "NATS".to_owned(),
        action,
        reason,
        may_pass: true,
    }
}

#[cfg(test)]
mod tests {
    use super::ESCAPE;

    #[test]
    fn keys_are_spelled_as_jetstream_allows() {
        for (key, spelled) in [
            ("user/1.name", "user/1.name"),
            ("a=b", "a=b"),
            ("a=3A", "a=3D3A"),
            ("user:1", "user=3A1"),
            ("*", "=2A"),
            ("a.>", "a.=3E"),
            (".a..b.", "=2Ea.=2Eb=2E"),
            ("...", "=2E=2E=2E"),
            ("a b", "a=20b"),
            ("ü\0", "=C3=BC=00"),
        ] {
            assert_eq!(ESCAPE.encode(key), spelled);
            assert_eq!(ESCAPE.decode(spelled).as_deref(), Some(key));
        }
    }
}
