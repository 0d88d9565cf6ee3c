//! What only the buckets in folders have.

use std::fs;

use tempfile::TempDir;
use wash_capabilities::keyvalue::{Error, Filesystem, KeyValue};

use crate::{list, strings};

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_key_is_a_file_that_people_can_read() {
    let above = TempDir::new().unwrap();
    let root = above.path().join("root");
    let bucket = Filesystem::new(&root).open("b").await.unwrap();
    for key in ["user.1", "../../escape", "/escape", "..", "a/b"] {
        bucket.set(key, key.into()).await.unwrap();
    }
    bucket.increment("n", 3).await.unwrap();

    assert_eq!(names(above.path()), ["root"]);
    assert_eq!(names(&root), ["b"]);
    let b = root.join("b");
    let expected = [
        "%2E.",
        "%2E.%2F..%2Fescape",
        "%2Fescape",
        ".lock",
        "a%2Fb",
        "n",
        "user.1",
    ];
    assert_eq!(names(&b), expected);
    assert_eq!(fs::read_to_string(b.join("user.1")).unwrap(), "user.1");
    assert_eq!(fs::read_to_string(b.join("n")).unwrap(), "3");
}

#[tokio::test]
async fn files_that_are_no_keys_are_left_alone() {
    let root = TempDir::new().unwrap();
    let bucket = Filesystem::new(root.path()).open("b").await.unwrap();
    bucket.set("k", b"v".to_vec()).await.unwrap();
    // What is left of a write that did not end.
    fs::write(root.path().join("b/.write-x"), "half").unwrap();
    fs::write(root.path().join("b/%FF"), "no text").unwrap();
    assert_eq!(list(&*bucket).await, strings(["k"]));
    assert_eq!(bucket.get(".write-x").await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_that_was_deleted_is_made_again() {
    let root = TempDir::new().unwrap();
    let bucket = Filesystem::new(root.path()).open("b").await.unwrap();
    bucket.set("k", b"v".to_vec()).await.unwrap();
    fs::remove_dir_all(root.path().join("b")).unwrap();
    assert_eq!(bucket.get("k").await.unwrap(), None);
    assert_eq!(list(&*bucket).await, strings([]));
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_says_what_is_wrong_and_not_where() {
    let above = TempDir::new().unwrap();
    let root = above.path().join("root");
    fs::write(&root, "a file").unwrap();
    let error = Filesystem::new(&root).open("b").await.unwrap_err();
    assert!(matches!(error, Error::Store { .. }));

    fs::remove_file(&root).unwrap();
    let bucket = Filesystem::new(&root).open("b").await.unwrap();
    fs::create_dir(root.join("b/k")).unwrap();
    let mut errors = vec![error];
    errors.extend([
        bucket.get("k").await.unwrap_err(),
        bucket.set("k", b"v".to_vec()).await.unwrap_err(),
        bucket.delete("k").await.unwrap_err(),
        bucket.increment("k", 1).await.unwrap_err(),
    ]);
    for error in errors {
        let error = error.to_string();
        assert!(error.starts_with("filesystem: cannot "), "{error}");
        assert!(error.contains("bucket \"b\": "), "{error}");
        assert!(!error.contains(above.path().to_str().unwrap()), "{error}");
    }
}
