//! Runs a guest that logs, with the logger `compiled-in` or `loaded`: what it
//! prints is the same.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "part of a test"
)]

use std::sync::Arc;

use anyhow::bail;
use e2e::compiled_in::CustomLogger;
use e2e::{LOGGING, RUN, TestHost, artifacts, string};
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (which, messages) = args.split_first().unwrap();
    let builder = match which.as_str() {
        "compiled-in" => TestHost::builder().plugin(Arc::new(CustomLogger::new("my-app"))),
        "loaded" => TestHost::builder()
            .library(artifacts::plugin("custom-logger"))
            .config("custom-logger", json!({ "prefix": "my-app" })),
        other => bail!("there is no logger `{other}`"),
    };
    let host = builder.guest("log-guest", [LOGGING]).start().await?;
    for message in messages {
        host.call(RUN, "run", &[string(message)]).await?;
    }
    host.stop().await
}
