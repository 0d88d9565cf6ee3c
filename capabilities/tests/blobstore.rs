//! One suite over every implementation of `BlobStore`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]
#![cfg(feature = "filesystem")]

use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wash_capabilities::blobstore::{BlobStore, Error, Filesystem, Memory, ObjectId};

const LIMIT: u64 = 5_000_000;

/// The stores, and the folder of the one that has one.
fn stores() -> (Vec<Box<dyn BlobStore>>, TempDir) {
    let folder = TempDir::new().unwrap();
    let stores: Vec<Box<dyn BlobStore>> = vec![
        Box::new(Memory::new(LIMIT)),
        Box::new(Filesystem::new(folder.path().join("root"))),
    ];
    (stores, folder)
}

fn id(object: &str) -> ObjectId {
    ObjectId::new("c", object)
}

async fn write(store: &dyn BlobStore, id: &ObjectId, bytes: &[u8]) {
    let mut upload = store.upload().await.unwrap();
    upload.write_all(bytes).await.unwrap();
    upload.flush().await.unwrap();
    upload.commit(id).await.unwrap();
}

async fn read(store: &dyn BlobStore, id: &ObjectId) -> Vec<u8> {
    range(store, id, 0, u64::MAX).await
}

async fn range(store: &dyn BlobStore, id: &ObjectId, start: u64, end: u64) -> Vec<u8> {
    let mut content = store.read(id, start, end).await.unwrap();
    let mut bytes = Vec::new();
    content.reader.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(content.size, bytes.len() as u64);
    bytes
}

#[tokio::test]
async fn objects_are_written_read_and_deleted() {
    let (stores, _folder) = stores();
    for store in &stores {
        let store = store.as_ref();
        store.create_container("c").await.unwrap();
        let large: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        for (name, bytes) in [
            ("empty", &b""[..]),
            ("small", b"0123456789"),
            ("large", &large),
            ("../ü:/*", b"odd"),
            ("Ordner/datei", b"nested"),
        ] {
            write(store, &id(name), bytes).await;
            assert!(read(store, &id(name)).await == bytes, "{store:?} {name}");
        }
        assert_eq!(range(store, &id("small"), 2, 4).await, b"234");
        assert_eq!(range(store, &id("small"), 8, 99).await, b"89");
        assert_eq!(range(store, &id("small"), 99, 99).await, b"");
        assert_eq!(range(store, &id("empty"), 0, 0).await, b"");
        let backwards = store.read(&id("small"), 4, 3).await.unwrap_err();
        assert_eq!(backwards, Error::InvalidRange { start: 4, end: 3 });

        assert_eq!(
            store.list("c").await.unwrap(),
            ["../ü:/*", "Ordner/datei", "empty", "large", "small"]
        );
        let info = store.info(&id("small")).await.unwrap().unwrap();
        assert_eq!(info.size, 10);
        let age = SystemTime::now().duration_since(info.created_at);
        assert!(age.unwrap_or_default() < Duration::from_secs(600));

        write(store, &id("small"), b"other").await;
        assert_eq!(read(store, &id("small")).await, b"other");
        let gone = ["small", "missing", "../ü:/*"].map(str::to_owned);
        store.delete("c", &gone).await.unwrap();
        assert_eq!(store.info(&id("small")).await.unwrap(), None);
        let missing = store.read(&id("small"), 0, 1).await.unwrap_err();
        assert!(matches!(missing, Error::NoObject { .. }), "{missing}");
        store.clear("c").await.unwrap();
        assert!(store.list("c").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn containers_come_and_go() {
    let (stores, _folder) = stores();
    for store in &stores {
        assert_eq!(store.container("c").await.unwrap(), None);
        let missing = Error::NoContainer { name: "c".into() };
        assert_eq!(store.list("c").await.unwrap_err(), missing);
        assert_eq!(store.clear("c").await.unwrap_err(), missing);
        assert_eq!(store.info(&id("a")).await.unwrap_err(), missing);
        assert_eq!(store.read(&id("a"), 0, 1).await.unwrap_err(), missing);
        let names = ["a".to_owned()];
        assert_eq!(store.delete("c", &names).await.unwrap_err(), missing);
        let upload = store.upload().await.unwrap();
        assert_eq!(upload.commit(&id("a")).await.unwrap_err(), missing);

        store.create_container("c").await.unwrap();
        let made = store.container("c").await.unwrap();
        write(store.as_ref(), &id("a"), b"a").await;
        // One that exists stays as it is.
        store.create_container("c").await.unwrap();
        assert!(made.is_some());
        assert_eq!(read(store.as_ref(), &id("a")).await, b"a");
        store.delete_container("c").await.unwrap();
        store.delete_container("c").await.unwrap();
        assert_eq!(store.container("c").await.unwrap(), None);
        store.create_container("c").await.unwrap();
        assert!(store.list("c").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn objects_are_copied_and_moved() {
    let (stores, _folder) = stores();
    for store in &stores {
        let store = store.as_ref();
        for container in ["c", "d"] {
            store.create_container(container).await.unwrap();
        }
        write(store, &id("a"), b"one").await;
        write(store, &id("b"), b"two").await;
        let far = ObjectId::new("d", "a");
        store.copy(&id("a"), &far).await.unwrap();
        store.copy(&id("a"), &id("b")).await.unwrap();
        store.copy(&id("a"), &id("a")).await.unwrap();
        for copy in [&id("a"), &id("b"), &far] {
            assert_eq!(read(store, copy).await, b"one");
        }
        store.rename(&far, &id("moved")).await.unwrap();
        store.rename(&id("a"), &id("a")).await.unwrap();
        assert_eq!(store.info(&far).await.unwrap(), None);
        assert_eq!(store.list("c").await.unwrap(), ["a", "b", "moved"]);

        // What fails leaves everything as it was.
        let nowhere = ObjectId::new("e", "a");
        let missing = Error::NoContainer { name: "e".into() };
        assert_eq!(store.copy(&id("a"), &nowhere).await.unwrap_err(), missing);
        assert_eq!(store.rename(&id("a"), &nowhere).await.unwrap_err(), missing);
        let error = store.rename(&id("x"), &id("a")).await.unwrap_err();
        assert!(matches!(error, Error::NoObject { .. }), "{error}");
        assert_eq!(read(store, &id("a")).await, b"one");
    }
}

#[tokio::test]
async fn who_reads_goes_on_reading_what_was_there() {
    let (stores, _folder) = stores();
    for store in &stores {
        let store = store.as_ref();
        store.create_container("c").await.unwrap();
        write(store, &id("a"), b"before").await;
        let mut content = store.read(&id("a"), 0, 99).await.unwrap();
        write(store, &id("a"), b"after").await;
        store.delete_container("c").await.unwrap();
        let mut text = String::new();
        content.reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "before");
    }
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing_behind() {
    let (stores, folder) = stores();
    for store in &stores {
        store.create_container("c").await.unwrap();
        let mut upload = store.upload().await.unwrap();
        upload.write_all(b"lost").await.unwrap();
        upload.flush().await.unwrap();
        drop(upload);
        assert!(store.list("c").await.unwrap().is_empty());
    }
    let left: Vec<_> = std::fs::read_dir(folder.path().join("root"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["c"]);
}

#[tokio::test]
async fn memory_has_a_limit_for_each_object() {
    let store = Memory::new(10);
    let mut upload = store.upload().await.unwrap();
    upload.write_all(b"0123456789").await.unwrap();
    let error = upload.write_all(b"x").await.unwrap_err().to_string();
    assert_eq!(error, "an object of this store has at most 10 bytes");
}

#[tokio::test]
async fn names_that_lead_out_or_are_none_are_refused() {
    let (stores, _folder) = stores();
    for store in &stores {
        let error = store.create_container("").await.unwrap_err().to_string();
        assert!(error.contains("a name cannot be empty"), "{error}");
        store.create_container("c").await.unwrap();
        let error = store.read(&id(""), 0, 1).await.unwrap_err().to_string();
        assert!(error.contains("a name cannot be empty"), "{error}");
    }
    for name in ["..", "/etc", "a/../../b", "\\a"] {
        let error = stores[1].create_container(name).await.unwrap_err();
        assert!(error.to_string().contains("no absolute path"), "{error}");
    }
    let long = "x".repeat(256);
    let error = stores[1].info(&id(&long)).await.unwrap_err().to_string();
    assert!(error.contains("may have 255"), "{error}");
}
