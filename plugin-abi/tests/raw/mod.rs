//! A call as a host makes it.
#![allow(unsafe_code, reason = "it calls a raw entry point")]

use wash_plugin_abi::abi::{Buffer, CallContextV1, CallContextV1Flags, CallFn, Slice, Status};

/// Calls a function of a plugin that answers at once, with these flags in its
/// context.
///
/// # Safety
///
/// `entry` must be of a plugin of type `P`, and `args` what the flags say.
pub(crate) unsafe fn call<P>(
    plugin: &P,
    entry: CallFn,
    args: &Buffer,
    flags: u64,
    out: &mut Buffer,
) -> Status {
    let context = CallContextV1Flags {
        context: CallContextV1 {
            size: size_of::<CallContextV1Flags>(),
            workload_id: Slice::EMPTY,
            component_id: Slice::EMPTY,
            workload: 1,
        },
        flags,
    };
    out.clear();
    // SAFETY: all that is passed lives until it returns; and the caller's promise.
    unsafe {
        entry(
            std::ptr::from_ref(plugin).cast(),
            (&raw const context).cast(),
            Slice::new(args.as_slice()),
            out.out(),
            std::ptr::null_mut(),
        )
    }
}
