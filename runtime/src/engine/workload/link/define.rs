//! The definition of one link in the importer's linker.

use std::sync::Arc;

use anyhow::{Context, bail};
use wasmtime::component::{
    LinkerInstance, ResourceType, types::ComponentFunc, types::ComponentItem,
};

use super::{
    WorkloadMetadata,
    call::Callee,
    provider::Provider,
    types::{Comparison, ResourceNames, instance_exports, is_plain},
};
use crate::engine::ctx::SharedCtx;

/// What an importer wants of a provider.
#[derive(Default)]
struct Wanted {
    functions: Vec<Function>,
    resources: Vec<(String, ResourceType)>,
}

struct Function {
    callee: Arc<Callee>,
    is_async: bool,
}

/// Links one import of an item to its provider. If somebody defined it before,
/// it stays as it is.
pub(super) fn link(
    importer: &mut WorkloadMetadata,
    interface: &Arc<str>,
    provider: &Arc<Provider>,
) -> anyhow::Result<()> {
    let wanted = wanted(importer, interface, provider).with_context(|| {
        format!(
            "{} imports '{interface}', which {} exports, but they cannot be linked",
            importer.label(),
            provider.label
        )
    })?;
    // On a copy, since it may turn out half way that it is there already.
    let mut linker = importer.linker().clone();
    match define(&mut linker.instance(interface)?, wanted, provider) {
        Ok(()) => *importer.linker() = linker,
        Err(error) => tracing::info!(
            "{} uses the host's '{interface}', not the one that {} exports: {error:#}",
            importer.label(),
            provider.label,
        ),
    }
    Ok(())
}

fn wanted(
    importer: &WorkloadMetadata,
    interface: &Arc<str>,
    provider: &Arc<Provider>,
) -> anyhow::Result<Wanted> {
    let engine = importer.engine();
    let ty = importer.component().component_type();
    let imported = ty.get_import(engine, interface).map(|import| import.ty);
    let exporter = provider.component();
    let ty = exporter.component_type();
    let exported = ty.get_export(engine, interface).map(|export| export.ty);
    let exported = instance_exports(engine, exported);
    let index = exporter
        .get_export_index(None, &**interface)
        .context("the export is gone")?;

    let importer_names = ResourceNames::of(importer.component());
    let exporter_names = ResourceNames::of(exporter);
    let comparison = Comparison {
        importer: &importer_names,
        exporter: &exporter_names,
    };

    let mut wanted = Wanted::default();
    let mut problems = Vec::new();
    for (name, item) in instance_exports(engine, imported) {
        match item {
            ComponentItem::ComponentFunc(function) => {
                let found = exported
                    .iter()
                    .find(|(exported, _)| *exported == name)
                    .map(|(_, item)| item);
                match check(&comparison, &function, found) {
                    Ok(()) => wanted.functions.push(Function {
                        is_async: function.async_(),
                        callee: Arc::new(Callee {
                            provider: Arc::clone(provider),
                            interface: Arc::clone(interface),
                            export: exporter
                                .get_export_index(Some(&index), &name)
                                .context("the export is gone")?,
                            function: name,
                        }),
                    }),
                    Err(problem) => problems.push(format!("'{name}': {problem}")),
                }
            }
            // What was introduced by another import has been defined there.
            ComponentItem::Resource(ty) if importer_names.is_introduced_by(ty, interface) => {
                match provider.resource_type(interface, &name) {
                    Some(ty) => wanted.resources.push((name, ty)),
                    None => problems.push(format!("'{name}': no such resource is exported")),
                }
            }
            _ => {}
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    Ok(wanted)
}

fn check(
    comparison: &Comparison<'_>,
    imported: &ComponentFunc,
    exported: Option<&ComponentItem>,
) -> Result<(), String> {
    let Some(ComponentItem::ComponentFunc(exported)) = exported else {
        return Err("no such function is exported".to_string());
    };
    if let Some(difference) = comparison.difference(imported, exported) {
        return Err(difference);
    }
    if imported.async_() && !is_plain(imported) {
        return Err(
            "an async function with a resource, a stream or a future among its parameters and \
             results cannot be called from another component in this version of wash-runtime; \
             compose the two components into one"
                .to_string(),
        );
    }
    Ok(())
}

fn define(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    wanted: Wanted,
    provider: &Arc<Provider>,
) -> wasmtime::Result<()> {
    for (name, ty) in wanted.resources {
        let provider = Arc::clone(provider);
        linker.resource_async(&name, ty, move |store, number| {
            let provider = Arc::clone(&provider);
            Box::new(async move { provider.drop_resource(store, number).await })
        })?;
    }
    for Function { callee, is_async } in wanted.functions {
        let name = callee.function.clone();
        if is_async {
            linker.func_new_concurrent(&name, move |_, _, params, results| {
                Box::pin(Arc::clone(&callee).call_detached(params, results))
            })?;
        } else {
            linker.func_new_async(&name, move |store, _, params, results| {
                let callee = Arc::clone(&callee);
                Box::new(async move { callee.call(store, params, results).await })
            })?;
        }
    }
    Ok(())
}
