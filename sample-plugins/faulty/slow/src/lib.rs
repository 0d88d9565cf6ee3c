//! Does not stop in time.

use std::time::Duration;

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

/// How it does not.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Sleep in the thread that polls, which no timer of the host's can
    /// interrupt, rather than in the plugin's runtime.
    #[serde(default)]
    block: bool,
}

/// Far longer than a host waits.
const LONG: Duration = Duration::from_secs(60);

struct Slow {
    block: bool,
}

impl Plugin for Slow {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            block: config.block,
        })
    }

    async fn stop(&self) -> Result<()> {
        if self.block {
            std::thread::sleep(LONG);
        } else {
            tokio::time::sleep(LONG).await;
        }
        Ok(())
    }
}

impl Guest for Slow {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, _message: &str) {}
}

wash_plugin_abi::export!(Slow);
