//! From what a compiler or a person wrote to a component that is valid.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasmparser::{Parser, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

use crate::recipe::Kind;
use crate::stamp::Inputs;

/// Adds what the results depend on beside their sources.
pub(crate) fn add_identity(inputs: &mut Inputs) {
    inputs
        .add("encode.rs", include_bytes!("encode.rs"))
        .add("adapter", WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER);
}

/// Makes a component of what the compiler wrote.
pub(crate) fn module(bytes: Vec<u8>, kind: Kind) -> Result<Vec<u8>> {
    // Some targets' linkers make components themselves.
    if Parser::is_component(&bytes) {
        return valid(bytes);
    }
    let mut encoder = ComponentEncoder::default()
        .module(&bytes)
        .context("the compiler's output is no module with WIT in it")?;
    if kind == Kind::Command {
        encoder = encoder
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )
            .context("cannot add the WASI adapter")?;
    }
    valid(
        encoder
            .encode()
            .context("the module does not fit its world")?,
    )
}

/// Makes a component of component text.
pub(crate) fn text(path: &Path) -> Result<Vec<u8>> {
    valid(wat::parse_file(path)?)
}

fn valid(component: Vec<u8>) -> Result<Vec<u8>> {
    // With what the runtime enables beyond the defaults.
    let features = WasmFeatures::default()
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_ERROR_CONTEXT;
    Validator::new_with_features(features)
        .validate_all(&component)
        .context("the component is not valid")?;
    Ok(component)
}
