//! What a plugin hands over to a newer version of itself.
#![allow(unsafe_code, reason = "these functions are the ABI's entry points")]

use std::ffi::c_void;

use super::vtable::{ended, failed, lent};
use super::{Plugin, Result, panic, task};
use crate::abi::{OutBuf, PendingV1, Slice, StateV1, Status};

/// In front of a state, to tell an empty one from none.
const STATE: u8 = 1;

/// Behind [`crate::abi::EXT_STATE`].
pub(crate) const fn table<P: Plugin>() -> StateV1 {
    StateV1 {
        size: size_of::<StateV1>(),
        export: export::<P>,
        import: import::<P>,
    }
}

/// # Safety
///
/// As [`crate::abi::LifecycleFn`].
unsafe extern "C" fn export<P: Plugin>(
    plugin: *const c_void,
    event: Slice,
    out: *mut OutBuf,
    pending: *mut PendingV1,
) -> Status {
    // SAFETY: the host's promises above.
    let (plugin, _, out) = unsafe { lent::<P>(plugin, event, out) };
    panic::guard(out, |out| {
        // SAFETY: the host's promises above.
        unsafe { task::start(plugin.export_state(), exported, out, pending) }
    })
}

fn exported(state: Result<Option<Vec<u8>>>, out: &mut OutBuf) -> Status {
    let state = match state {
        Ok(Some(state)) => state,
        Ok(None) => return Status::OK,
        Err(error) => return failed(&error, out),
    };
    match out.extend(&[STATE]).and_then(|()| out.extend(&state)) {
        Ok(()) => Status::OK,
        Err(error) => failed(&anyhow::Error::new(error), out),
    }
}

/// # Safety
///
/// As [`crate::abi::LifecycleFn`].
unsafe extern "C" fn import<P: Plugin>(
    plugin: *const c_void,
    event: Slice,
    out: *mut OutBuf,
    pending: *mut PendingV1,
) -> Status {
    // SAFETY: the host's promises above; the event is only read here.
    let (plugin, state, out) = unsafe { lent::<P>(plugin, event, out) };
    panic::guard(out, |out| {
        let state = state.to_vec();
        let future = async move { plugin.import_state(&state).await };
        // SAFETY: the host's promises above; the state is moved in.
        unsafe { task::start(future, ended, out, pending) }
    })
}
