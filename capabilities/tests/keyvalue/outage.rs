//! The server goes away and comes back.

use std::{sync::Arc, time::Duration};

use wash_capabilities::keyvalue::{Bucket, Error};

use crate::backend::{Backend, on_each};

on_each!([nats Nats, redis Redis] [
    an_outage_is_an_error_that_passes,
]);

on_each!([redis_first Redis] [
    a_server_may_come_up_after_the_store,
]);

fn is_outage(backend: &Backend, error: &Error) {
    let Error::Store { store, .. } = error else {
        panic!("not an error of the store: {error}");
    };
    let name = format!("{:?}", backend.kind);
    assert!(
        store.to_lowercase().starts_with(&name.to_lowercase()),
        "{store}"
    );
}

/// Tries until the server is reached.
async fn eventually(bucket: &Arc<dyn Bucket>) -> Option<Vec<u8>> {
    for _ in 0..100 {
        match bucket.get("k").await {
            Ok(value) => return value,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the bucket does not recover");
}

async fn an_outage_is_an_error_that_passes(backend: &mut Backend) {
    let bucket = backend.store.open("b").await.unwrap();
    bucket.set("k", b"v".to_vec()).await.unwrap();
    bucket.increment("n", 1).await.unwrap();

    for round in 0..2 {
        backend.server.as_mut().unwrap().stop();
        let mut errors = Vec::new();
        // The first may yet meet the connection as it closes.
        errors.extend(bucket.get("k").await.err());
        let keys = ["k".to_owned()];
        let entries = vec![("k".to_owned(), b"lost".to_vec())];
        errors.extend([
            bucket.get("k").await.unwrap_err(),
            bucket.set("k", b"lost".to_vec()).await.unwrap_err(),
            bucket.exists("k").await.unwrap_err(),
            bucket.increment("n", 1).await.unwrap_err(),
            bucket.list_keys(None).await.unwrap_err(),
            bucket.get_many(&keys).await.unwrap_err(),
            bucket.set_many(entries).await.unwrap_err(),
            bucket.delete_many(&keys).await.unwrap_err(),
            bucket.delete("k").await.unwrap_err(),
            backend.store.open("other").await.unwrap_err(),
        ]);
        for error in &errors {
            is_outage(backend, error);
        }
        println!("{}", errors[1]);

        backend.server.as_mut().unwrap().start();
        assert_eq!(eventually(&bucket).await.unwrap(), b"v");
        assert_eq!(bucket.increment("n", 1).await.unwrap(), round + 2);
    }
}

async fn a_server_may_come_up_after_the_store(backend: &mut Backend) {
    backend.server.as_mut().unwrap().stop();
    backend.reopen().await;
    let error = backend.store.open("b").await.unwrap_err();
    is_outage(backend, &error);
    let address = backend.server.as_ref().unwrap().address();
    assert!(error.to_string().contains(&address), "{error}");
    backend.server.as_mut().unwrap().start();
    backend.store.open("b").await.unwrap();
}
