//! A logger as a plugin library: it serves `wasi:logging/logging` and prints
//! each message behind a prefix from its configuration.
//!
//! ```toml
//! # plugins.toml
//! [plugins.custom-logger]
//! prefix = "my-app"
//! ```

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result};

wash_plugin_abi::bindgen!();
use exports::wasi::logging::logging::{Guest, Level};

/// How messages are printed.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What stands in front of each message.
    #[serde(default = "Config::prefix")]
    #[config(default = "custom-logger")]
    prefix: String,
}

struct CustomLogger {
    prefix: String,
}

impl Plugin for CustomLogger {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            prefix: config.prefix,
        })
    }

    async fn start(&self) -> Result<()> {
        println!("[{}] Logger plugin started", self.prefix);
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        println!("[{}] Logger plugin stopped", self.prefix);
        Ok(())
    }
}

impl Guest for CustomLogger {
    fn log(&self, _call: &Call<'_>, level: Level, context: &str, message: &str) {
        let level = format!("{level:?}").to_uppercase();
        println!("[{}] {level} {context}: {message}", self.prefix);
    }
}

wash_plugin_abi::export!(CustomLogger);
