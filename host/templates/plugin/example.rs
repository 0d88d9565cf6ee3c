//! The plugin `{name}`. What it serves is said in `wit/plugin.wit`.

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!();

use exports::demo::{package}::greeting;

/// The plugin. There is one, whatever number of components it serves.
struct {Plugin};

impl Plugin for {Plugin} {
    /// Make this a struct that derives `serde::Deserialize` and `ConfigSchema` to
    /// have a configuration.
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl greeting::Guest for {Plugin} {
    fn greet(&self, _call: &Call<'_>, name: &str) -> String {
        format!("Hello, {name}!")
    }
}

wash_plugin_abi::export!({Plugin});
