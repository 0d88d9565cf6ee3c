//! Increments.

use std::{collections::BTreeSet, sync::Arc};

use wash_capabilities::keyvalue::{Bucket, Error};

use crate::backend::{Backend, Kind, on_each};

on_each!([memory Memory, filesystem Filesystem, nats Nats, redis Redis] [
    a_counter_begins_at_nothing,
    a_new_counter_is_written_as_ever,
    decimal_text_is_counted_on,
    what_is_no_number_stays_as_it_is,
    too_large_a_sum_is_an_error,
    none_of_many_increments_at_once_is_lost,
]);

async fn a_counter_begins_at_nothing(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    assert_eq!(bucket.increment("n", 0).await.unwrap(), 0);
    assert!(bucket.exists("n").await.unwrap());
    for (delta, sum) in [(1, 1), (41, 42), (0, 42), (1 << 40, (1 << 40) + 42)] {
        assert_eq!(bucket.increment("n", delta).await.unwrap(), sum);
    }
    assert_eq!(bucket.increment("other", 5).await.unwrap(), 5);
    bucket.delete("n").await.unwrap();
    assert_eq!(bucket.increment("n", 3).await.unwrap(), 3);
    assert_eq!(bucket.increment("n", 3).await.unwrap(), 6);
}

async fn a_new_counter_is_written_as_ever(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    bucket.increment("n", 258).await.unwrap();
    let written: &[u8] = match backend.kind {
        Kind::Memory => &[2, 1, 0, 0, 0, 0, 0, 0],
        Kind::Nats => &[0, 0, 0, 0, 0, 0, 1, 2],
        Kind::Filesystem | Kind::Redis => b"258",
    };
    assert_eq!(bucket.get("n").await.unwrap().unwrap(), written);
}

async fn decimal_text_is_counted_on(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    for (text, sum) in [("41", "42"), ("0", "1"), ("99999999", "100000000")] {
        bucket.set("n", text.into()).await.unwrap();
        assert_eq!(
            bucket.increment("n", 1).await.unwrap(),
            sum.parse::<u64>().unwrap()
        );
        assert_eq!(bucket.get("n").await.unwrap().unwrap(), sum.as_bytes());
    }
}

async fn what_is_no_number_stays_as_it_is(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    for text in ["", "no number", "1.5", " 1", "12345678x"] {
        bucket.set("k", text.into()).await.unwrap();
        let error = bucket.increment("k", 1).await.unwrap_err();
        assert!(matches!(error, Error::NotANumber { .. }), "{text}: {error}");
        assert_eq!(bucket.get("k").await.unwrap().unwrap(), text.as_bytes());
    }
    // Redis counts with it, and has no way to say the sum here.
    bucket.set("k", b"-5".to_vec()).await.unwrap();
    let error = bucket.increment("k", 1).await.unwrap_err();
    assert!(matches!(error, Error::NotANumber { .. }), "{error}");
}

async fn too_large_a_sum_is_an_error(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    let limit = backend.limit();
    assert_eq!(bucket.increment("n", limit).await.unwrap(), limit);
    for delta in [1, limit, u64::MAX] {
        let error = bucket.increment("n", delta).await.unwrap_err();
        let expected = Error::Overflow {
            bucket: "b".to_owned(),
            key: "n".to_owned(),
            delta,
            limit,
        };
        assert_eq!(error, expected);
        assert_eq!(bucket.increment("n", 0).await.unwrap(), limit);
    }
}

async fn none_of_many_increments_at_once_is_lost(backend: &mut Backend) {
    const TASKS: u64 = 8;
    const EACH: u64 = 25;
    let mut buckets: Vec<Arc<dyn Bucket>> = Vec::new();
    for task in 0..TASKS {
        // Half of them as another process would have it.
        if task == TASKS / 2 && backend.kind != Kind::Memory {
            backend.reopen().await;
        }
        buckets.push(backend.store.open("b").await.unwrap());
    }
    let count = |bucket: Arc<dyn Bucket>| async move {
        let mut sums = Vec::new();
        for _ in 0..EACH {
            sums.push(bucket.increment("n", 1).await.unwrap());
        }
        sums
    };
    let tasks: Vec<_> = buckets
        .into_iter()
        .map(|bucket| tokio::spawn(count(bucket)))
        .collect();
    let mut sums = BTreeSet::new();
    for task in tasks {
        sums.extend(task.await.unwrap());
    }
    assert!(sums.into_iter().eq(1..=TASKS * EACH));
}
