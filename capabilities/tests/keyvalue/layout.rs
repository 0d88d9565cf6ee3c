//! How values are kept in servers, where others may look at them, too.

use async_nats::jetstream::{self, kv};
use redis::AsyncCommands as _;
use wash_capabilities::keyvalue::{Error, KeyValue as _, Redis};

use crate::{
    backend::{Backend, on_each},
    list, strings,
};

on_each!([in_redis Redis] [
    a_key_of_redis_begins_with_the_bucket,
    what_others_keep_in_redis_does_no_harm,
    a_wrong_password_is_an_error_that_does_not_show_it,
]);

on_each!([in_nats Nats] [
    a_bucket_of_jetstream_is_one_that_others_know,
    a_bucket_that_others_made_is_used_as_it_is,
    a_value_larger_than_a_message_is_refused,
]);

async fn redis_of(backend: &Backend) -> redis::aio::MultiplexedConnection {
    let url = backend.server.as_ref().unwrap().url();
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn a_key_of_redis_begins_with_the_bucket(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    bucket.set("k:1", b"v".to_vec()).await.unwrap();
    let colon = backend.store.open("a:b").await.unwrap();
    colon.increment("n", 3).await.unwrap();
    let mut redis = redis_of(backend).await;
    let mut keys: Vec<String> = redis.keys("*").await.unwrap();
    keys.sort_unstable();
    assert_eq!(keys, ["a%3Ab:n", "b:k:1"]);
    let value: String = redis.get("a%3Ab:n").await.unwrap();
    assert_eq!(value, "3");
}

async fn what_others_keep_in_redis_does_no_harm(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    let mut redis = redis_of(backend).await;
    let _: () = redis.set(b"b:\xff".as_slice(), "no text").await.unwrap();
    let _: () = redis.set("b:", "no key").await.unwrap();
    let _: () = redis.set("b", "no bucket").await.unwrap();
    let _: () = redis.lpush("b:list", "no value").await.unwrap();
    assert_eq!(list(&*bucket).await, strings(["list"]));
    assert!(bucket.exists("list").await.unwrap());
    for error in [
        bucket.get("list").await.unwrap_err(),
        bucket.increment("list", 1).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Store { .. }));
        assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    }
    bucket.set("list", b"v".to_vec()).await.unwrap();
    assert_eq!(bucket.get("list").await.unwrap().unwrap(), b"v");
}

async fn a_wrong_password_is_an_error_that_does_not_show_it(backend: &mut Backend) {
    let mut redis = redis_of(backend).await;
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "right-secret"])
        .query_async(&mut redis)
        .await
        .unwrap();
    let address = backend.server.as_ref().unwrap().address();
    for user in [":wrong-secret@", "user:wrong-secret@", ""] {
        let store = Redis::from_url(&format!("redis://{user}{address}")).unwrap();
        let error = match store.open("b").await {
            Ok(bucket) => bucket.get("k").await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, Error::Store { .. }));
        let error = error.to_string();
        assert!(error.contains(&address), "{error}");
        assert!(!error.contains("secret"), "{error}");
        println!("{error}");
    }
    let store = Redis::from_url(&format!("redis://:right-secret@{address}")).unwrap();
    store.open("b").await.unwrap();
}

async fn jetstream_of(backend: &Backend) -> jetstream::Context {
    let url = backend.server.as_ref().unwrap().url();
    jetstream::new(async_nats::connect(url).await.unwrap())
}

async fn a_bucket_of_jetstream_is_one_that_others_know(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    bucket.set("user:1", b"v".to_vec()).await.unwrap();
    bucket.set("plain/key.1", b"v".to_vec()).await.unwrap();
    let theirs = jetstream_of(backend)
        .await
        .get_key_value("b")
        .await
        .unwrap();
    assert_eq!(theirs.get("user=3A1").await.unwrap().unwrap(), "v");
    assert_eq!(theirs.get("plain/key.1").await.unwrap().unwrap(), "v");
    theirs.put("theirs", "t".into()).await.unwrap();
    theirs.delete("plain/key.1").await.unwrap();
    assert_eq!(bucket.get("theirs").await.unwrap().unwrap(), b"t");
    assert_eq!(list(&*bucket).await, strings(["theirs", "user:1"]));
}

async fn a_bucket_that_others_made_is_used_as_it_is(backend: &mut Backend) {
    let jetstream = jetstream_of(backend).await;
    // As `create_key_value`, which this server may be too old for.
    let stream = jetstream::stream::Config {
        name: "KV_old".to_owned(),
        subjects: vec!["$KV.old.>".to_owned()],
        max_messages_per_subject: 5,
        allow_rollup: true,
        ..Default::default()
    };
    jetstream.create_stream(stream).await.unwrap();
    let bucket = backend.store.open("old").await.unwrap();
    for n in 1..=9 {
        assert_eq!(bucket.increment("n", 1).await.unwrap(), n);
    }
    bucket.set("gone", b"v".to_vec()).await.unwrap();
    bucket.delete("gone").await.unwrap();
    assert_eq!(list(&*bucket).await, strings(["n"]));
    let theirs: kv::Store = jetstream.get_key_value("old").await.unwrap();
    assert_eq!(
        theirs.stream.cached_info().config.max_messages_per_subject,
        5
    );
    assert_eq!(
        theirs.get("n").await.unwrap().unwrap(),
        &9_u64.to_be_bytes()[..]
    );
}

async fn a_value_larger_than_a_message_is_refused(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    let large = vec![0; 2 << 20];
    for error in [
        bucket.set("k", large.clone()).await.unwrap_err(),
        bucket
            .set_many(vec![("k".to_owned(), large)])
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "the value for key \"k\" of bucket \"b\" has 2097152 bytes: the store takes at most \
             1048576"
        );
    }
    bucket.set("k", vec![0; 1 << 19]).await.unwrap();
}
