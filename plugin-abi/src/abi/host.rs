//! What a host offers to the plugins in it.

use std::ffi::c_void;

use super::Slice;

/// Finds an extension's vtable by its id; null where there is none.
pub type ExtensionFn = unsafe extern "C" fn(*const c_void, Slice) -> *const c_void;

/// The host, as a plugin sees it. Valid from the plugin's creation until it
/// is destroyed, from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct HostV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Passed to `extension` and to the functions of each extension.
    pub data: *const c_void,
    /// Finds an extension of the host, such as [`super::EXT_LOG`].
    pub extension: ExtensionFn,
}

/// The host's log.
#[repr(C)]
#[derive(Debug)]
pub struct LogV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Whether an event of this level (`LEVEL_*`) and target would be kept.
    pub enabled: unsafe extern "C" fn(*const c_void, u32, Slice) -> bool,
    /// Takes an event.
    pub log: unsafe extern "C" fn(*const c_void, *const LogRecordV1),
}

/// What a host does for threads that a plugin starts.
#[repr(C)]
#[derive(Debug)]
pub struct ThreadV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// Tells the host that the calling thread is the plugin's own until it ends. The host
    /// gives it a stack for signals, and names the plugin if the thread crashes.
    pub started: unsafe extern "C" fn(*const c_void),
}

/// Level of an event: something failed.
pub const LEVEL_ERROR: u32 = 1;
/// Level of an event: something is wrong, and work goes on.
pub const LEVEL_WARN: u32 = 2;
/// Level of an event: worth knowing in production.
pub const LEVEL_INFO: u32 = 3;
/// Level of an event: worth knowing to the developer.
pub const LEVEL_DEBUG: u32 = 4;
/// Level of an event: everything.
pub const LEVEL_TRACE: u32 = 5;

/// An event of the plugin's log. All of it is borrowed for the call.
#[repr(C)]
#[derive(Debug)]
pub struct LogRecordV1 {
    /// Bytes in this struct.
    pub size: usize,
    /// One of the `LEVEL_*`.
    pub level: u32,
    /// Line in `file`; 0 where it is not known.
    pub line: u32,
    /// What the event is about, usually a module's path. UTF-8.
    pub target: Slice,
    /// The message. UTF-8.
    pub message: Slice,
    /// Source file. UTF-8; empty where it is not known.
    pub file: Slice,
    /// The event's fields, without the message.
    pub fields: *const LogFieldV1,
    /// How many there are.
    pub fields_len: usize,
}

/// A field of an event.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LogFieldV1 {
    /// Its name. UTF-8.
    pub name: Slice,
    /// One of the `KIND_*`.
    pub kind: u32,
    /// Not used; zero.
    pub reserved: u32,
    /// The value of every kind but text: its bits.
    pub bits: u64,
    /// The value of kind text. UTF-8.
    pub text: Slice,
}

impl LogFieldV1 {
    /// The value is UTF-8, in `text`.
    pub const KIND_TEXT: u32 = 0;
    /// The value is an `i64`, in `bits`.
    pub const KIND_I64: u32 = 1;
    /// The value is a `u64`, in `bits`.
    pub const KIND_U64: u32 = 2;
    /// The value is an `f64`, in `bits`.
    pub const KIND_F64: u32 = 3;
    /// The value is a bool: 0 or 1 in `bits`.
    pub const KIND_BOOL: u32 = 4;
}

impl LogRecordV1 {
    /// The fields.
    ///
    /// # Safety
    ///
    /// The record must be one that an event's [`LogV1::log`] was called with,
    /// and that call must not have returned.
    #[allow(unsafe_code, reason = "part of the ABI's contract")]
    pub unsafe fn fields(&self) -> &[LogFieldV1] {
        // SAFETY: the plugin passes `fields_len` fields, alive for the call.
        unsafe { super::slice::values(self.fields, self.fields_len) }
    }
}
