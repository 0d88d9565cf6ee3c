//! One of two plugins that have the same id.

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

faulty_canary::canary!();

struct Duplicate;

impl Plugin for Duplicate {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for Duplicate {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, _message: &str) {}
}

wash_plugin_abi::export!(Duplicate, id = "duplicate");
