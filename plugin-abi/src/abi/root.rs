//! The front door: the [`abi_stable`] root module of a library.
//!
//! It is tiny and frozen, because abi_stable refuses an older library in a
//! newer host as soon as the struct has grown: one type for each revision, and
//! everything else behind [`PluginModuleV1::query`].

#![allow(
    non_camel_case_types,
    reason = "abi_stable's convention: `_Ref` is the pointer to the struct"
)]

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;

/// Finds an extension of the library by its id (pointer and length, UTF-8):
/// a pointer to its vtable, valid for the life of the process, or null.
pub type QueryFn = unsafe extern "C" fn(*const u8, usize) -> *const u8;

/// The root module of revision 1.
#[repr(C)]
#[derive(Debug, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleV1_Ref)))]
#[sabi(missing_field(panic))]
pub struct PluginModuleV1 {
    /// The revision of the ABI that the library was built for.
    pub revision: u32,
    /// Finds the library's extensions.
    #[sabi(last_prefix_field)]
    pub query: unsafe extern "C" fn(*const u8, usize) -> *const u8,
}

impl RootModule for PluginModuleV1_Ref {
    abi_stable::declare_root_module_statics! {PluginModuleV1_Ref}
    const BASE_NAME: &'static str = "wash_plugin";
    const NAME: &'static str = "wash_plugin";
    // Fixed: the type never changes, whatever this crate's version.
    const VERSION_STRINGS: VersionStrings = FROZEN_VERSION;
}

const FROZEN_VERSION: VersionStrings = VersionStrings::new("1.0.0");
