//! What a plugin offers to its host.

use std::ffi::c_void;

use super::{HostV1, OutBuf, PendingV1, Slice, Status};

/// A plugin's life.
///
/// The host calls `create` once, then `start`; calls and workload events come
/// between that and `stop`, from any thread, at once. After `stop` has ended
/// and the last call and future are gone, it calls `destroy` once. The library
/// stays mapped for the life of the process.
#[repr(C)]
#[derive(Debug)]
pub struct PluginV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// A copy of the manifest, byte for byte as it stands in the library's note.
    /// Not the note itself, which tools may move.
    pub manifest: Slice,
    /// Makes the plugin from its configuration (JSON, UTF-8), and writes it to
    /// the third argument. The host outlives the plugin.
    pub create: unsafe extern "C" fn(*const HostV1, Slice, *mut *mut c_void, *mut OutBuf) -> Status,
    /// Frees what `create` made.
    pub destroy: unsafe extern "C" fn(*mut c_void),
    /// The host starts. The event is empty.
    pub start: LifecycleFn,
    /// The host stops. The event is empty.
    pub stop: LifecycleFn,
    /// A workload that uses the plugin is being bound.
    pub workload_bound: LifecycleFn,
    /// One of its components, or its service, is being bound.
    pub item_bound: LifecycleFn,
    /// That item can be called from now on.
    pub workload_resolved: LifecycleFn,
    /// The workload is gone, or could not be started. May come for a workload
    /// that was bound in part, and more than once.
    pub workload_unbound: LifecycleFn,
}

/// A step in a plugin's life: plugin, event (JSON, UTF-8, as `docs/ABI.md`
/// describes), out buffer, pending slot. May be asynchronous.
pub type LifecycleFn =
    unsafe extern "C" fn(*const c_void, Slice, *mut OutBuf, *mut PendingV1) -> Status;

/// What a plugin hands over to a newer version of itself, between that one's
/// `start` and the first call that it gets.
#[repr(C)]
#[derive(Debug)]
pub struct StateV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Asks the version before. The event is empty. The out buffer is empty if
    /// it hands nothing over, or else a byte 1 and the state behind it.
    pub export: LifecycleFn,
    /// Tells the new version. The event is the state.
    pub import: LifecycleFn,
}

/// The functions that a plugin serves, in the order of its manifest.
#[repr(C)]
#[derive(Debug)]
pub struct CallV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// The functions.
    pub functions: *const CallFn,
    /// How many there are.
    pub functions_len: usize,
}

// SAFETY: a `CallV1` is an immutable table of functions, which may be called
// from any thread.
#[allow(unsafe_code, reason = "part of the ABI's contract")]
unsafe impl Sync for CallV1 {}

impl CallV1 {
    /// The functions.
    ///
    /// # Safety
    ///
    /// The table must be one that a plugin's query function returned for
    /// [`super::EXT_CALL`].
    #[allow(unsafe_code, reason = "part of the ABI's contract")]
    pub unsafe fn functions(&self) -> &'static [CallFn] {
        // SAFETY: the plugin's table has `functions_len` entries, and the
        // library is never unmapped.
        unsafe { super::slice::values(self.functions, self.functions_len) }
    }
}

/// One function: plugin, context, arguments, out buffer, pending slot.
///
/// The arguments are the canonical ABI's memory layout of the tuple of all
/// parameters, for 32-bit memory: the tuple at offset 0, each pointer an
/// offset into the same bytes, each string UTF-8. The first byte is aligned
/// to 16. The result is written to the (empty) out buffer in the same way.
///
/// Context and arguments stay alive until the function has returned another
/// status than [`Status::PENDING`], or until its future is dropped. The
/// pending slot is null for a function that the manifest calls synchronous.
pub type CallFn = unsafe extern "C" fn(
    *const c_void,
    *const CallContextV1,
    Slice,
    *mut OutBuf,
    *mut PendingV1,
) -> Status;

/// On whose behalf a call is made.
#[repr(C)]
#[derive(Debug)]
pub struct CallContextV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// The workload's id. UTF-8.
    pub workload_id: Slice,
    /// The calling component's, or service's, id. UTF-8.
    pub component_id: Slice,
    /// A number for the workload: the same for the same workload, and for no
    /// other while the plugin lives. Never 0.
    pub workload: u64,
}

/// The resources that a plugin has given to components, by the numbers that
/// stand for them in a call's buffer.
///
/// The host calls `drop` once for each number that a result gave it and no
/// argument gave back. All may be called from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct ResourceV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Drops a resource. A number that stands for none is ignored.
    pub drop: unsafe extern "C" fn(*const c_void, u32),
    /// Drops all resources that were made for a workload (its number in
    /// [`CallContextV1::workload`]), or all there are for 0.
    pub release: unsafe extern "C" fn(*const c_void, u64),
    /// How many resources there are.
    pub live: unsafe extern "C" fn(*const c_void) -> u64,
}
