//! One suite over every implementation of `KeyValue`. Redis and NATS run as real
//! servers; where they are not installed, their tests say so and pass.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod backend;
mod counters;
mod filesystem;
mod keys;
mod layout;
mod outage;
mod servers;
mod values;

use wash_capabilities::keyvalue::Bucket;

/// All keys of a bucket, page by page, sorted. Keys that are listed twice stay.
async fn list(bucket: &dyn Bucket) -> Vec<String> {
    let mut keys = Vec::new();
    let mut cursor = None;
    for _ in 0..1000 {
        let page = bucket.list_keys(cursor).await.unwrap();
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            keys.sort_unstable();
            return keys;
        }
    }
    panic!("the pages do not end");
}

fn strings<const N: usize>(keys: [&str; N]) -> Vec<String> {
    keys.map(str::to_owned).to_vec()
}
