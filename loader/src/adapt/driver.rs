//! Drives a plugin's futures: as the ABI crate has it for both sides.

pub(super) use wash_plugin_abi::abi::foreign::{ForeignFuture as PluginFuture, begin};
