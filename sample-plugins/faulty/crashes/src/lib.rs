//! Ends the process that it is in, where its configuration says: a host cannot prevent
//! that, and has to say who it was.

use std::hint::black_box;

use serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

/// Where and how to crash.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The crash.
    crash: Crash,
}

/// The ways to crash.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ConfigSchema)]
#[serde(rename_all = "kebab-case")]
enum Crash {
    /// The function that makes the plugin recurses without end.
    New,
    /// The hook `start` does.
    Start,
    /// A task that the hook `start` waits for does.
    Task,
    /// The served function does.
    Log,
    /// The served function reads memory that is not there.
    Read,
}

struct Crashes(Crash);

/// Recurses without end. What it keeps on the stack is used after the call, so that the call
/// is not one that the compiler makes a loop of.
#[allow(
    unconditional_recursion,
    reason = "that is what this plugin is for; the compiler may see it"
)]
fn recurse(depth: u64) -> u64 {
    let kept = black_box([depth; 64]);
    let below = recurse(black_box(depth + 1));
    kept.iter().sum::<u64>().wrapping_add(below)
}

impl Plugin for Crashes {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.crash == Crash::New {
            black_box(recurse(0));
        }
        Ok(Self(config.crash))
    }

    async fn start(&self) -> Result<()> {
        match self.0 {
            Crash::Start => {
                black_box(recurse(0));
            }
            Crash::Task => {
                tokio::spawn(async { black_box(recurse(0)) }).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Guest for Crashes {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, _message: &str) {
        match self.0 {
            Crash::Log => {
                black_box(recurse(0));
            }
            #[allow(unsafe_code, reason = "that is what this plugin is for")]
            Crash::Read => {
                let nowhere = black_box(std::ptr::without_provenance::<u8>(4096));
                // SAFETY: there is none: the process ends here.
                black_box(unsafe { nowhere.read_volatile() });
            }
            _ => {}
        }
    }
}

wash_plugin_abi::export!(Crashes);
