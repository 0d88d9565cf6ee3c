//! What components export, for a plugin to call.

use std::ffi::c_void;

use super::{OutBuf, PendingV1, Slice, Status};

/// Calls of components' exports, each in a fresh instance.
#[repr(C)]
#[derive(Debug)]
pub struct GuestV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Calls a function: the host's data, what is called, arguments, out buffer,
    /// pending slot. As a [`super::CallFn`], the other way round: arguments and
    /// result lie in their buffers as there, and the pending slot is the
    /// plugin's, with a waker of the plugin's. All but the slot's future is lent
    /// for the call alone.
    pub call: unsafe extern "C" fn(
        *const c_void,
        *const GuestCallV1,
        Slice,
        *mut OutBuf,
        *mut PendingV1,
    ) -> Status,
}

/// What is called.
#[repr(C)]
#[derive(Debug)]
pub struct GuestCallV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// The workload's id. UTF-8.
    pub workload_id: Slice,
    /// The id of the component in it. UTF-8.
    pub component_id: Slice,
    /// The interface, as the plugin's world imports it. UTF-8.
    pub interface: Slice,
    /// The function in it. UTF-8.
    pub function: Slice,
}
