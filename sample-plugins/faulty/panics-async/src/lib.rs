//! Panics in a function that answers later, or never answers: the message says
//! which.
#![allow(clippy::panic, reason = "that is what this plugin is for")]

use std::future::pending;

use wash_plugin_abi::{Call, Plugin, Result, tracing};

wash_plugin_abi::bindgen!({
    path: "../../custom-logger/wit",
    world: "logger",
    async: true,
});
use exports::wasi::logging::logging::{Guest, Level};

struct PanicsAsync;

impl Plugin for PanicsAsync {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for PanicsAsync {
    async fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, message: &str) {
        match message {
            "at once" => panic!("a panic in the first poll"),
            "later" => {
                tokio::task::yield_now().await;
                panic!("a panic in a later poll");
            }
            "in a task" => {
                // As an author writes it who lets the task's panic through.
                if let Err(error) = tokio::spawn(task()).await {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            "never" => {
                let _dropped = Dropped::new(false);
                pending::<()>().await;
            }
            "never, and panics when it is cancelled" => {
                let _dropped = Dropped::new(true);
                pending::<()>().await;
            }
            _ => tokio::task::yield_now().await,
        }
    }
}

/// Tells the log that a future waits, and that it was cancelled.
struct Dropped {
    panics: bool,
}

impl Dropped {
    fn new(panics: bool) -> Self {
        tracing::info!("waiting");
        Self { panics }
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        tracing::info!("cancelled");
        if self.panics {
            panic!("a panic while it is cancelled");
        }
    }
}

async fn task() {
    panic!("a panic in a task");
}

wash_plugin_abi::export!(PanicsAsync);
