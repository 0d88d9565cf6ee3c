//! The interfaces of a component, read without compiling it.

use anyhow::Context;
use wasmparser::{ComponentExternName, Parser, Payload};

use super::inspect;
use crate::wit::WitInterface;

/// The interfaces that the outermost component imports and exports, one entry
/// for each import and export.
pub(crate) fn interfaces(bytes: &[u8]) -> anyhow::Result<Vec<WitInterface>> {
    anyhow::ensure!(
        Parser::is_component(bytes),
        "not a WebAssembly component (a core module must be made one first)"
    );
    let mut interfaces = Vec::new();
    // Modules and components inside have sections of their own.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.context("not a well-formed WebAssembly component")? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    interfaces.extend(interface(&import?.name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    interfaces.extend(interface(&export?.name));
                }
            }
            _ => {}
        }
    }
    Ok(interfaces)
}

/// What a name stands for; functions and types have plain names.
fn interface(name: &ComponentExternName<'_>) -> Option<WitInterface> {
    let is_interface =
        name.implements.is_some() || (name.name.contains(':') && name.name.contains('/'));
    is_interface.then(|| inspect::interface(name.name, name.implements))
}
