//! What the folders of buckets and the files of keys are called.

use super::super::{Error, error::check_key};
use crate::names;

/// The folder's name for a bucket.
pub(super) fn folder(bucket: &str) -> Result<String, Error> {
    let refused = |reason: String| Error::InvalidBucket {
        name: bucket.chars().take(80).collect(),
        reason,
    };
    if bucket.is_empty() {
        return Err(refused("a bucket needs a name".to_owned()));
    }
    if names::leads_out(bucket) {
        return Err(refused(
            "a bucket is a folder below the store's root, so its name is no absolute path and has \
             no '..' in it"
                .to_owned(),
        ));
    }
    names::file(bucket).map_err(refused)
}

/// The file's name for a key of a bucket.
pub(super) fn file(bucket: &str, key: &str) -> Result<String, Error> {
    check_key(bucket, key)?;
    names::file(key).map_err(|reason| Error::invalid_key(bucket, key, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::name as key;

    #[test]
    fn no_key_leads_out_of_its_folder() {
        for (name, expected) in [
            ("..", "%2E."),
            (".", "%2E"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("/etc/passwd", "%2Fetc%2Fpasswd"),
            ("a\0b\\c", "a%00b%5Cc"),
            ("grüße", "grüße"),
            ("user:1", "user:1"),
        ] {
            assert_eq!(file("b", name).unwrap(), expected);
            assert_eq!(key(expected).as_deref(), Some(name));
        }
        assert_eq!(key(".lock"), None);
    }

    #[test]
    fn a_bucket_is_one_folder() {
        assert_eq!(folder("a/b").unwrap(), "a%2Fb");
        assert_eq!(folder(".hidden").unwrap(), "%2Ehidden");
        for name in [
            "", "/", "/etc", "\\a", "..", "../a", "a/..", "a/../b", "a\\..\\b",
        ] {
            let error = folder(name).unwrap_err();
            assert!(matches!(error, Error::InvalidBucket { .. }), "{name}");
        }
    }

    #[test]
    fn a_name_has_a_greatest_length() {
        assert!(file("b", &"x".repeat(255)).is_ok());
        for long in ["x".repeat(256), "/".repeat(86), "ü".repeat(128)] {
            let error = file("b", &long).unwrap_err().to_string();
            assert!(error.contains("and may have 255"), "{error}");
            let error = folder(&format!("a{long}")).unwrap_err().to_string();
            assert!(error.contains("and may have 255"), "{error}");
        }
    }
}
