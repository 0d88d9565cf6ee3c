//! Holds what a component imports against what the plugin serves, type by
//! type, before any call can be made.

use std::future::poll_fn;
use std::pin::pin;

use anyhow::Context as _;
use wash_runtime::engine::workload::ResolvedWorkload;
use wash_runtime::wasmtime::component::ResourceType;
use wash_runtime::wasmtime::component::types::{ComponentFunc, ComponentItem};

use crate::flat;
use crate::shape::{self, Shape};
use crate::world::{Function, Interface, InterfaceName, World};

/// A component's function has another type than the plugin's.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{interface}#{function}` has other types than plugin `{plugin}` has: {place} is `{component}` in the component and `{served}` in the plugin; build the component against the plugin's WIT, or use a plugin that serves the component's"
)]
struct Mismatch {
    plugin: String,
    interface: String,
    function: String,
    place: String,
    component: String,
    served: String,
}

/// Checks every function of the item that this plugin serves, and each that it
/// calls: which of the interfaces that it calls the item exports.
pub(super) async fn check(
    plugin: &str,
    world: &World,
    workload: &ResolvedWorkload,
    item_id: &str,
) -> anyhow::Result<Vec<String>> {
    // Only its types are looked at; it is dropped before anybody could run it.
    let mut linked = pin!(workload.instantiate_pre(item_id));
    let linked = poll_fn(|cx| flat::permissive(|| linked.as_mut().poll(cx))).await;
    let linked = match linked {
        Ok(linked) => linked,
        Err(error) if is_service(workload, item_id).await && unknown_id(&error) => {
            // A host that cannot show us its services: linking them still
            // compares the number of values, and each call all values.
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(error).with_context(|| {
                format!(
                    "the component needs more than, or something else than, plugin `{plugin}` and \
                     the host serve"
                )
            });
        }
    };
    let component = linked.component();
    let engine = component.engine();
    let mut resources: Vec<(ResourceType, String)> = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            continue;
        };
        for (ty, export) in instance.exports(engine) {
            // The first interface that has it is the one that defines it.
            if let ComponentItem::Resource(resource) = export.ty
                && !resources.iter().any(|(known, _)| *known == resource)
            {
                resources.push((resource, shape::resource_name(name, ty)));
            }
        }
    }
    let resource = |ty: &ResourceType| {
        let known = resources.iter().find(|(known, _)| known == ty);
        known.map_or_else(|| String::from("(its own)"), |(_, name)| name.clone())
    };
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            continue;
        };
        let Some(served) = world.served().find(|served| serves(served, name)) else {
            continue;
        };
        for (name, export) in instance.exports(engine) {
            let ComponentItem::ComponentFunc(component) = export.ty else {
                continue;
            };
            if let Some(function) = served.functions.iter().find(|f| f.name == name) {
                compare(plugin, world, served, function, &component, &resource)?;
            }
        }
    }
    let mut exported = Vec::new();
    for (name, export) in component.component_type().exports(engine) {
        let ComponentItem::ComponentInstance(instance) = export.ty else {
            continue;
        };
        let Some(called) = world.called().iter().find(|called| serves(called, name)) else {
            continue;
        };
        for function in &called.functions {
            let found = instance.get_export(engine, &function.name);
            let Some(ComponentItem::ComponentFunc(component)) = found.map(|found| found.ty) else {
                anyhow::bail!(
                    "the component exports `{name}` without the function `{}`, which plugin `{plugin}` calls: build it against the plugin's WIT",
                    function.name
                );
            };
            compare(plugin, world, called, function, &component, &resource)?;
        }
        exported.push(called.id.clone());
    }
    Ok(exported)
}

async fn is_service(workload: &ResolvedWorkload, item_id: &str) -> bool {
    !workload.components().read().await.contains_key(item_id)
}

fn unknown_id(error: &anyhow::Error) -> bool {
    error.to_string().contains("component ID not found")
}

/// Whether a component's interface of this name is the plugin's.
fn serves(interface: &Interface, name: &str) -> bool {
    InterfaceName::parse(name).is_some_and(|name| interface.name.serves(&name))
}

fn compare(
    plugin: &str,
    world: &World,
    interface: &Interface,
    function: &Function,
    component: &ComponentFunc,
    resource: &dyn Fn(&ResourceType) -> String,
) -> Result<(), Box<Mismatch>> {
    let mismatch = |place: String, component: String, served: String| {
        Box::new(Mismatch {
            plugin: plugin.to_owned(),
            interface: interface.id.clone(),
            function: function.name.clone(),
            place,
            component,
            served,
        })
    };
    let wit = |ty| Shape::of_wit(world.resolve(), ty);

    let served: Vec<_> = function
        .wit
        .params
        .iter()
        .map(|p| (p.name.as_str(), wit(&p.ty)))
        .collect();
    let given: Vec<_> = component
        .params()
        .map(|(name, ty)| (name, Shape::of_component(&ty, resource)))
        .collect();
    if served.len() != given.len() {
        return Err(mismatch(
            String::from("the list of parameters"),
            signature(&given),
            signature(&served),
        ));
    }
    for ((name, served), (_, given)) in served.iter().zip(&given) {
        if let Some(difference) = given.difference(served) {
            let place = difference.place(&format!("parameter `{name}`"));
            return Err(mismatch(place, difference.left, difference.right));
        }
    }

    let served: Vec<_> = function.wit.result.iter().map(wit).collect();
    let given: Vec<_> = component
        .results()
        .map(|ty| Shape::of_component(&ty, resource))
        .collect();
    match (served.as_slice(), given.as_slice()) {
        ([], []) => {}
        ([served], [given]) => {
            if let Some(difference) = given.difference(served) {
                let place = difference.place("the result");
                return Err(mismatch(place, difference.left, difference.right));
            }
        }
        (served, given) => {
            let text = |shapes: &[Shape]| match shapes {
                [] => String::from("nothing"),
                all => all
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            return Err(mismatch(
                String::from("the result"),
                text(given),
                text(served),
            ));
        }
    }

    let kind = |is_async| String::from(if is_async { "async func" } else { "func" });
    if component.async_() != function.is_concurrent {
        return Err(mismatch(
            String::from("it"),
            kind(component.async_()),
            kind(function.is_concurrent),
        ));
    }
    Ok(())
}

fn signature(params: &[(&str, Shape)]) -> String {
    let params: Vec<_> = params
        .iter()
        .map(|(name, ty)| format!("{name}: {ty}"))
        .collect();
    format!("({})", params.join(", "))
}
