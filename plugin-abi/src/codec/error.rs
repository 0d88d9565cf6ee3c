//! What can be wrong with a call's buffer.

use crate::abi::NoRoom;

/// A call's buffer does not hold what its type says, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A value, or what a pointer leads to, is not all inside the buffer.
    #[error("{len} values at offset {at} are not all inside the buffer")]
    OutOfBounds {
        /// Where.
        at: usize,
        /// How many values, or bytes.
        len: usize,
    },
    /// A list of numbers does not lie at their alignment.
    #[error("the list at offset {at} is not aligned")]
    Unaligned {
        /// Where.
        at: usize,
    },
    /// A string is not UTF-8.
    #[error("the string at offset {at} is not UTF-8")]
    NotUtf8 {
        /// Where.
        at: usize,
    },
    /// A `char` is not a Unicode scalar value.
    #[error("{value:#x} is not a Unicode scalar value")]
    NotAChar {
        /// What stands there.
        value: u32,
    },
    /// A discriminant names no case.
    #[error("{value} is not a case of {ty}")]
    NoSuchCase {
        /// What stands there.
        value: u32,
        /// The type.
        ty: &'static str,
    },
    /// A resource's number stands for none, or for one of another type.
    #[error("{number:#x} is not a resource `{ty}` that is alive")]
    NoSuchResource {
        /// What stands there.
        number: u32,
        /// The type.
        ty: &'static str,
    },
    /// There are more resources than numbers for them.
    #[error("there are too many resources: a plugin can have 4 million at a time")]
    TooManyResources,
    /// The buffer cannot grow.
    #[error("there is no room for more: a call's buffer holds 4 GiB at most, or memory is short")]
    NoRoom,
}

impl From<NoRoom> for CodecError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}
