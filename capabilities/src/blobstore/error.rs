//! [`Error`].

use super::ObjectId;

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing of this store can have the name.
    #[error("the {what} {name:?} cannot be used: {reason}")]
    InvalidName {
        /// `container` or `object`.
        what: &'static str,
        /// The name, or its beginning if it is long.
        name: String,
        /// What is wrong with it, and which names are allowed.
        reason: String,
    },

    /// There is no such container.
    #[error("there is no container {name:?}: create it first")]
    NoContainer {
        /// Its name.
        name: String,
    },

    /// There is no such object.
    #[error("there is no object {object:?} in container {container:?}")]
    NoObject {
        /// The container.
        container: String,
        /// The object.
        object: String,
    },

    /// The part of an object that was asked for is none.
    #[error("there are no bytes from {start} to {end}: the end comes before the start")]
    InvalidRange {
        /// Place of the first byte.
        start: u64,
        /// Place of the last byte.
        end: u64,
    },

    /// An object is larger than the store takes.
    #[error("an object of this store has at most {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
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
    },
}

impl Error {
    pub(super) fn no_container(name: &str) -> Self {
        Self::NoContainer {
            name: name.to_owned(),
        }
    }

    pub(super) fn no_object(id: &ObjectId) -> Self {
        Self::NoObject {
            container: id.container.clone(),
            object: id.object.clone(),
        }
    }
}

/// Refuses what no store should have: things without a name.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::InvalidName {
            what,
            name: String::new(),
            reason: String::from("a name cannot be empty"),
        });
    }
    Ok(())
}
