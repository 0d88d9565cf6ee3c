//! A WIT function's way from the call table to the author's method.

use super::entry;
use crate::abi::{CallContextV1, CallFn};
use crate::codec::{CodecError, Decode, Encode};

/// On whose behalf a call is made: the first argument of every function that a
/// plugin serves.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a>(&'a CallContextV1);

impl<'a> Call<'a> {
    pub(super) const fn new(context: &'a CallContextV1) -> Self {
        Self(context)
    }

    /// The id of the workload that calls.
    pub fn workload_id(&self) -> &'a str {
        entry::context_text(self.0, |context| context.workload_id)
    }

    /// The id of the component, or service, that calls.
    pub fn component_id(&self) -> &'a str {
        entry::context_text(self.0, |context| context.component_id)
    }
}

/// A function that answers at once.
pub trait SyncFunction<T>: 'static {
    /// Its parameters, borrowed from the call's buffer.
    type Params<'a>: Decode<'a>;
    /// Its result; `()` if it has none.
    type Results: Encode;
    /// Calls the author's method.
    ///
    /// # Errors
    ///
    /// If a resource among the parameters is of another type.
    fn call(
        plugin: &T,
        call: &Call<'_>,
        params: Self::Params<'_>,
    ) -> Result<Self::Results, CodecError>;
}

/// A function that may answer later.
pub trait AsyncFunction<T: 'static>: 'static {
    /// Its parameters, borrowed from the call's buffer.
    type Params<'a>: Decode<'a> + Send;
    /// Its result; `()` if it has none.
    type Results: Encode + Send;
    /// Calls the author's method.
    ///
    /// # Errors
    ///
    /// If a resource among the parameters is of another type.
    fn call<'a>(
        plugin: &'a T,
        call: Call<'a>,
        params: Self::Params<'a>,
    ) -> impl Future<Output = Result<Self::Results, CodecError>> + Send;
}

/// The call table's entry for a function that answers at once.
pub const fn sync_entry<T: Sync, F: SyncFunction<T>>() -> CallFn {
    entry::sync::<T, F>
}

/// The call table's entry for a function that may answer later.
pub const fn async_entry<T: Sync + 'static, F: AsyncFunction<T>>() -> CallFn {
    entry::asynchronous::<T, F>
}
