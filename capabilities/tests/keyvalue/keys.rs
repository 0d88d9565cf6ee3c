//! What a key may be.

use wash_capabilities::keyvalue::Error;

use crate::{
    backend::{Backend, on_each},
    list,
};

on_each!([memory Memory, filesystem Filesystem, nats Nats, redis Redis] [
    any_text_is_a_key,
    an_empty_key_is_refused_everywhere,
    a_very_long_key_works_or_is_refused,
]);

const KEYS: [&str; 30] = [
    "k",
    ".",
    "..",
    "...",
    "a..b",
    ".a",
    "a.",
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows",
    "a/b",
    "a//b",
    "/",
    "\\",
    "user:1",
    ":",
    " ",
    "a b\tc\nd",
    "nul\0nul",
    "*",
    "a.*",
    "a.>",
    "[a-z]?",
    "%",
    "%2F",
    "=3A",
    "a=b",
    "grüße",
    "日本語/キー",
    "🦀",
];

async fn any_text_is_a_key(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    for key in KEYS {
        assert_eq!(bucket.get(key).await.unwrap(), None, "{key:?}");
        bucket.set(key, key.as_bytes().to_vec()).await.unwrap();
    }
    for key in KEYS {
        assert!(bucket.exists(key).await.unwrap(), "{key:?}");
        let value = bucket.get(key).await.unwrap();
        assert_eq!(value.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let mut keys = KEYS.map(str::to_owned).to_vec();
    assert_eq!(
        bucket.get_many(&keys).await.unwrap(),
        KEYS.map(|key| Some(key.as_bytes().to_vec()))
    );
    keys.sort_unstable();
    assert_eq!(list(&*bucket).await, keys);
    for (left, key) in keys.iter().enumerate().rev() {
        bucket.delete(key).await.unwrap();
        assert_eq!(list(&*bucket).await, keys[..left]);
    }
}

async fn an_empty_key_is_refused_everywhere(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    let keys = ["k".to_owned(), String::new()];
    let entries = keys.clone().map(|key| (key, Vec::new())).to_vec();
    let errors = [
        bucket.get("").await.unwrap_err(),
        bucket.set("", Vec::new()).await.unwrap_err(),
        bucket.delete("").await.unwrap_err(),
        bucket.exists("").await.unwrap_err(),
        bucket.increment("", 1).await.unwrap_err(),
        bucket.get_many(&keys).await.unwrap_err(),
        bucket.set_many(entries).await.unwrap_err(),
        bucket.delete_many(&keys).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            error.to_string(),
            "the key \"\" of bucket \"b\" cannot be used: a key cannot be empty"
        );
    }
    // Nothing was done before it was seen.
    assert!(!bucket.exists("k").await.unwrap());
}

async fn a_very_long_key_works_or_is_refused(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    for length in [200, 2_000, 20_000, 200_000] {
        for character in ["x", "ü", "/"] {
            let key = character.repeat(length / character.len());
            match bucket.set(&key, b"v".to_vec()).await {
                Ok(()) => {
                    assert_eq!(bucket.get(&key).await.unwrap().unwrap(), b"v");
                    assert_eq!(list(&*bucket).await, [key.as_str()]);
                    bucket.delete(&key).await.unwrap();
                }
                Err(Error::InvalidKey { key, reason, .. }) => {
                    assert!(key.len() < 300);
                    assert!(reason.contains("bytes, and may have"), "{reason}");
                }
                Err(error) => panic!("{length} times {character}: {error}"),
            }
        }
    }
    bucket.set("k", b"v".to_vec()).await.unwrap();
    assert!(bucket.exists("k").await.unwrap());
}
