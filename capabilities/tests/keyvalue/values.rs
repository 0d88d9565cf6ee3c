//! Setting, getting, deleting, one by one and many at once, and buckets.

use std::collections::BTreeSet;

use wash_capabilities::keyvalue::Error;

use crate::{
    backend::{Backend, Kind, on_each},
    list, strings,
};

on_each!([memory Memory, filesystem Filesystem, nats Nats, redis Redis] [
    a_value_is_set_replaced_and_deleted,
    a_value_is_any_bytes,
    batches_do_what_single_calls_do,
    buckets_do_not_see_one_another,
    a_bucket_opened_twice_is_one_bucket,
    wrong_bucket_names_are_refused,
    pages_have_every_key,
    deleting_page_by_page_empties_a_bucket,
]);

on_each!([filesystem_lasts Filesystem, nats_lasts Nats, redis_lasts Redis] [
    values_outlive_the_store_that_set_them,
]);

async fn a_value_is_set_replaced_and_deleted(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap(), None);
    assert!(!bucket.exists("k").await.unwrap());
    assert_eq!(list(&*bucket).await, strings([]));

    for value in ["one", "two", "longer than those before"] {
        bucket.set("k", value.into()).await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap().unwrap(), value.as_bytes());
        assert!(bucket.exists("k").await.unwrap());
        assert_eq!(list(&*bucket).await, strings(["k"]));
    }

    // The second time there is nothing to delete.
    for _ in 0..2 {
        bucket.delete("k").await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), None);
        assert!(!bucket.exists("k").await.unwrap());
        assert_eq!(list(&*bucket).await, strings([]));
    }
    bucket.set("k", b"again".to_vec()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap(), b"again");
}

async fn a_value_is_any_bytes(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    let all: Vec<u8> = (0..=255).collect();
    for value in [vec![], vec![0], all.clone(), all.repeat(2000)] {
        bucket.set("k", value.clone()).await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), Some(value));
        assert!(bucket.exists("k").await.unwrap());
    }
}

async fn batches_do_what_single_calls_do(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    assert_eq!(bucket.get_many(&[]).await.unwrap(), []);
    bucket.set_many(Vec::new()).await.unwrap();
    bucket.delete_many(&[]).await.unwrap();

    let entry = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    let entries = vec![entry("a", "1"), entry("b", "2"), entry("a", "3")];
    bucket.set_many(entries).await.unwrap();
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(
        bucket
            .get_many(&strings(["b", "none", "a", "b"]))
            .await
            .unwrap(),
        [value("2"), None, value("3"), value("2")]
    );
    bucket
        .delete_many(&strings(["a", "none", "a"]))
        .await
        .unwrap();
    assert_eq!(list(&*bucket).await, strings(["b"]));
}

async fn buckets_do_not_see_one_another(backend: &mut Backend) {
    // Where names may have other characters: they mean nothing.
    let names: &[&str] = match backend.kind {
        Kind::Nats => &["a", "ab", "a_b", "A-b"],
        Kind::Filesystem => &["a", "ab", "a/b", "a%2Fb", ".", "a:b"],
        _ => &["a", "ab", "a:b", "a%3Ab", "*", "a*", "[a]", "a\\", ".."],
    };
    for name in names {
        let bucket = backend.store.open(name).await.unwrap();
        assert_eq!(list(&*bucket).await, strings([]), "{name}");
        for key in ["k", "b:k", "b/k", name] {
            bucket.set(key, name.as_bytes().to_vec()).await.unwrap();
        }
    }
    for name in names {
        let bucket = backend.store.open(name).await.unwrap();
        let mut keys = strings(["k", "b:k", "b/k", name]);
        for key in &keys {
            assert_eq!(bucket.get(key).await.unwrap().unwrap(), name.as_bytes());
        }
        keys.sort_unstable();
        assert_eq!(list(&*bucket).await, keys, "{name}");
    }
}

async fn a_bucket_opened_twice_is_one_bucket(backend: &mut Backend) {
    let one = backend.store.open("b").await.unwrap();
    let two = backend.store.open("b").await.unwrap();
    one.set("k", b"v".to_vec()).await.unwrap();
    assert_eq!(two.get("k").await.unwrap().unwrap(), b"v");
}

async fn wrong_bucket_names_are_refused(backend: &mut Backend) {
    let names: &[&str] = match backend.kind {
        Kind::Memory => &[],
        Kind::Filesystem => &["", "/etc", "..", "../up", "a/../../b"],
        Kind::Nats => &["", "a.b", "a b", "ü", "a/b", "*"],
        Kind::Redis => &[""],
    };
    for name in names {
        let error = backend.store.open(name).await.unwrap_err();
        assert!(matches!(error, Error::InvalidBucket { .. }), "{error}");
    }
}

/// More than two pages of every implementation.
const MANY: usize = 2345;

async fn fill(backend: &Backend) -> Vec<String> {
    let bucket = backend.store.open("many").await.unwrap();
    let keys: Vec<String> = (0..MANY).map(|n| format!("key {n:04}")).collect();
    let entries = keys.iter().map(|key| (key.clone(), b"v".to_vec()));
    bucket.set_many(entries.collect()).await.unwrap();
    keys
}

async fn pages_have_every_key(backend: &mut Backend) {
    let keys = fill(backend).await;
    let bucket = backend.store.open("many").await.unwrap();
    let first = bucket.list_keys(None).await.unwrap();
    assert!(!first.keys.is_empty() && first.keys.len() < MANY);
    assert!(first.cursor.is_some());
    let mut listed = list(&*bucket).await;
    if backend.kind == Kind::Redis {
        // It may list a key twice.
        listed.dedup();
    }
    assert_eq!(listed, keys);
    // Even of a bucket among others.
    let other = backend.store.open("other").await.unwrap();
    other.set("k", b"v".to_vec()).await.unwrap();
    assert_eq!(list(&*other).await, strings(["k"]));
}

async fn deleting_page_by_page_empties_a_bucket(backend: &mut Backend) {
    let keys: BTreeSet<String> = fill(backend).await.into_iter().collect();
    let bucket = backend.store.open("many").await.unwrap();
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    for _ in 0..MANY {
        let page = bucket.list_keys(cursor).await.unwrap();
        bucket.delete_many(&page.keys).await.unwrap();
        seen.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, keys);
    assert_eq!(list(&*bucket).await, strings([]));
}

async fn values_outlive_the_store_that_set_them(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    bucket.set("k", b"v".to_vec()).await.unwrap();
    bucket.increment("n", 7).await.unwrap();
    drop(bucket);
    backend.reopen().await;
    let bucket = backend.store.open("b").await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap(), b"v");
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 8);
}
