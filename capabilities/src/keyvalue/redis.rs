//! [`Redis`].

mod connection;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use connection::Connection;
use redis::{Cmd, FromRedisValue, RedisError, cmd};

use super::{Bucket, Error, KeyValue, Page, error::check_key};
use crate::escape::Escape;

/// About how many keys of the whole database a page of a listing looks at.
const PAGE: usize = 1000;

/// Redis counts with signed numbers.
const LIMIT: u64 = i64::MAX.cast_unsigned();

/// The name of a bucket ends at the first colon of a Redis key.
const BUCKET: Escape = Escape {
    mark: b'%',
    allows: |name, at| name.get(at) != Some(&b':'),
};

/// Buckets in Redis, whoever opens them.
///
/// * Key `k` of bucket `b` is the Redis key `b:k`. A colon in the bucket's name
///   is spelled `%3A`, so that no bucket reaches into another.
/// * A counter is decimal text, at most 2<sup>63</sup> − 1.
/// * The connection is made when it is first needed, and again after it broke.
///   What is safe to repeat is then repeated once.
#[derive(Clone)]
pub struct Redis {
    connection: Arc<Connection>,
}

impl Redis {
    /// Buckets in the database that the client is for.
    #[must_use]
    pub fn new(client: redis::Client) -> Self {
        Self {
            connection: Arc::new(Connection::new(client)),
        }
    }

    /// Buckets in the database of this URL:
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://` with
    /// TLS. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If it is no such URL. The error does not quote it.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let client = redis::Client::open(url).map_err(|_| Error::Store {
            store: "Redis".to_owned(),
            action: "use the configured URL".to_owned(),
            reason: "it is not like redis://[user[:password]@]host[:port][/database], or \
                     rediss:// for TLS"
                .to_owned(),
            may_pass: false,
        })?;
        Ok(Self::new(client))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.connection).finish()
    }
}

#[async_trait]
impl KeyValue for Redis {
    async fn open(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        if name.is_empty() {
            return Err(Error::InvalidBucket {
                name: String::new(),
                reason: "a bucket needs a name".to_owned(),
            });
        }
        // So that a wrong address shows here, not later.
        self.connection.get("open a bucket").await?;
        Ok(Arc::new(RedisBucket {
            name: name.to_owned(),
            prefix: format!("{}:", BUCKET.encode(name)),
            connection: Arc::clone(&self.connection),
        }))
    }
}

#[derive(Debug)]
struct RedisBucket {
    name: String,
    prefix: String,
    connection: Arc<Connection>,
}

impl RedisBucket {
    fn key(&self, key: &str) -> Result<String, Error> {
        check_key(&self.name, key)?;
        Ok(format!("{}{key}", self.prefix))
    }

    fn keys(&self, keys: &[String]) -> Result<Vec<String>, Error> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    async fn run<T: FromRedisValue>(&self, action: &str, command: &Cmd) -> Result<T, Error> {
        let action = || format!("{action} bucket {:?}", self.name);
        self.connection.run(action, command).await
    }
}

#[async_trait]
impl Bucket for RedisBucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let key = self.key(key)?;
        self.run("read from", cmd("GET").arg(key)).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let key = self.key(key)?;
        self.run("write to", cmd("SET").arg(key).arg(value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let key = self.key(key)?;
        self.run("delete from", cmd("DEL").arg(key)).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        let key = self.key(key)?;
        self.run("look into", cmd("EXISTS").arg(key)).await
    }

    async fn list_keys(&self, cursor: Option<u64>) -> Result<Page, Error> {
        let pattern = format!("{}*", literal(&self.prefix));
        let mut cursor = cursor.unwrap_or(0);
        // Redis looks at the keys of all buckets, so a page may come out empty
        // long before the last.
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(PAGE);
            let (next, found): (u64, Vec<Vec<u8>>) = self.run("list", &scan).await?;
            let mut keys: Vec<String> = found
                .into_iter()
                // Keys that are no text are none of ours.
                .filter_map(|key| String::from_utf8(key).ok())
                .filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned))
                .filter(|key| !key.is_empty())
                .collect();
            // Redis may return a key more than once.
            keys.sort_unstable();
            keys.dedup();
            if next == 0 || !keys.is_empty() {
                let cursor = (next != 0).then_some(next);
                return Ok(Page { keys, cursor });
            }
            cursor = next;
        }
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let redis_key = self.key(key)?;
        let overflow = || Error::Overflow {
            bucket: self.name.clone(),
            key: key.to_owned(),
            delta,
            limit: LIMIT,
        };
        let not_a_number = || Error::NotANumber {
            bucket: self.name.clone(),
            key: key.to_owned(),
        };
        let signed = i64::try_from(delta).map_err(|_| overflow())?;
        let action = format!("increment in bucket {:?}", self.name);
        let mut increment = cmd("INCRBY");
        increment.arg(redis_key).arg(signed);
        match self.connection.run_once::<i64>(&action, &increment).await? {
            // Only others' negative numbers lead here.
            Ok(sum) => u64::try_from(sum).map_err(|_| not_a_number()),
            Err(error) if says(&error, "overflow") => Err(overflow()),
            Err(error) if says(&error, "not an integer") => Err(not_a_number()),
            Err(error) => Err(self.connection.failed(action, &error)),
        }
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let keys = self.keys(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.run("read from", cmd("MGET").arg(keys)).await
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let mut set = cmd("MSET");
        for (key, value) in &entries {
            set.arg(self.key(key)?).arg(value);
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.run("write to", &set).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        let keys = self.keys(keys)?;
        if keys.is_empty() {
            return Ok(());
        }
        self.run("delete from", cmd("DEL").arg(keys)).await
    }
}

/// A pattern of Redis that matches just this text.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// Redis tells some errors apart only in words, the same since its beginnings.
fn says(error: &RedisError, words: &str) -> bool {
    error.detail().is_some_and(|detail| detail.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_not_quoted() {
        for url in [
            "",
            "secret",
            "http://user:secret@host",
            "redis://:secret@host:port",
        ] {
            let error = Redis::from_url(url).unwrap_err().to_string();
            assert!(error.contains("redis://[user"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let redis = Redis::from_url("redis://user:secret@localhost:1/0").unwrap();
        let shown = format!("{redis:?}");
        assert!(shown.contains("localhost:1"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn patterns_match_only_the_bucket() {
        assert_eq!(literal(r"a*?[b]\:"), r"a\*\?\[b\]\\:");
    }
}
