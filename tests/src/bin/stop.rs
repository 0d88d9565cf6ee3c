//! A host as an embedder writes it, with one plugin and its configuration; all
//! it does is to start and to stop.

use std::path::PathBuf;

use anyhow::Context as _;
use e2e::TestHost;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || {
        args.next()
            .context("give a library, its id and its configuration")
    };
    let (library, id, config) = (next()?, next()?, next()?);
    let host = TestHost::builder()
        .library(PathBuf::from(library))
        .config(&id, serde_json::from_str(&config)?)
        .start()
        .await?;
    println!("started");
    host.stop().await?;
    println!("stopped");
    Ok(())
}
