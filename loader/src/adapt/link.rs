//! Links what a plugin serves into a component.

use std::future::ready;
use std::sync::Arc;

use anyhow::Context as _;
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::WitInterfaces;
use wash_runtime::wasmtime::component::{Accessor, LinkerInstance};
use wash_runtime::wasmtime::{self, AsContextMut as _, StoreContextMut};
use wash_runtime::wit::WitInterface;

use super::bound::Link;
use super::call::{Begun, Caller, Target};
use super::grace::{self, Entered};
use super::instance::Instance;
use super::resources::{self, Taken};
use super::switch::Switch;
use crate::flat::{Args, Handle, INDIRECT, Plan, PooledFrame, Raw, Results};
use crate::observability::Tally;
use crate::world::{Function, Interface, InterfaceName, World};

/// Defines, in the item's linker, each function of the interfaces that it
/// imports, was promised, and the plugin serves. With `metrics`, their calls
/// are counted and timed. Returns what has to be switched when another
/// generation of the plugin takes over.
pub(super) fn link(
    instance: &Arc<Instance>,
    world: &World,
    item: &mut WorkloadItem<'_>,
    interfaces: &WitInterfaces<'_>,
    metrics: Option<&Arc<Tally>>,
) -> anyhow::Result<Vec<Link>> {
    let caller = Caller {
        workload_id: item.workload_id().to_owned(),
        component_id: item.id().to_owned(),
    };
    let mut links = Vec::new();
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
            let targets = targets(instance, served, &caller, metrics);
            let defined = targets.and_then(|targets| define(item, served, &import, targets));
            links.extend(defined.with_context(|| {
                format!("plugin `{}` cannot be linked to `{import}`", instance.id())
            })?);
        }
    }
    Ok(links)
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

/// The functions of an interface, for one caller.
fn targets<'a>(
    instance: &Arc<Instance>,
    interface: &'a Interface,
    caller: &Caller,
    metrics: Option<&Arc<Tally>>,
) -> anyhow::Result<Vec<(&'a Function, Target)>> {
    let target = |function: &'a Function| {
        let target = target(instance, interface, function, caller, metrics)?;
        Ok((function, target))
    };
    interface.functions.iter().map(target).collect()
}

/// One function of an interface, for one caller.
pub(super) fn target(
    instance: &Arc<Instance>,
    interface: &Interface,
    function: &Function,
    caller: &Caller,
    metrics: Option<&Arc<Tally>>,
) -> anyhow::Result<Target> {
    let entry = instance
        .function(function.index)
        .with_context(|| format!("`{}` is not in its call table", function.name))?;
    Ok(Target::new(
        instance,
        entry,
        &interface.id,
        function,
        caller,
        metrics,
    ))
}

fn define(
    item: &mut WorkloadItem<'_>,
    interface: &Interface,
    import: &InterfaceName,
    targets: Vec<(&Function, Target)>,
) -> anyhow::Result<Vec<Link>> {
    let mut linker = item.linker().instance(&import.to_string())?;
    for resource in &interface.resources {
        resources::define(&mut linker, resource)?;
    }
    let mut links = Vec::new();
    for (function, target) in targets {
        let switch = Arc::new(Switch::new(target));
        links.push(Link {
            import: import.clone(),
            function: function.name.clone(),
            switch: Arc::clone(&switch),
        });
        define_function(&mut linker, function, switch)?;
    }
    Ok(links)
}

/// Defines a function with the number of core values that its type has.
fn define_function(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    function: &Function,
    switch: Arc<Switch>,
) -> anyhow::Result<()> {
    macro_rules! by_count {
        ($($n:literal)*) => {
            match (function.flat_params, function.flat_result) {
                $(
                    (Some($n), false) => wrap::<$n, 0>(linker, function, switch),
                    (Some($n), true) => wrap::<$n, 1>(linker, function, switch),
                )*
                (None, false) => wrap::<INDIRECT, 0>(linker, function, switch),
                (None, true) => wrap::<INDIRECT, 1>(linker, function, switch),
                (Some(n), _) => anyhow::bail!("{n} core values are more than the ABI passes"),
            }
        };
    }
    by_count!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn wrap<const N: usize, const M: usize>(
    linker: &mut LinkerInstance<'_, SharedCtx>,
    function: &Function,
    switch: Arc<Switch>,
) -> anyhow::Result<()> {
    if function.is_concurrent {
        linker.func_wrap_concurrent(
            &function.name,
            move |store: &Accessor<SharedCtx>, Args::<N, false>(mut frame)| {
                let switch = Arc::clone(&switch);
                Box::pin(async move {
                    let (begun, loans) = store.with(|mut store| {
                        let call = grace::enter();
                        let store = store.as_context_mut();
                        let current = switch.current(&call);
                        let older = older(&switch, current, store.data(), &frame.handles);
                        let target = older.as_deref().unwrap_or(current);
                        let mut taken = target.resolve(store, &mut frame)?;
                        let loans = taken.loans();
                        if loans.have_pollables() {
                            return Err(target.cannot_wait());
                        }
                        let begun = target.begin::<M>(frame, taken);
                        Ok::<_, wasmtime::Error>((begun, loans))
                    })?;
                    let ended = match begun {
                        Begun::Ended(ended) => ended,
                        Begun::Running(running) => running.await,
                    };
                    store.with(|mut store| loans.give_back(store.data_mut()))?;
                    ended
                })
            },
        )?;
    } else if function.is_async {
        if let Some(plan) = planned::<N>(function) {
            linker.func_wrap_async(
                &function.name,
                move |store: StoreContextMut<'_, SharedCtx>, raw: Raw<N>| {
                    let call = grace::enter();
                    let target = switch.current(&call);
                    match target.begin_planned::<N, M>(&plan, &raw, || store.hostcall_fuel()) {
                        Begun::Ended(ended) => Box::new(ready(ended)),
                        Begun::Running(running) => running,
                    }
                },
            )?;
            return Ok(());
        }
        linker.func_wrap_async(
            &function.name,
            move |store: StoreContextMut<'_, SharedCtx>, Args::<N, false>(frame)| {
                let call = grace::enter();
                if frame.has_handles() {
                    return begin_with_handles::<M>(&switch, &call, store, frame);
                }
                let target = switch.current(&call);
                match target.begin::<M>(frame, Taken::default()) {
                    Begun::Ended(ended) => Box::new(ready(ended)),
                    Begun::Running(running) => running,
                }
            },
        )?;
    } else {
        if let Some(plan) = planned::<N>(function) {
            linker.func_wrap(
                &function.name,
                move |store: StoreContextMut<'_, SharedCtx>, raw: Raw<N>| {
                    let call = grace::enter();
                    let target = switch.current(&call);
                    target.call_planned::<N, M>(&plan, &raw, || store.hostcall_fuel())
                },
            )?;
            return Ok(());
        }
        linker.func_wrap(
            &function.name,
            move |store: StoreContextMut<'_, SharedCtx>, Args::<N, true>(frame)| {
                let call = grace::enter();
                if frame.has_handles() {
                    return call_with_handles::<M>(&switch, &call, store, frame);
                }
                let target = switch.current(&call);
                target.call::<M>(frame, Taken::default())
            },
        )?;
    }
    Ok(())
}

/// How the parameters are read, if there is a plan and they are core values.
fn planned<const N: usize>(function: &Function) -> Option<Plan> {
    function.params_plan.clone().filter(|_| N != INDIRECT)
}

/// A call with resources or the like among its arguments, to a function that
/// answers at once. Others should not pay for them.
fn call_with_handles<const M: usize>(
    switch: &Switch,
    call: &Entered,
    mut store: StoreContextMut<'_, SharedCtx>,
    mut frame: PooledFrame,
) -> wasmtime::Result<Results<M>> {
    let current = switch.current(call);
    let older = older(switch, current, store.data(), &frame.handles);
    let target = older.as_deref().unwrap_or(current);
    let mut taken = target.resolve(store.as_context_mut(), &mut frame)?;
    let loans = taken.loans();
    let ended = target.call::<M>(frame, taken);
    loans.give_back(store.data_mut())?;
    ended
}

/// The same, to a function that may answer later.
fn begin_with_handles<'a, const M: usize>(
    switch: &Switch,
    call: &Entered,
    mut store: StoreContextMut<'a, SharedCtx>,
    mut frame: PooledFrame,
) -> Box<dyn Future<Output = wasmtime::Result<Results<M>>> + Send + 'a> {
    let current = switch.current(call);
    let older = older(switch, current, store.data(), &frame.handles);
    let target = older.as_deref().unwrap_or(current);
    let mut taken = match target.resolve(store.as_context_mut(), &mut frame) {
        Ok(taken) => taken,
        Err(error) => return Box::new(ready(Err(error))),
    };
    let loans = taken.loans();
    match target.begin::<M>(frame, taken) {
        Begun::Ended(ended) => {
            let given_back = loans.give_back(store.data_mut());
            Box::new(ready(given_back.and(ended)))
        }
        Begun::Running(running) => Box::new(async move {
            let ended = loans.during(store.data_mut(), running).await;
            loans.give_back(store.data_mut())?;
            ended
        }),
    }
}

/// The target of an earlier generation than the current one's, if a resource
/// among the arguments is of one.
#[inline]
fn older(
    switch: &Switch,
    current: &Target,
    store: &SharedCtx,
    handles: &[Handle],
) -> Option<Arc<Target>> {
    // Where the current one is the first, there are no others.
    if handles.is_empty() || !switch.has_changed() {
        return None;
    }
    let owner = resources::owner(store, handles)?;
    if current.is_of(owner) {
        return None;
    }
    switch.older(owner)
}
