//! Cannot start.

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

struct Fails;

impl Plugin for Fails {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }

    async fn start(&self) -> Result<()> {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        Err(wash_plugin_abi::Error::new(cause).context("the log server does not answer"))
    }
}

impl Guest for Fails {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, _message: &str) {}
}

wash_plugin_abi::export!(Fails);
