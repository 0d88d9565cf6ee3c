//! The entry points of calls: raw in, safe Rust behind.
#![allow(unsafe_code, reason = "these functions are the ABI's entry points")]

use std::ffi::c_void;

use super::function::{AsyncFunction, Call, SyncFunction};
use super::{lend, panic, task};
use crate::abi::{
    CallContextV1, CallContextV1Flags, FLAG_LEND, Lending, OutBuf, PendingV1, Slice, Status,
};
use crate::codec::{self, CodecError, Encode};

/// A [`crate::abi::CallFn`] that answers at once.
///
/// # Safety
///
/// As [`crate::abi::CallFn`] says; `plugin` must be what `create` made, and so
/// point to a `T`.
pub(super) unsafe extern "C" fn sync<T: Sync, F: SyncFunction<T>>(
    plugin: *const c_void,
    context: *const CallContextV1,
    args: Slice,
    out: *mut OutBuf,
    _pending: *mut PendingV1,
) -> Status {
    // SAFETY: the host lends all four until this returns, which is longer
    // than anything below keeps them: parameters and context are borrowed.
    let (flags, plugin, context, args, out) = unsafe {
        let flags = CallContextV1Flags::of(context);
        (
            flags,
            &*plugin.cast::<T>(),
            &*context,
            Lending::of_call(args, flags),
            &mut *out,
        )
    };
    let lends = flags & FLAG_LEND != 0;
    panic::guard(out, |out| match codec::from_lending(args) {
        Ok(params) => {
            let results = F::call(plugin, &Call::new(context), params);
            write(results, out, context.workload, lends)
        }
        Err(error) => bad_arguments(error, out),
    })
}

/// A [`crate::abi::CallFn`] that may answer later.
///
/// # Safety
///
/// As for [`sync`], and `pending` must be a valid slot.
pub(super) unsafe extern "C" fn asynchronous<T: Sync + 'static, F: AsyncFunction<T>>(
    plugin: *const c_void,
    context: *const CallContextV1,
    args: Slice,
    out: *mut OutBuf,
    pending: *mut PendingV1,
) -> Status {
    // SAFETY: the host lends plugin, context and arguments until the future is
    // dropped, and `out` until this returns.
    let (lends, plugin, context, args, out) = unsafe {
        (
            CallContextV1Flags::of(context) & FLAG_LEND != 0,
            &*plugin.cast::<T>(),
            &*context,
            args.as_bytes(),
            &mut *out,
        )
    };
    panic::guard(out, |out| match codec::from_slice(args) {
        Ok(params) => {
            let future = F::call(plugin, Call::new(context), params);
            let workload = context.workload;
            let write = move |results, out: &mut OutBuf| write(results, out, workload, lends);
            // SAFETY: the host's promise about the slot, and about what the
            // future borrows.
            unsafe { task::start(future, write, out, pending) }
        }
        Err(error) => bad_arguments(error, out),
    })
}

#[inline]
fn write<R: Encode>(
    results: Result<R, CodecError>,
    out: &mut OutBuf,
    workload: u64,
    lends: bool,
) -> Status {
    let results = match results {
        Ok(results) => results,
        Err(error) => return bad_arguments(error, out),
    };
    let written = if lends && lend::is_worth_it(&results) {
        lend::lend(results, out, workload)
    } else {
        codec::to_out(&results, out, workload).map(|()| Status::OK)
    };
    match written {
        Ok(status) => status,
        Err(error) => {
            out.set_text(&format!("the result cannot be written: {error}"));
            Status::FAILED
        }
    }
}

#[cold]
fn bad_arguments(error: CodecError, out: &mut OutBuf) -> Status {
    out.set_text(&format!("the arguments cannot be read: {error}"));
    Status::BAD_ARGUMENTS
}

/// A text of a call's context.
pub(super) fn context_text(
    context: &CallContextV1,
    which: impl FnOnce(&CallContextV1) -> Slice,
) -> &str {
    // SAFETY: the host keeps the context's texts alive as long as the context.
    let bytes = unsafe { which(context).as_bytes() };
    std::str::from_utf8(bytes).unwrap_or_default()
}
