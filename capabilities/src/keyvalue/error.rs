//! [`Error`].

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No bucket of this store can have the name.
    #[error("bucket {name:?} cannot be opened: {reason}")]
    InvalidBucket {
        /// The name.
        name: String,
        /// What is wrong with it, and which names are allowed.
        reason: String,
    },

    /// No key of this store can be spelled like that.
    #[error("the key {key:?} of bucket {bucket:?} cannot be used: {reason}")]
    InvalidKey {
        /// The bucket.
        bucket: String,
        /// The key, or its beginning if it is long.
        key: String,
        /// What is wrong with it, and which keys are allowed.
        reason: String,
    },

    /// A value is larger than the store takes.
    #[error(
        "the value for key {key:?} of bucket {bucket:?} has {size} bytes: the store takes at most \
         {limit}"
    )]
    TooLarge {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The value's size in bytes.
        size: usize,
        /// The store's limit in bytes.
        limit: usize,
    },

    /// The value to increment is no number.
    #[error(
        "the value of key {key:?} of bucket {bucket:?} is no number that can be incremented: \
         delete it or set it to a decimal number"
    )]
    NotANumber {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },

    /// The sum would be larger than the store can count.
    #[error(
        "key {key:?} of bucket {bucket:?} cannot be incremented by {delta}: the store counts up \
         to {limit}"
    )]
    Overflow {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What was to be added.
        delta: u64,
        /// The largest number.
        limit: u64,
    },

    /// Others changed the value each time before it could be incremented.
    #[error(
        "key {key:?} of bucket {bucket:?} was changed by others {attempts} times while it was to \
         be incremented: try again"
    )]
    Contended {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// How often it was tried.
        attempts: usize,
    },

    /// The store cannot be reached, or refuses.
    #[error("{store}: cannot {action}: {reason}")]
    Store {
        /// Which store: its kind and where it is, without any password.
        store: String,
        /// What was to be done.
        action: String,
        /// What the store, or the way to it, says.
        reason: String,
        /// Whether the same may succeed later although nobody corrects
        /// anything here, as when a server is started again.
        may_pass: bool,
    },
}

impl Error {
    /// A key that cannot be used.
    pub(super) fn invalid_key(bucket: &str, key: &str, reason: impl Into<String>) -> Self {
        // A reader needs to recognize it, not to read all of it.
        const SHOWN: usize = 80;
        let mut shown: String = key.chars().take(SHOWN).collect();
        if shown.len() < key.len() {
            shown.push('…');
        }
        Self::InvalidKey {
            bucket: bucket.to_owned(),
            key: shown,
            reason: reason.into(),
        }
    }
}

/// Refuses the one key that no store should have.
pub(super) fn check_key(bucket: &str, key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::invalid_key(bucket, key, "a key cannot be empty"));
    }
    Ok(())
}
