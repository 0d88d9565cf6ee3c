//! A logger as a plugin library: it serves `wasi:logging/logging` and prints
//! each message behind a prefix from its configuration.
//!
//! What components log is their output, so it goes to standard output. What the
//! plugin has to say of itself are events of `tracing`, which go to the host's log.
//!
//! ```toml
//! # plugins.toml
//! [plugins.custom-logger]
//! prefix = "my-app"
//! ```

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result, tracing};

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
        if config.prefix.is_empty() {
            tracing::warn!("the prefix is empty, so lines begin with `[]`");
        }
        Ok(Self {
            prefix: config.prefix,
        })
    }

    async fn start(&self) -> Result<()> {
        tracing::debug!(prefix = self.prefix, "started");
        println!("[{}] Logger plugin started", self.prefix);
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        tracing::debug!(prefix = self.prefix, "stopped");
        println!("[{}] Logger plugin stopped", self.prefix);
        Ok(())
    }
}

impl CustomLogger {
    /// Returns the line that is printed for a message.
    fn line(&self, level: Level, context: &str, message: &str) -> String {
        let level = format!("{level:?}").to_uppercase();
        let (context, message) = (on_one_line(context), on_one_line(message));
        format!("[{}] {level} {context}: {message}", self.prefix)
    }
}

/// Returns a text with its line breaks, control characters and invisible
/// characters as escapes, so that no component can print a line that looks like
/// another's.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
    line
}

impl Guest for CustomLogger {
    fn log(&self, call: &Call<'_>, level: Level, context: &str, message: &str) {
        tracing::trace!(component = call.component_id(), "a component logs");
        println!("{}", self.line(level, context, message));
    }
}

wash_plugin_abi::export!(CustomLogger);

#[cfg(test)]
mod tests {
    use wash_plugin_abi::testing::{self, json};

    use super::*;

    #[test]
    fn lines_begin_with_the_prefix() -> Result<()> {
        let plugin = testing::start::<CustomLogger>(json!({"prefix": "my-app"}))?;
        let line = plugin.line(Level::Info, "shop", "an order");
        assert_eq!(line, "[my-app] INFO shop: an order");
        let forged = "an \"order\"\n[my-app] INFO shop: forged\u{202e}\u{1b}[2J";
        let line = plugin.line(Level::Info, "sh\rop", forged);
        let expected = "[my-app] INFO sh\\rop: an \"order\"\\n[my-app] INFO shop: \
                        forged\\u{202e}\\u{1b}[2J";
        assert_eq!(line, expected);
        plugin.log(&plugin.call(), Level::Warn, "shop", "it is printed");
        plugin.stop()
    }

    #[test]
    fn the_prefix_has_a_default() -> Result<()> {
        let plugin = testing::start::<CustomLogger>(())?;
        assert_eq!(plugin.prefix, "custom-logger");
        Ok(())
    }

    #[test]
    fn sad_an_unknown_key_is_named() {
        let error = testing::start::<CustomLogger>(json!({"prefx": "a"}))
            .err()
            .map(|error| format!("{error:#}"));
        let error = error.unwrap_or_default();
        assert!(error.contains("unknown field `prefx`"), "{error}");
    }
}
