//! Links what a plugin serves into a component.

use std::future::ready;
use std::sync::Arc;

use anyhow::Context as _;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::WitInterfaces;
use wash_runtime::wasmtime::StoreContextMut;
use wash_runtime::wasmtime::component::LinkerInstance;
use wash_runtime::wit::WitInterface;

use super::call::{Begun, Target};
use super::instance::Instance;
use super::resources;
use crate::flat::{Args, INDIRECT};
use crate::world::{Function, Interface, InterfaceName, World};

/// Defines, in the item's linker, each function of the interfaces that it
/// imports, was promised, and the plugin serves. With `metrics`, their calls
/// are counted and timed.
pub(super) fn link(
    instance: &Arc<Instance>,
    world: &World,
    item: &mut WorkloadItem<'_>,
    interfaces: &WitInterfaces<'_>,
    metrics: bool,
) -> anyhow::Result<()> {
    let imports = item.world().imports;
    for served in world.served() {
        let name = &served.name;
        if !interfaces.contains(&name.namespace, &name.package, &[&name.interface]) {
            continue;
        }
        for import in imported_as(&imports, name) {
            anyhow::ensure!(
                name.serves(&import),
                "the component imports `{import}`, and plugin `{}` serves `{}`: the versions are not compatible",
                instance.id(),
                served.id
            );
            define(item, instance, served, &import, metrics).with_context(|| {
                format!("plugin `{}` cannot be linked to `{import}`", instance.id())
            })?;
        }
    }
    Ok(())
}

/// The names by which a component imports an interface: one for each version.
fn imported_as<'a>(
    imports: impl IntoIterator<Item = &'a WitInterface>,
    name: &InterfaceName,
) -> Vec<InterfaceName> {
    let mut found: Vec<_> = imports
        .into_iter()
        .filter(|import| {
            import.namespace == name.namespace
                && import.package == name.package
                && import.interfaces.contains(&name.interface)
        })
        .map(|import| InterfaceName {
            version: import.version.clone(),
            ..name.clone()
        })
        .collect();
    found.sort_by(|a, b| a.version.cmp(&b.version));
    found.dedup();
    found
}

fn define(
    item: &mut WorkloadItem<'_>,
    instance: &Arc<Instance>,
    interface: &Interface,
    import: &InterfaceName,
    metrics: bool,
) -> anyhow::Result<()> {
    let mut targets = Vec::new();
    for function in &interface.functions {
        let entry = instance
            .function(function.index)
            .with_context(|| format!("`{}` is not in its call table", function.name))?;
        targets.push((
            function,
            Target::new(instance, entry, &interface.id, function, item, metrics),
        ));
    }
    let mut linker = item.linker().instance(&import.to_string())?;
    for resource in &interface.resources {
        resources::define(&mut linker, resource)?;
    }
    for (function, target) in targets {
        define_function(&mut linker, function, target)?;
    }
    Ok(())
}

/// Defines a function with the number of core values that its type has.
fn define_function(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    function: &Function,
    target: Target,
) -> anyhow::Result<()> {
    macro_rules! by_count {
        ($($n:literal)*) => {
            match (function.flat_params, function.flat_result) {
                $(
                    (Some($n), false) => wrap::<$n, 0>(linker, function, target),
                    (Some($n), true) => wrap::<$n, 1>(linker, function, target),
                )*
                (None, false) => wrap::<INDIRECT, 0>(linker, function, target),
                (None, true) => wrap::<INDIRECT, 1>(linker, function, target),
                (Some(n), _) => anyhow::bail!("{n} core values are more than the ABI passes"),
            }
        };
    }
    by_count!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn wrap<const N: usize, const M: usize>(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    function: &Function,
    target: Target,
) -> anyhow::Result<()> {
    if function.is_async {
        let target = Arc::new(target);
        linker.func_wrap_async(
            &function.name,
            move |mut store: StoreContextMut<'_, SharedCtx>, Args::<N>(mut frame)| {
                let taken = match target.resolve(store.data_mut(), &mut frame) {
                    Ok(taken) => taken,
                    Err(error) => return Box::new(ready(Err(error))),
                };
                match target.begin::<M>(frame, taken) {
                    Begun::Ended(ended) => Box::new(ready(ended.map_err(Into::into))),
                    Begun::Running(running) => Box::new(async move { Ok(running.end().await?) }),
                }
            },
        )?;
    } else {
        linker.func_wrap(
            &function.name,
            move |mut store: StoreContextMut<'_, SharedCtx>, Args::<N>(mut frame)| {
                let taken = target.resolve(store.data_mut(), &mut frame)?;
                Ok(target.call::<M>(frame, taken)?)
            },
        )?;
    }
    Ok(())
}
