//! The same guest without a plugin: what it imports are functions on wasmtime's
//! own values, which is another way through wasmtime than the loader's. A
//! resource's number is what the host gave it to the guest for.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use wash_runtime::engine::Engine;
use wash_runtime::wasmtime::component::types::{ComponentFunc, ComponentItem};
use wash_runtime::wasmtime::component::{
    Component, InstancePre, Linker, ResourceAny, ResourceDynamic, ResourceType, Type, Val,
};
use wash_runtime::wasmtime::{self, AsContextMut, Store};

use crate::damage::Damage;
use crate::draw::Call;
use crate::guest::DAMAGE;
use crate::handles;
use crate::world::{Called, World};

/// What the functions do at the next call, and saw at the last: values with
/// numbers for resources.
#[derive(Debug, Default)]
struct Exchange {
    result: Vec<Val>,
    seen: Option<Vec<Val>>,
    /// How many types of resources there are.
    types: u32,
}

impl Exchange {
    fn call(
        this: &Mutex<Self>,
        mut store: impl AsContextMut,
        ty: &ComponentFunc,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut this = this.lock().unwrap_or_else(PoisonError::into_inner);
        let params: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
        this.seen = Some(numbers(&mut store, &params, args)?);
        let returned: Vec<Type> = ty.results().collect();
        let values = handles::map(&returned, &this.result, &mut |ty, value| {
            let Type::Own(ty) = ty else {
                bail!("a {ty:?} is returned");
            };
            let known = (0..this.types).find(|n| ResourceType::host_dynamic(*n) == *ty);
            let known = known.context("it is of no type of the host's")?;
            let resource = ResourceDynamic::new_own(handles::number(value)?, known);
            Ok(Val::Resource(resource.try_into_resource_any(&mut store)?))
        })?;
        results.clone_from_slice(&values);
        Ok(())
    }
}

/// The values with numbers for resources, which the host has now if they were
/// given.
fn numbers(mut store: impl AsContextMut, types: &[Type], values: &[Val]) -> Result<Vec<Val>> {
    handles::map(types, values, &mut |_, value| {
        let Val::Resource(resource) = value else {
            bail!("{value:?} is no resource");
        };
        let resource = resource.try_into_resource_dynamic(&mut store)?;
        Ok(Val::U32(resource.rep()))
    })
}

/// The guest, with its imports linked to functions on values.
pub struct Direct {
    engine: Engine,
    linked: InstancePre<()>,
    exchange: Arc<Mutex<Exchange>>,
    makers: Vec<Called>,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").finish_non_exhaustive()
    }
}

/// What was seen at both ends of a call, with numbers for resources.
#[derive(Clone, Debug)]
pub struct Crossed {
    /// The arguments, as the import saw them.
    pub args: Vec<Val>,
    /// The result, as the caller saw it.
    pub results: Vec<Val>,
}

impl Direct {
    /// Links the imports of a world's guest.
    ///
    /// # Errors
    ///
    /// If they do not fit.
    pub fn new(engine: &Engine, guest: &Component, world: &World) -> Result<Self> {
        let mut linker = Linker::<()>::new(engine.inner());
        let exchange = Arc::new(Mutex::new(Exchange {
            types: resources(engine, guest, &mut linker)?,
            ..Exchange::default()
        }));
        for called in &world.called {
            let exchange = Arc::clone(&exchange);
            let mut interface = linker.instance(&called.interface)?;
            if called.is_concurrent {
                interface.func_new_concurrent(&called.name, move |store, ty, args, results| {
                    let exchange = Arc::clone(&exchange);
                    Box::pin(async move {
                        let called = store
                            .with(|store| Exchange::call(&exchange, store, &ty, args, results));
                        called.map_err(wasmtime::Error::from_anyhow)
                    })
                })?;
            } else {
                interface.func_new(&called.name, move |store, ty, args, results| {
                    let called = Exchange::call(&exchange, store, &ty, args, results);
                    called.map_err(wasmtime::Error::from_anyhow)
                })?;
            }
        }
        Ok(Self {
            engine: engine.clone(),
            linked: linker.instantiate_pre(guest)?,
            exchange,
            makers: world.makers.clone(),
        })
    }

    /// Makes a call in a fresh instance, which may damage its arguments before.
    ///
    /// # Errors
    ///
    /// If wasmtime or the guest does not manage.
    pub async fn call(&self, call: &Call<'_>, damage: Option<Damage>) -> Result<Crossed> {
        let mut store = Store::new(self.engine.inner(), ());
        // The engine's guests may be interrupted every so often; this one never.
        store.set_epoch_deadline(1 << 60);
        let instance = self.linked.instantiate_async(&mut store).await?;
        let func = |store: &mut Store<()>, name: &str| {
            let func = instance.get_func(store, name);
            func.with_context(|| format!("it does not export `{name}`"))
        };
        let mut made: Vec<(u32, ResourceAny)> = Vec::new();
        for (maker, numbers) in self.makers.iter().zip(&call.made) {
            // As the other one does: their handles are the same in both guests.
            if numbers.is_empty() {
                continue;
            }
            let values = numbers.iter().copied().map(Val::U32);
            self.next(vec![Val::List(values.collect())]);
            let mut results = [Val::Bool(false)];
            let func = func(&mut store, &maker.export)?;
            func.call_async(&mut store, &[], &mut results).await?;
            let [Val::List(resources)] = results else {
                bail!("`{}` makes no list", maker.name);
            };
            for (number, resource) in numbers.iter().zip(resources) {
                if let Val::Resource(resource) = resource {
                    made.push((*number, resource));
                }
            }
        }
        if let Some(damage) = damage {
            let func = func(&mut store, DAMAGE)?;
            func.call_async(&mut store, &damage.arguments(), &mut [])
                .await?;
        }
        let function = call.function;
        let arguments = handles::map(&function.params, &call.arguments, &mut |_, value| {
            let number = handles::number(value)?;
            let at = made.iter().position(|(made, _)| *made == number);
            let at = at.context("it was not made")?;
            Ok(Val::Resource(made.swap_remove(at).1))
        })?;
        self.next(call.result.clone());
        let func = func(&mut store, &function.called.export)?;
        let types: Vec<Type> = func.ty(&store).results().collect();
        let mut results = vec![Val::Bool(false); call.result.len()];
        func.call_async(&mut store, &arguments, &mut results)
            .await?;
        let args = self.edit(|exchange| exchange.seen.take());
        Ok(Crossed {
            args: args.context("the import was not called")?,
            results: numbers(&mut store, &types, &results)?,
        })
    }

    /// What an import returns from now on.
    fn next(&self, result: Vec<Val>) {
        self.edit(|exchange| {
            exchange.result = result;
            exchange.seen = None;
        });
    }

    fn edit<R>(&self, f: impl FnOnce(&mut Exchange) -> R) -> R {
        f(&mut self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Defines the types of resources that the guest imports: how many.
fn resources(engine: &Engine, guest: &Component, linker: &mut Linker<()>) -> Result<u32> {
    // An interface may have a type of another one.
    let mut known: Vec<ResourceType> = Vec::new();
    for (name, import) in guest.component_type().imports(engine.inner()) {
        let ComponentItem::ComponentInstance(import) = import.ty else {
            continue;
        };
        for (name_of_type, export) in import.exports(engine.inner()) {
            let ComponentItem::Resource(ty) = export.ty else {
                continue;
            };
            let number = known.iter().position(|known| *known == ty);
            let number = number.unwrap_or(known.len());
            if number == known.len() {
                known.push(ty);
            }
            let ty = ResourceType::host_dynamic(u32::try_from(number)?);
            let mut interface = linker.instance(name)?;
            interface.resource(name_of_type, ty, |_, _| Ok(()))?;
        }
    }
    Ok(u32::try_from(known.len())?)
}
